"""The core as a whole: assuming, waking, forgetting, nominations and preemption."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from wherry.scheduler.core import Core
from wherry.scheduler.decisions import Bind, Evict, Report

from . import world
from .world import decide, node, node_of, pod


def in_loop(check: Callable[[], None]) -> None:
    async def run() -> None:
        check()

    asyncio.run(run())


def place_of(made: Core, name: str) -> str | None:
    pending = made.queue.get(f"d/{name}")
    return pending.place if pending is not None else None


def test_an_assumed_pod_takes_its_place_at_once() -> None:
    def check() -> None:
        made = world.core(node("n1", cpu="1"))
        assert node_of(decide(made, pod("a", requests={"cpu": "1"}))) == "n1"
        assert node_of(decide(made, pod("b", requests={"cpu": "1"}))) is None

    in_loop(check)


def test_a_confirmed_pod_counts_once() -> None:
    def check() -> None:
        made = world.core(node("n1", cpu="2"))
        waiting = pod("a", requests={"cpu": "1"})
        decide(made, waiting)
        made.on_pod("modified", waiting, pod("a", requests={"cpu": "1"}, node="n1"))
        assert made.cache.nodes.used[0, 0] == 1000
        made.on_pod("deleted", pod("a", node="n1", requests={"cpu": "1"}), None)
        assert made.cache.nodes.used[0, 0] == 0

    in_loop(check)


def test_a_failed_binding_gives_the_place_back_and_retries_later() -> None:
    def check() -> None:
        made = world.core(node("n1", cpu="1"))
        bind = decide(made, pod("a", requests={"cpu": "1"}))[0]
        assert isinstance(bind, Bind)
        decide(made, pod("b", requests={"cpu": "1"}))
        assert place_of(made, "b") == "unschedulable"
        report = made.unbound(bind.pending, "no")
        assert report is not None and report.reason == "SchedulerError"
        assert place_of(made, "a") == "backoff"
        assert place_of(made, "b") == "backoff"
        assert made.cache.nodes.used[0, 0] == 0

    in_loop(check)


def test_a_binding_that_fails_after_confirmation_changes_nothing() -> None:
    def check() -> None:
        made = world.core(node("n1"))
        bind = decide(made, pod("a"))[0]
        assert isinstance(bind, Bind)
        made.on_pod("modified", bind.pending.pod, pod("a", node="n1"))
        assert made.unbound(bind.pending, "late") is None
        assert made.queue.get("d/a") is None

    in_loop(check)


def test_only_changes_that_help_wake_a_pod() -> None:
    def check() -> None:
        made = world.core(node("small", cpu="1"))
        decide(made, pod("big", requests={"cpu": "2"}))
        for event in (node("other", cpu="1"), node("small", cpu="1", labels={"x": "y"})):
            made.on_node("modified", None, event)
            assert place_of(made, "big") == "unschedulable"
        made.on_node("added", None, node("large", cpu="4"))
        assert place_of(made, "big") == "backoff"
        pending = made.queue.pop_nowait()  # nothing else to do: tried before its backoff ends
        assert pending is not None
        assert node_of(made.decide(pending)) == "large"

    in_loop(check)


def test_a_pod_waiting_for_company_wakes_when_it_comes() -> None:
    def check() -> None:
        made = world.core(node("n1", labels={"zone": "a"}))
        near = world.terms(world.term("zone", app="db"))
        decide(made, pod("web", affinity=near))
        decide(made, pod("other"))
        assert place_of(made, "web") == "unschedulable"
        decide(made, pod("db", labels={"app": "db"}))
        assert place_of(made, "web") == "backoff"

    in_loop(check)


def test_gated_leaving_and_foreign_pods_are_not_queued() -> None:
    def check() -> None:
        made = world.core(node("n1"))
        gone = {"deletionTimestamp": "2026-01-01T00:00:00Z"}
        for each in (
            pod("gated", schedulingGates=[{"name": "x/y"}]),
            pod("leaving", meta=gone),
            pod("foreign", schedulerName="other"),
        ):
            made.on_pod("added", None, each)
        assert len(made.queue) == 0
        made.on_pod("modified", pod("gated", schedulingGates=[{"name": "x/y"}]), pod("gated"))
        assert place_of(made, "gated") == "active"

    in_loop(check)


def test_a_status_update_does_not_wake_a_pod_a_spec_update_does() -> None:
    def check() -> None:
        made = world.core(node("n1", cpu="1"))
        old = pod("p", requests={"cpu": "2"})
        decide(made, old)
        said = {"conditions": [{"type": "PodScheduled", "status": "False"}]}
        new = pod("p", requests={"cpu": "2"}, status=said)
        made.on_pod("modified", old, new)
        assert place_of(made, "p") == "unschedulable"
        made.on_pod("modified", new, pod("p", requests={"cpu": "2"}, nodeSelector={"a": "b"}))
        assert place_of(made, "p") == "backoff"

    in_loop(check)


def test_a_recreated_pod_is_a_new_pod() -> None:
    def check() -> None:
        made = world.core(node("n1", cpu="1"))
        old = pod("p", node="n1", requests={"cpu": "1"})
        made.on_pod("added", None, old)
        again = pod("p", requests={"cpu": "1"}, meta={"uid": "another"})
        made.on_pod("modified", old, again)
        pending = made.queue.pop_nowait()
        assert pending is not None
        assert node_of(made.decide(pending)) == "n1"

    in_loop(check)


def test_pods_on_a_node_that_is_not_known_yet_count_when_it_comes() -> None:
    def check() -> None:
        made = world.core()
        made.on_pod("added", None, pod("a", node="n1", requests={"cpu": "1"}))
        made.on_node("added", None, node("n1", cpu="1"))
        assert node_of(decide(made, pod("b", requests={"cpu": "1"}))) is None

    in_loop(check)


def low(name: str, where: str, priority: int = 0, **more: Any) -> Any:
    return pod(name, node=where, priority=priority, requests={"cpu": "1"}, **more)


def test_preemption_takes_the_least_and_keeps_the_place() -> None:
    def check() -> None:
        made = world.core(node("n1", cpu="2"), node("n2", cpu="2"))
        for each in (low("a", "n1", 5), low("b", "n1", 1), low("c", "n2", 5), low("d", "n2", 5)):
            made.on_pod("added", None, each)
        effects = decide(made, pod("high", priority=10, requests={"cpu": "1"}))
        report, evict = effects
        assert isinstance(report, Report) and isinstance(evict, Evict)
        assert report.message == "0/2 nodes are available: 2 Insufficient cpu."
        assert (report.nominated, evict.victim.metadata.name, evict.node) == ("n1", "b", "n1")
        made.on_pod("deleted", evict.victim, None)
        assert place_of(made, "high") == "backoff"
        # Somebody of lower priority may not slip in.
        assert node_of(made.decide(_popped(made, pod("sly", requests={"cpu": "1"}), "high"))) is None
        pending = made.queue.pop_nowait()
        assert pending is not None and pending.key == "d/high"
        assert node_of(made.decide(pending)) == "n1"

    in_loop(check)


def _popped(made: Core, wanted: Any, besides: str) -> Any:
    made.on_pod("added", None, wanted)
    pending = made.queue.pop_nowait()
    assert pending is not None and pending.pod is wanted, besides
    return pending


def test_preemption_spares_a_disruption_budget() -> None:
    def check() -> None:
        budget = world.typed(
            "PodDisruptionBudget",
            {
                "metadata": {"name": "b", "namespace": "d"},
                "spec": {"selector": {"matchLabels": {"app": "kept"}}},
                "status": {"disruptionsAllowed": 0},
            },
            "policy/v1",
        )
        made = world.core(node("n1", cpu="1"), node("n2", cpu="1"), budgets=[budget])
        made.on_pod("added", None, low("kept", "n1", 0, labels={"app": "kept"}))
        made.on_pod("added", None, low("free", "n2", 3))
        effects = decide(made, pod("high", priority=10, requests={"cpu": "1"}))
        assert [e.victim.metadata.name for e in effects if isinstance(e, Evict)] == ["free"]

    in_loop(check)


def test_while_victims_leave_no_more_are_taken() -> None:
    def check() -> None:
        made = world.core(node("n1", cpu="1"))
        preempted = {
            "conditions": [{"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler"}]
        }
        leaving = low("a", "n1", meta={"deletionTimestamp": "2026-01-01T00:00:00Z"}, status=preempted)
        made.on_pod("added", None, leaving)
        nominated = {"nominatedNodeName": "n1"}
        (report,) = decide(made, pod("high", priority=9, requests={"cpu": "1"}, status=nominated))
        assert isinstance(report, Report) and report.nominated is None
        assert report.message.endswith(
            "preemption: not eligible due to a terminating pod on the nominated node."
        )

    in_loop(check)


def test_services_spread_their_pods_by_default() -> None:
    def check() -> None:
        service = world.typed(
            "Service", {"metadata": {"name": "s", "namespace": "d"}, "spec": {"selector": {"a": "b"}}}
        )
        made = world.core(*(node(f"n{i}", cpu=f"{4 + 4 * i}") for i in range(3)), services=[service])
        placed = [node_of(decide(made, pod(f"p{i}", labels={"a": "b"}))) for i in range(6)]
        assert sorted(placed[:3], key=str) == ["n0", "n1", "n2"]
        assert sorted(placed[3:], key=str) == ["n0", "n1", "n2"]

    in_loop(check)
