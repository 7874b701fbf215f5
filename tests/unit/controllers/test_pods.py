from __future__ import annotations

from wherry.controllers import pods

from .world import NOW, pod


def order(*given: object, rank: dict[str, int] | None = None) -> list[str]:
    ranks = rank or {}
    ranked = pods.deletion_order(list(given), lambda one: ranks.get(one.metadata.name, 0), NOW)
    return [one.metadata.name for one in ranked]


def test_deletion_order_asks_upstreams_questions_one_after_the_other() -> None:
    cost = {"annotations": {pods.DELETION_COST: "-5"}}
    assert order(pod("bound"), pod("unbound", node="")) == ["unbound", "bound"]
    assert order(pod("running"), pod("pending", phase="Pending")) == ["pending", "running"]
    assert order(pod("ready"), pod("unready", ready=False)) == ["unready", "ready"]
    assert order(pod("dear"), pod("cheap", **cost)) == ["cheap", "dear"]
    assert order(pod("alone"), pod("crowded"), rank={"crowded": 2}) == ["crowded", "alone"]
    young = pod("young", ready_at=NOW - 1)
    assert order(pod("old", ready_at=NOW - 1000), young) == ["young", "old"]


def test_ages_of_the_same_magnitude_fall_to_the_uid() -> None:
    assert order(pod("b", ready_at=NOW - 1000), pod("a", ready_at=NOW - 1001)) == ["a", "b"]


def test_restarts_and_creation_count_last() -> None:
    status = {"name": "c", "image": "i", "imageID": "", "ready": True, "restartCount": 3}
    often = pod("often", containerStatuses=[status])
    assert order(pod("never"), often) == ["often", "never"]
    assert order(pod("old", created=NOW - 10000), pod("new", created=NOW - 1)) == ["new", "old"]


def test_availability_waits_for_min_ready_seconds() -> None:
    one = pod("a", ready_at=NOW - 4)
    assert pods.available_in(one, 10, NOW) == 6
    assert not pods.is_available(one, 10, NOW)
    assert pods.is_available(one, 4, NOW)
    assert pods.is_available(one, 0, NOW)
    assert pods.next_check([one, pod("b", ready_at=NOW - 9), pod("c", ready=False)], 10, NOW) == 1


def test_name_prefix_drops_the_dash_when_there_is_no_room() -> None:
    assert pods.name_prefix("web") == "web-"
    assert pods.name_prefix("x" * 253) == "x" * 253
