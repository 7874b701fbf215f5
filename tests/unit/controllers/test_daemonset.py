from __future__ import annotations

from typing import Any

from wherry.controllers.daemonset.placement import pin, pinned_to, tolerations, verdict
from wherry.controllers.daemonset.plan import place, plan, status_of
from wherry.controllers.history import HASH

from .test_nodes import node
from .world import NOW, pod, template, typed


def daemon(spec: dict[str, Any] | None = None, **more: Any) -> Any:
    shape = template()
    shape["spec"] |= spec or {}
    full = {"selector": {"matchLabels": {"app": "web"}}, "template": shape, **more}
    metadata = {"name": "d", "namespace": "ns", "uid": "d", "generation": 1}
    return typed({"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": metadata, "spec": full})


def on(name: str, where: str, digest: str = "one", **status: Any) -> Any:
    return pod(name, labels={"app": "web", HASH: digest}, node=where, **status)


def taint(key: str, effect: str) -> dict[str, str]:
    return {"key": key, "effect": effect}


def fits(owner: Any, where: Any) -> tuple[bool, bool]:
    found = verdict(owner.spec.template, where)
    return found.run, found.stay


def test_fit_nodes() -> None:
    assert fits(daemon(), node()) == (True, True)
    assert fits(daemon({"nodeSelector": {"disk": "ssd"}}), node()) == (False, False)
    assert fits(daemon(), node(taints=[taint("x", "NoSchedule")])) == (False, True)
    assert fits(daemon(), node(taints=[taint("x", "NoExecute")])) == (False, False)
    assert fits(daemon(), node(taints=[taint("node.kubernetes.io/not-ready", "NoExecute")])) == (True, True)
    tolerant = daemon({"tolerations": [{"operator": "Exists"}]})
    assert fits(tolerant, node(taints=[taint("x", "NoExecute")])) == (True, True)
    expression = {"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["a"]}
    required = {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}
    picky = daemon(
        {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}}
    )
    assert fits(picky, node(zone="a")) == (True, True)
    assert fits(picky, node(zone="b")) == (False, False)


def test_a_pinned_pod_is_known_by_its_node_and_keeps_other_terms() -> None:
    expression = {"key": "a", "operator": "Exists"}
    required = {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}
    spec: dict[str, Any] = {
        "containers": [],
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}},
    }
    pin(spec, "n7")
    made = typed({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec})
    assert pinned_to(made) == "n7"
    terms = spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert terms["nodeSelectorTerms"][0]["matchExpressions"] == [expression]
    assert len(tolerations(True)) == len(tolerations(False)) + 1


def test_one_pod_a_node_and_none_where_it_may_not_be() -> None:
    nodes = [node("a"), node("b"), node("c", taints=[taint("x", "NoExecute")])]
    owned = [on("a1", "a"), on("a2", "a"), on("c1", "c"), on("gone", "nowhere")]
    todo = plan(daemon(), place(daemon(), nodes, owned), "one", NOW)
    assert todo.create == ("b",)
    assert sorted(p.metadata.name for p in todo.delete) == ["a2", "c1", "gone"]


def test_update_takes_what_does_not_serve_first_and_then_one_at_a_time() -> None:
    nodes = [node(name) for name in "abc"]
    owned = [on("a1", "a"), on("b1", "b", ready=False), on("c1", "c")]
    todo = plan(daemon(), place(daemon(), nodes, owned), "two", NOW)
    assert [p.metadata.name for p in todo.delete] == ["b1"]
    ready = [on("a1", "a"), on("b1", "b", "two"), on("c1", "c")]
    todo = plan(daemon(), place(daemon(), nodes, ready), "two", NOW)
    assert [p.metadata.name for p in todo.delete] == ["a1"]
    more = daemon(updateStrategy={"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "60%"}})
    todo = plan(more, place(more, nodes, ready), "two", NOW)
    assert [p.metadata.name for p in todo.delete] == ["a1", "c1"]
    manual = daemon(updateStrategy={"type": "OnDelete"})
    assert plan(manual, place(manual, nodes, ready), "two", NOW).delete == ()


def test_failed_pods_are_told_and_made_anew() -> None:
    owned = [on("a1", "a", phase="Failed", ready=False)]
    todo = plan(daemon(), place(daemon(), [node("a")], owned), "one", NOW)
    assert [p.metadata.name for p in todo.failed] == ["a1"]
    assert todo.delete == todo.failed


def test_status_counts_nodes() -> None:
    nodes = [node("a"), node("b"), node("c", taints=[taint("x", "NoSchedule")])]
    owned = [on("a1", "a"), on("c1", "c")]
    assert status_of(daemon(), place(daemon(), nodes, owned), "one", NOW) == {
        "currentNumberScheduled": 1,
        "desiredNumberScheduled": 2,
        "numberMisscheduled": 1,
        "numberReady": 1,
        "numberAvailable": 1,
        "numberUnavailable": 1,
        "updatedNumberScheduled": 1,
        "observedGeneration": 1,
    }
