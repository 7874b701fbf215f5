from __future__ import annotations

from typing import Any

from wherry.controllers.replicaset import BURST, plan, status_of

from .world import NOW, pod, template, typed


def replica_set(replicas: int, **status: Any) -> Any:
    return typed(
        {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {"name": "web", "namespace": "ns", "uid": "web", "generation": 2},
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": {"app": "web"}},
                "template": template(),
            },
            "status": {"replicas": 0, **status},
        }
    )


def test_makes_what_is_missing_in_bounded_steps() -> None:
    assert plan(replica_set(3), [pod("a")], (), NOW).create == 2
    assert plan(replica_set(2000), [], (), NOW).create == BURST
    assert plan(replica_set(1), [pod("a")], (), NOW) == plan(replica_set(0), [], (), NOW)


def test_deletes_the_least_useful_first() -> None:
    active = [pod("good"), pod("broken", ready=False), pod("crowded", node="n2")]
    related = [*active, pod("other", node="n2"), pod("another", node="n2")]
    names = [p.metadata.name for p in plan(replica_set(1), active, related, NOW).delete]
    assert names == ["broken", "crowded"]


def test_status_counts_and_leaves_zeros_out() -> None:
    active = [pod("a", labels={"app": "web"}), pod("b", labels={}, ready=False)]
    assert status_of(replica_set(2), active, 1, None, NOW) == {
        "replicas": 2,
        "fullyLabeledReplicas": 1,
        "readyReplicas": 1,
        "availableReplicas": 1,
        "terminatingReplicas": 1,
        "observedGeneration": 2,
    }
    assert status_of(replica_set(0), [], None, None, NOW) == {"replicas": 0, "observedGeneration": 2}


def test_a_failure_stays_told_until_it_is_over() -> None:
    failed = status_of(replica_set(1), [], 0, ("FailedCreate", "quota"), NOW)
    assert [(c["type"], c["status"], c["reason"], c["message"]) for c in failed["conditions"]] == [
        ("ReplicaFailure", "True", "FailedCreate", "quota")
    ]
    again = replica_set(1, conditions=failed["conditions"])
    later = status_of(again, [], 0, ("FailedCreate", "another text"), NOW + 5)
    assert later["conditions"] == failed["conditions"]
    assert "conditions" not in status_of(again, [], 0, None, NOW + 9)
