from __future__ import annotations

import ipaddress
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from wherry.clock import rfc3339
from wherry.controllers.nodes import health
from wherry.controllers.nodes.eviction import evict_in
from wherry.controllers.nodes.ipam import Pool
from wherry.controllers.nodes.zones import pace
from wherry.controllers.settings import ControllersSettings

from .world import NOW, pod, typed


def node(name: str = "n", ready: str = "True", zone: str = "", **spec: Any) -> Any:
    conditions = [{"type": "Ready", "status": ready}] if ready else []
    labels = {"topology.kubernetes.io/zone": zone} if zone else {}
    return typed(
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "labels": labels, "creationTimestamp": rfc3339(NOW - 100)},
            "spec": spec,
            "status": {"conditions": conditions},
        }
    )


def keys(found: Any) -> list[tuple[str, str]]:
    return [(t["key"], t["effect"]) for t in found]


def test_silent_node_gets_unknown_conditions_once() -> None:
    told = health.unknown_conditions(node(), NOW)
    assert [(c["type"], c["reason"]) for c in told][:2] == [
        ("Ready", "NodeStatusUnknown"),
        ("MemoryPressure", "NodeStatusNeverUpdated"),
    ]
    assert "Ready" not in [c["type"] for c in health.unknown_conditions(node(ready="Unknown"), NOW)]


def test_taints_follow_conditions_and_leave_others_alone() -> None:
    assert health.taints(node(), "", NOW) is None
    down = node(ready="Unknown", taints=[{"key": "mine", "effect": "NoSchedule"}])
    made = health.taints(down, health.no_execute_key(down), NOW)
    assert keys(made) == [
        ("mine", "NoSchedule"),
        (health.UNREACHABLE, "NoSchedule"),
        (health.UNREACHABLE, "NoExecute"),
    ]
    back = node(taints=made)
    assert keys(health.taints(back, "", NOW)) == [("mine", "NoSchedule")]
    cordoned = node(unschedulable=True)
    assert keys(health.taints(cordoned, "", NOW)) == [(health.UNSCHEDULABLE, "NoSchedule")]


def test_hearing_anything_new_restarts_the_clock() -> None:
    heard = health.Heard(at=0.0)
    heard.listen("a", "1", 5.0)
    assert heard.at == 5.0
    heard.listen("a", "1", 9.0)
    assert heard.at == 5.0
    heard.listen("a", "2", 9.0)
    assert heard.at == 9.0


def test_pace_stops_when_nobody_answers_and_slows_in_a_bad_zone() -> None:
    settings = ControllersSettings()
    assert pace([node(ready="Unknown")], settings).disrupted
    one_of_three = [node("a", "Unknown"), node("b"), node("c")]
    assert pace(one_of_three, settings).interval(":") == 10
    most = [node(str(i), "Unknown" if i < 6 else "True") for i in range(10)]
    assert pace(most, settings).interval(":") is None
    large = [node(str(i), "Unknown" if i < 60 else "True") for i in range(100)]
    assert pace(large, settings).interval(":") == 100


def test_eviction_waits_for_the_shortest_toleration() -> None:
    taint = {"key": health.UNREACHABLE, "effect": "NoExecute", "timeAdded": rfc3339(NOW - 100)}
    taints = node(taints=[taint]).spec.taints
    assert evict_in(pod("a"), taints, NOW) == 0

    def tolerating(*seconds: int | None) -> Any:
        return pod(
            "a",
            spec={
                "tolerations": [
                    {
                        "key": health.UNREACHABLE,
                        "operator": "Exists",
                        "effect": "NoExecute",
                        **({} if s is None else {"tolerationSeconds": s}),
                    }
                    for s in seconds
                ]
            },
        )

    assert evict_in(tolerating(300), taints, NOW) == 200
    assert evict_in(tolerating(300, 150), taints, NOW) == 50
    assert evict_in(tolerating(10), taints, NOW) == 0
    assert evict_in(tolerating(None), taints, NOW) is None
    assert evict_in(pod("a"), node(taints=[{"key": "x", "effect": "NoSchedule"}]).spec.taints, NOW) is None


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.booleans()), max_size=60))
def test_ranges_are_never_given_twice_and_come_back(steps: list[tuple[str, bool]]) -> None:
    pool = Pool(ipaddress.ip_network("10.0.0.0/21"), 24, (ipaddress.ip_network("10.0.2.0/24"),))
    held: dict[str, Any] = {}
    for name, take in steps:
        if take:
            got = pool.take(name)
            if got is None:
                assert len(held) == 7
            else:
                assert held.setdefault(name, got) == got
        else:
            pool.release(name)
            held.pop(name, None)
        assert len(set(held.values())) == len(held)
        assert ipaddress.ip_network("10.0.2.0/24") not in held.values()


def test_a_range_read_from_a_node_is_taken() -> None:
    pool = Pool(ipaddress.ip_network("10.0.0.0/16"), 24)
    pool.occupy("a", "10.0.0.0/24")
    assert str(pool.take("b")) == "10.0.1.0/24"
    assert str(pool.take("a")) == "10.0.0.0/24"
