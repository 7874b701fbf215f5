"""Order, backoff and waiting, on a loop whose time is set by the test."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from wherry.scheduler.framework import Refusal, Verdict
from wherry.scheduler.queue import Queue

from .world import pod

VERDICT = Verdict(1, (Refusal("NodeResourcesFit", "Insufficient cpu", (0,), True),))


class Loop(asyncio.SelectorEventLoop):
    """Time stands still until somebody sets `now`, or everybody waits for a timer."""

    now = 0.0

    def time(self) -> float:
        return self.now

    def _run_once(self) -> None:
        ready: Any = self._ready  # type: ignore[attr-defined]
        timers: Any = self._scheduled  # type: ignore[attr-defined]
        if not ready and timers:
            self.now = max(self.now, timers[0].when())
        super()._run_once()  # type: ignore[misc]


def run(check: Callable[[Queue, Loop], Any]) -> None:
    loop = Loop()

    async def inside() -> None:
        outcome = check(Queue(), loop)
        if asyncio.iscoroutine(outcome):
            await outcome

    try:
        loop.run_until_complete(inside())
    finally:
        loop.close()


def add(queue: Queue, name: str, priority: int = 0) -> Any:
    made = pod(name)
    queue.add(made, f"d/{name}", priority)
    return made


def names(queue: Queue) -> list[str]:
    found = []
    while (pending := queue.pop_nowait()) is not None:
        found.append(pending.pod.metadata.name)
    return found


def test_priority_then_arrival() -> None:
    def check(queue: Queue, loop: Loop) -> None:
        for name, priority in (("a", 0), ("b", 5), ("c", 0), ("d", 5)):
            add(queue, name, priority)
        assert names(queue) == ["b", "d", "a", "c"]

    run(check)


def test_errors_back_off_doubling_to_ten_seconds() -> None:
    async def check(queue: Queue, loop: Loop) -> None:
        add(queue, "a")
        waits = []
        for _ in range(6):
            before = loop.now
            pending = await queue.pop()
            waits.append(loop.now - before)
            queue.fail(pending)
            assert queue.pop_nowait() is None
        assert waits == [0, 1, 2, 4, 8, 10]

    run(check)


def test_an_unschedulable_pod_waits_five_minutes_or_for_an_event() -> None:
    async def check(queue: Queue, loop: Loop) -> None:
        add(queue, "a")
        pending = await queue.pop()
        queue.reject(pending, VERDICT)
        assert queue.wake(lambda ask, plugins: "NodePorts" in plugins) == 0
        assert await queue.pop() is pending
        assert loop.now == 300
        queue.reject(pending, VERDICT)
        assert queue.wake(lambda ask, plugins: "NodeResourcesFit" in plugins) == 1
        assert pending.place == "backoff"
        assert await queue.pop() is pending
        assert loop.now == 300

    run(check)


def test_backoff_is_kept_while_others_are_ready() -> None:
    def check(queue: Queue, loop: Loop) -> None:
        add(queue, "failed", 9)
        pending = queue.pop_nowait()
        assert pending is not None
        queue.reject(pending, VERDICT)
        add(queue, "fresh")
        queue.wake(lambda ask, plugins: True)
        assert names(queue) == ["fresh", "failed"]

    run(check)


def test_a_deleted_pod_does_not_come_back() -> None:
    async def check(queue: Queue, loop: Loop) -> None:
        add(queue, "a")
        pending = await queue.pop()
        queue.delete("d/a")
        queue.reject(pending, VERDICT)
        assert len(queue) == 0
        assert queue.pop_nowait() is None

    run(check)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["add", "pop", "reject", "fail", "delete", "wake", "later"]), st.integers(0, 4)
        ),
        max_size=60,
    )
)
def test_every_pod_is_in_exactly_one_place(steps: list[tuple[str, int]]) -> None:
    def check(queue: Queue, loop: Loop) -> None:
        out: dict[str, Any] = {}
        known: set[str] = set()
        for what, number in steps:
            name = f"d/p{number}"
            match what:
                case "add":
                    add(queue, f"p{number}", number % 2)
                    known.add(name)
                case "pop":
                    pending = queue.pop_nowait()
                    if pending is not None:
                        out[pending.key] = pending
                case "reject" | "fail" if name in out:
                    pending = out.pop(name)
                    if name in known:
                        queue.reject(pending, VERDICT) if what == "reject" else queue.fail(pending)
                case "delete":
                    queue.delete(name)
                    known.discard(name)
                    out.pop(name, None)
                case "wake":
                    queue.wake(lambda ask, plugins: True)
                case "later":
                    loop.now += number * 3
            counts = queue.counts()
            assert sum(counts.values()) == len(queue) == len(known)
            assert counts["out"] == len(out)
        loop.now += 1000
        left = {f"d/{name}" for name in names(queue)}
        assert left == known - set(out)

    run(check)
