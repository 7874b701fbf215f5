from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.kubelet.actions import Plan, Probed, plan

from .kit import box, pod, ran, seen

SIDE = {"name": "side", "restartPolicy": "Always"}


def starts(planned: Plan) -> list[str]:
    return [start.container.name for start in planned.start]


def stops(planned: Plan) -> list[str]:
    return [stop.container.name for stop in planned.stop]


def test_a_new_pod_gets_a_sandbox_and_all_its_containers() -> None:
    planned = plan(pod("a", "b"), seen(boxes=()), Probed())
    assert planned.new_sandbox and planned.attempt == 0 and starts(planned) == ["a", "b"]


def test_init_containers_come_one_by_one() -> None:
    wanted = pod("c", init=("one", "two"))
    assert starts(plan(wanted, seen(boxes=()), Probed())) == ["one"]
    assert plan(wanted, seen(ran("one")), Probed()) == Plan()
    assert starts(plan(wanted, seen(ran("one", "exited")), Probed())) == ["two"]
    done = seen(ran("one", "exited"), ran("two", "exited"))
    assert starts(plan(wanted, done, Probed())) == ["c"]


def test_a_sidecar_starts_before_what_follows_and_is_kept() -> None:
    wanted = pod("c", init=(SIDE, "two"))
    assert starts(plan(wanted, seen(boxes=()), Probed())) == ["side"]
    not_yet = Probed(starting=frozenset({"side0"}))
    assert plan(wanted, seen(ran("side")), not_yet) == Plan()
    assert starts(plan(wanted, seen(ran("side")), Probed())) == ["two"]
    alive = seen(ran("side", "exited", 1), ran("two", "exited"), ran("c"))
    assert starts(plan(wanted, alive, Probed())) == ["side"]


@pytest.mark.parametrize(
    ("policy", "code", "again"),
    [
        ("Always", 0, True),
        ("Always", 1, True),
        ("OnFailure", 0, False),
        ("OnFailure", 1, True),
        ("Never", 0, False),
        ("Never", 1, False),
    ],
)
def test_restart_policy(policy: str, code: int, again: bool) -> None:
    planned = plan(pod("c", "d", restartPolicy=policy), seen(ran("c", "exited", code), ran("d")), Probed())
    assert starts(planned) == (["c"] if again else []) and not planned.finished
    if again:
        assert planned.start[0].attempt == 1 and planned.start[0].last is not None
    alone = plan(pod("c", restartPolicy=policy), seen(ran("c", "exited", code)), Probed())
    assert alone.finished is not again


def test_a_containers_own_restart_rules_win() -> None:
    rules = [{"action": "Restart", "exitCodes": {"operator": "In", "values": [42]}}]
    wanted = pod({"name": "c", "restartPolicy": "Never", "restartPolicyRules": rules}, restartPolicy="Always")
    assert starts(plan(wanted, seen(ran("c", "exited", 42)), Probed())) == ["c"]
    assert plan(wanted, seen(ran("c", "exited", 1)), Probed()).finished


def test_a_failed_init_container_ends_a_pod_that_never_restarts() -> None:
    failed = seen(ran("one", "exited", 1))
    assert plan(pod("c", init=("one",), restartPolicy="Never"), failed, Probed()).finished
    assert starts(plan(pod("c", init=("one",), restartPolicy="Always"), failed, Probed())) == ["one"]


def test_a_lost_sandbox_is_stopped_first_and_then_replaced() -> None:
    wanted = pod("c", init=("one",))
    runs = (ran("one", "exited"), ran("c"))
    assert plan(wanted, seen(*runs, boxes=(box(ready=False),)), Probed()) == Plan(stop_sandboxes=True)
    assert plan(wanted, seen(*runs, boxes=(box(ips=()),)), Probed()) == Plan(stop_sandboxes=True)
    dead = seen(ran("one", "exited"), ran("c", "exited", 137), boxes=(box(ready=False),))
    planned = plan(wanted, dead, Probed())
    assert planned.new_sandbox and planned.attempt == 1 and starts(planned) == ["one"]
    assert planned.start[0].attempt == 1


def test_a_finished_pod_gets_no_new_sandbox() -> None:
    dead = seen(ran("c", "exited", 137), boxes=(box(ready=False),))
    assert plan(pod("c", restartPolicy="Never"), dead, Probed()).finished


def test_init_containers_of_an_old_sandbox_do_not_count() -> None:
    view = seen(
        ran("one", "exited"),
        ran("c", "exited", 137),
        boxes=(box(1), box(0, ready=False)),
    )
    assert starts(plan(pod("c", init=("one",)), view, Probed())) == ["one"]


def test_host_network_needs_no_address() -> None:
    view = seen(ran("c"), boxes=(box(ips=()),))
    assert plan(pod("c", hostNetwork=True), view, Probed()) == Plan()


def test_failing_probes_stop_a_container() -> None:
    planned = plan(pod("c"), seen(ran("c")), Probed({"c0": "liveness"}))
    assert stops(planned) == ["c"] and planned.stop[0].message == "Container c failed liveness probe"
    initial = plan(pod("c", init=("one",)), seen(ran("one")), Probed({"one0": "startup"}))
    assert initial.stop[0].message == "Init container one failed startup probe"


def test_unknown_is_stopped_and_created_is_started_anew() -> None:
    assert stops(plan(pod("c"), seen(ran("c", "unknown")), Probed())) == ["c"]
    planned = plan(pod("c"), seen(ran("c", "created")), Probed())
    assert starts(planned) == ["c"] and planned.start[0].attempt == 1 and planned.start[0].last is None


def test_ephemeral_containers_start_once() -> None:
    wanted = pod("c", ephemeralContainers=[{"name": "e", "image": "x"}])
    assert starts(plan(wanted, seen(ran("c")), Probed())) == ["e"]
    assert plan(wanted, seen(ran("c"), ran("e", "exited", 1)), Probed()) == Plan()


def test_what_the_runtime_forgot_the_status_remembers() -> None:
    status = {"containerStatuses": [{"name": "c", "containerID": "x://1", "restartCount": 4}]}
    planned = plan(pod("c", status=status), seen(boxes=()), Probed())
    assert planned.start[0].attempt == 5


RUNS = st.sampled_from([None, ("running", 0), ("exited", 0), ("exited", 1), ("created", 0), ("unknown", 0)])


@given(
    st.lists(RUNS, min_size=4, max_size=4),
    st.sampled_from(["Always", "OnFailure", "Never"]),
    st.booleans(),
)
def test_a_plan_never_contradicts_itself(runs: list[Any], policy: str, alive: bool) -> None:
    """What runs is never started; a finished pod starts nothing; main containers wait for init."""
    wanted = pod("a", "b", init=("i", SIDE), restartPolicy=policy)
    names = ("i", "side", "a", "b")
    found = [ran(n, *r) for n, r in zip(names, runs, strict=True) if r is not None]
    view = seen(*found, boxes=(box(ready=alive),))
    planned = plan(wanted, view, Probed())
    running = {run.name for run in view.running()}
    if not planned.new_sandbox:
        assert not running & set(starts(planned))
    if planned.finished:
        assert not planned.start and not planned.new_sandbox
    if planned.stop_sandboxes:
        assert planned == Plan(stop_sandboxes=True)
    assert len(starts(planned)) == len(set(starts(planned)))
    fresh = view.current("a") is None and view.current("b") is None
    if fresh and {"a", "b"} & set(starts(planned)) and not planned.new_sandbox:
        first = view.current("i")
        assert first is not None and first.state == "exited" and first.exit_code == 0
