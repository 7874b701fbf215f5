"""Coroutines run at once: with and without waiting, cancelled, timed."""

from __future__ import annotations

import asyncio

import pytest

from wherry.http.steps import Finished, start


def on_loop(work):  # type: ignore[no-untyped-def]
    """Calls `work(loop)` from a loop callback, where no task is current; waits for what it gives."""

    async def main():  # type: ignore[no-untyped-def]
        loop = asyncio.get_running_loop()
        given = loop.create_future()
        loop.call_soon(lambda: given.set_result(work(loop)))
        outcome = await given
        return outcome if isinstance(outcome, Finished) else await asyncio.wait_for(outcome, 5)

    return asyncio.run(main())


async def quick() -> int:
    return 3


async def failing() -> int:
    raise KeyError("x")


async def waiting() -> str:
    await asyncio.sleep(0)
    await asyncio.sleep(0.001)
    task = asyncio.current_task()
    assert isinstance(task, asyncio.Task)
    return "done"


def test_quick_coroutine_needs_no_task() -> None:
    outcome = on_loop(lambda loop: start(quick(), loop))
    assert isinstance(outcome, Finished)
    assert outcome.result() == 3


def test_error_is_kept() -> None:
    outcome = on_loop(lambda loop: start(failing(), loop))
    with pytest.raises(KeyError):
        outcome.result()


def test_waiting_coroutine_goes_on_as_a_task() -> None:
    assert on_loop(lambda loop: start(waiting(), loop)) == "done"


def test_timeout_entered_in_the_first_step_works() -> None:
    async def slow() -> str:
        try:
            async with asyncio.timeout(0.005):
                await asyncio.sleep(60)
        except TimeoutError:
            return "timed out"
        return "not"

    assert on_loop(lambda loop: start(slow(), loop)) == "timed out"


def test_task_group_entered_in_the_first_step_works() -> None:
    async def child() -> None:
        raise ValueError("child")

    async def parent() -> str:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(child())
                await asyncio.sleep(60)
        except* ValueError:
            pass
        return "caught"

    assert on_loop(lambda loop: start(parent(), loop)) == "caught"


def test_cancelling_reaches_the_coroutine() -> None:
    seen: list[str] = []

    async def slow() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    async def main() -> None:
        loop = asyncio.get_running_loop()
        given: asyncio.Future[asyncio.Task[None]] = loop.create_future()
        loop.call_soon(lambda: given.set_result(start(slow(), loop)))  # type: ignore[arg-type]
        task = await given
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert seen == ["cancelled"]
