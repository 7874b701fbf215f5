from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.api.errors import ApiError
from wherry.client.workqueue import QueueClosed, WorkQueue, run_workers
from wherry.testing import loop as virtual


async def take_all(queue: WorkQueue) -> list[str]:
    taken = []
    while len(queue):
        key = await queue.get()
        taken.append(key)
        queue.done(key)
    return taken


def test_keys_come_once_and_in_order() -> None:
    async def main() -> list[str]:
        queue = WorkQueue()
        for key in ("b", "a", "b", "c", "a"):
            queue.add(key)
        return await take_all(queue)

    assert virtual.run(main()) == ["b", "a", "c"]


def test_a_key_at_work_waits_until_it_is_done() -> None:
    async def main() -> None:
        queue = WorkQueue()
        queue.add("a")
        assert await queue.get() == "a"
        queue.add("a")
        queue.add("a")
        assert len(queue) == 0
        queue.done("a")
        assert len(queue) == 1
        assert await take_all(queue) == ["a"]

    virtual.run(main())


def test_the_earliest_wish_wins() -> None:
    async def main() -> None:
        queue = WorkQueue()
        queue.add_after("a", 10)
        queue.add_after("a", 3)
        queue.add_after("a", 7)
        await virtual.advance(2.9)
        assert len(queue) == 0
        await virtual.advance(0.1)
        assert await take_all(queue) == ["a"]
        await virtual.advance(100)
        assert len(queue) == 0

    virtual.run(main())


def test_failures_double_the_wait_until_forgotten() -> None:
    async def main() -> list[float]:
        queue, loop = WorkQueue(), asyncio.get_running_loop()
        waits = []
        for _ in range(20):
            queue.add_rate_limited("a")
            before = loop.time()
            assert await queue.get() == "a"
            waits.append(loop.time() - before)
            queue.done("a")
        assert queue.retries("a") == len(waits)
        queue.forget("a")
        assert queue.retries("a") == 0
        return waits

    expected = [min(0.005 * 2**n, 1000) for n in range(20)]
    assert virtual.run(main(), autojump=True) == pytest.approx(expected, abs=1e-6)


def test_the_wait_has_an_end() -> None:
    async def main() -> None:
        queue = WorkQueue()
        for _ in range(5000):
            queue.add_rate_limited("a")
            queue.add_rate_limited("b")
        queue.close()
        queue = WorkQueue()
        queue._failures["a"] = 5000
        queue.add_rate_limited("a")
        await virtual.advance(1000)
        assert await take_all(queue) == ["a"]

    virtual.run(main())


def test_closing_hands_out_what_is_ready() -> None:
    async def main() -> None:
        queue = WorkQueue()
        queue.add("a")
        queue.add_after("b", 1)
        queue.close()
        queue.add("c")
        await virtual.advance(5)
        assert await queue.get() == "a"
        for _ in range(2):
            with pytest.raises(QueueClosed):
                await queue.get()

    virtual.run(main())


def test_a_waiter_that_left_costs_no_key() -> None:
    async def main() -> None:
        queue = WorkQueue()
        waiter = asyncio.create_task(queue.get())
        await virtual.settle()
        queue.add("a")
        waiter.cancel()
        await asyncio.wait([waiter])
        assert await take_all(queue) == ["a"]

    virtual.run(main())


def test_workers_come_back_when_asked_and_when_it_failed() -> None:
    async def main() -> list[tuple[float, str]]:
        queue, loop = WorkQueue(), asyncio.get_running_loop()
        seen: list[tuple[float, str]] = []
        failures: list[Exception] = [ApiError("Conflict", "x"), OSError("y"), KeyError("a bug")]

        async def reconcile(key: str) -> float | None:
            seen.append((round(loop.time(), 6), key))
            if key == "fails" and failures:
                raise failures.pop(0)
            return 60.0 if key == "again" else None

        task = asyncio.create_task(run_workers(queue, reconcile, 2, name="test"))
        for key in ("once", "fails", "again"):
            queue.add(key)
        await virtual.advance(130)
        assert queue.retries("fails") == 0
        queue.close()
        await task
        return seen

    assert virtual.run(main()) == [
        (0.0, "once"),
        (0.0, "fails"),
        (0.0, "again"),
        (0.005, "fails"),
        (0.015, "fails"),
        (0.035, "fails"),
        (60.0, "again"),
        (120.0, "again"),
    ]


def test_no_key_is_with_two_workers() -> None:
    async def main() -> None:
        queue = WorkQueue()
        at_work: list[str] = []
        most = 0

        async def reconcile(key: str) -> None:
            nonlocal most
            assert key not in at_work
            at_work.append(key)
            most = max(most, len(at_work))
            await asyncio.sleep(1)
            at_work.remove(key)

        task = asyncio.create_task(run_workers(queue, reconcile, 3))
        for step in range(40):
            queue.add("abcd"[step % 4])
            await virtual.advance(0.3)
        task.cancel()
        await asyncio.wait([task])
        assert most == 3

    virtual.run(main())


KEYS = st.sampled_from("abc")
STEPS = st.one_of(
    st.tuples(st.just("add"), KEYS),
    st.tuples(st.just("get"), st.none()),
    st.tuples(st.just("done"), KEYS),
    st.tuples(st.just("after"), st.tuples(KEYS, st.integers(0, 5))),
    st.tuples(st.just("advance"), st.integers(0, 5)),
)


@given(st.lists(STEPS, max_size=40))
def test_it_is_the_queue_of_the_model(steps: list[tuple[str, Any]]) -> None:
    """The model: what waits in order, what is at work, what came meanwhile, what is due when."""

    async def main() -> None:
        queue, now = WorkQueue(), 0
        waiting: list[str] = []
        working: dict[str, bool] = {}
        due: dict[str, tuple[int, int]] = {}

        def arrive(key: str) -> None:
            if key in working:
                working[key] = True
            elif key not in waiting:
                waiting.append(key)

        for number, (step, value) in enumerate(steps):
            if step == "add":
                queue.add(value)
                arrive(value)
            elif step == "get" and waiting:
                assert await queue.get() == waiting[0]
                working[waiting.pop(0)] = False
            elif step == "done" and value in working:
                queue.done(value)
                if working.pop(value):
                    waiting.append(value)
            elif step == "after":
                key, seconds = value
                queue.add_after(key, seconds)
                if seconds == 0:
                    arrive(key)
                elif key not in due or due[key][0] > now + seconds:
                    due[key] = (now + seconds, number)
            elif step == "advance":
                await virtual.advance(value)
                now += value
                for key in sorted((k for k in due if due[k][0] <= now), key=lambda k: due[k]):
                    del due[key]
                    arrive(key)
            assert len(queue) == len(waiting)
        queue.close()

    virtual.run(main())
