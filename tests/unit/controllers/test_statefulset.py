from __future__ import annotations

import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from wherry.controllers.history import HASH
from wherry.controllers.pods import is_ready
from wherry.controllers.statefulset.identity import claims, ordinal, pod_of
from wherry.controllers.statefulset.plan import plan, status_of, wanted

from .world import NOW, pod, template, typed


def stateful(replicas: int = 3, **spec: Any) -> Any:
    full = {
        "replicas": replicas,
        "serviceName": "svc",
        "selector": {"matchLabels": {"app": "web"}},
        "template": template(),
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
        **spec,
    }
    metadata = {"name": "db", "namespace": "ns", "uid": "db", "generation": 1}
    return typed({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": metadata, "spec": full})


def member(number: int, revision: str = "r1", **status: Any) -> Any:
    return pod(f"db-{number}", labels={"app": "web", HASH: revision}, **status)


def names(pods: Any) -> list[str]:
    return [one.metadata.name for one in pods]


def test_pods_come_in_order_each_when_those_before_are_ready() -> None:
    assert plan(stateful(), [], "r1", NOW).create == (0,)
    assert plan(stateful(), [member(0, ready=False)], "r1", NOW).create == ()
    assert plan(stateful(), [member(0)], "r1", NOW).create == (1,)
    assert plan(stateful(), [member(0), member(2)], "r1", NOW).create == (1,)
    parallel = stateful(podManagementPolicy="Parallel")
    assert plan(parallel, [member(1, ready=False)], "r1", NOW).create == (0, 2)


def test_pods_go_from_the_last() -> None:
    assert names(plan(stateful(1), [member(n) for n in range(3)], "r1", NOW).delete) == ["db-2"]
    going = member(2, deletionTimestamp="2026-01-01T00:00:00Z")
    assert plan(stateful(1), [member(0), member(1), going], "r1", NOW).delete == ()


def test_update_goes_from_the_last_down_to_the_partition() -> None:
    old = [member(n) for n in range(3)]
    assert names(plan(stateful(), old, "r2", NOW).delete) == ["db-2"]
    waiting = [member(0), member(1), member(2, "r2", ready=False)]
    assert plan(stateful(podManagementPolicy="Parallel"), waiting, "r2", NOW).delete == ()
    done = [member(0), member(1), member(2, "r2")]
    assert names(plan(stateful(), done, "r2", NOW).delete) == ["db-1"]
    held = stateful(updateStrategy={"type": "RollingUpdate", "rollingUpdate": {"partition": 2}})
    assert plan(held, done, "r2", NOW).delete == ()
    manual = stateful(updateStrategy={"type": "OnDelete"})
    assert plan(manual, old, "r2", NOW).delete == ()


def test_failed_pods_are_made_anew() -> None:
    assert names(plan(stateful(), [member(0, phase="Failed", ready=False)], "r1", NOW).delete) == ["db-0"]


def test_identity() -> None:
    claim = {"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"]}}
    owner = stateful(volumeClaimTemplates=[claim])
    made = pod_of(owner, 2, "db-abc", template())
    assert made["metadata"]["name"] == "db-2"
    assert made["metadata"]["labels"] == {
        "app": "web",
        "statefulset.kubernetes.io/pod-name": "db-2",
        "apps.kubernetes.io/pod-index": "2",
        HASH: "db-abc",
    }
    assert (made["spec"]["hostname"], made["spec"]["subdomain"]) == ("db-2", "svc")
    volume = {"name": "data", "persistentVolumeClaim": {"claimName": "data-db-2"}}
    assert made["spec"]["volumes"] == [volume]
    assert [c["metadata"]["name"] for c in claims(owner, 2)] == ["data-db-2"]
    assert ordinal(owner, member(2)) == 2
    assert ordinal(owner, pod("db-02")) is None
    assert ordinal(owner, pod("other-1")) is None
    assert list(wanted(stateful(2, ordinals={"start": 5}))) == [5, 6]


def test_status_completes_with_the_last_pod() -> None:
    part = status_of(stateful(), [member(0), member(1), member(2, "r2")], "r1", "r2", NOW)
    assert (part["currentReplicas"], part["updatedReplicas"], part["currentRevision"]) == (2, 1, "r1")
    whole = status_of(stateful(), [member(n, "r2") for n in range(3)], "r1", "r2", NOW)
    assert (whole["currentReplicas"], whole["currentRevision"]) == (3, "r2")
    assert whole["availableReplicas"] == 3


@given(seed=st.integers(0, 2000), sizes=st.lists(st.integers(0, 6), min_size=1, max_size=4))
def test_ordered_sets_never_miss_a_ready_pod_below_and_end_as_wanted(seed: int, sizes: list[int]) -> None:
    rng = random.Random(seed)
    members: dict[int, Any] = {}
    for round_, size in enumerate([*sizes, sizes[-1]]):
        owner, revision = stateful(size), f"r{round_ // 2}"
        for _ in range(120):
            todo = plan(owner, list(members.values()), revision, NOW)
            assert len(todo.create) + len(todo.delete) <= 1
            for number in todo.create:
                assert all(is_ready(members[below]) for below in range(number))
                members[number] = member(number, revision, ready=False)
            for one in todo.delete:
                del members[int(one.metadata.name.removeprefix("db-"))]
            for number, one in list(members.items()):
                if rng.random() < 0.5:
                    members[number] = member(number, one.metadata.labels[HASH])
        assert sorted(members) == list(range(size))
        assert all(one.metadata.labels[HASH] == revision for one in members.values())
