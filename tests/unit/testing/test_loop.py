from __future__ import annotations

import asyncio
import random
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.testing import loop as virtual


def test_time_stands_still_until_advanced() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        fired: list[str] = []
        loop.call_later(1, fired.append, "one")
        await virtual.settle()
        assert loop.time() == 0 and fired == []
        await virtual.advance(0.5)
        assert loop.time() == 0.5 and fired == []
        await virtual.advance(0.5)
        assert loop.time() == 1.0 and fired == ["one"]

    virtual.run(main())


def test_timers_of_one_instant_fire_in_the_order_they_were_set() -> None:
    async def main() -> list[int]:
        loop = asyncio.get_running_loop()
        fired: list[int] = []
        for number in range(50):
            loop.call_at(5.0, fired.append, number)
        await virtual.advance(5)
        return fired

    assert virtual.run(main()) == list(range(50))


def test_what_a_timer_sets_off_runs_before_the_next_instant() -> None:
    async def main() -> list[tuple[str, float]]:
        loop = asyncio.get_running_loop()
        log: list[tuple[str, float]] = []

        async def ripple() -> None:
            await asyncio.sleep(1)
            for _ in range(100):
                await asyncio.sleep(0)
            log.append(("ripple", loop.time()))
            await asyncio.sleep(0.5)
            log.append(("late", loop.time()))

        async def tick() -> None:
            await asyncio.sleep(1.25)
            log.append(("tick", loop.time()))

        async with asyncio.TaskGroup() as group:
            group.create_task(ripple())
            group.create_task(tick())
            await virtual.advance(10)
            assert loop.time() == 10
        return log

    assert virtual.run(main()) == [("ripple", 1.0), ("tick", 1.25), ("late", 1.5)]


def test_autojump_needs_nobody_to_advance() -> None:
    async def main() -> float:
        await asyncio.sleep(86400 * 365)
        return asyncio.get_running_loop().time()

    assert virtual.run(main(), autojump=True) == 86400 * 365


def test_a_loop_that_can_do_nothing_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(virtual, "PATIENCE", 0.01)

    async def main() -> None:
        await asyncio.sleep(3)

    with pytest.raises(virtual.Stuck, match="next timer is due at 3 s"):
        virtual.run(main())


def test_a_thread_is_waited_for() -> None:
    async def main() -> int:
        return await asyncio.to_thread(sum, [1, 2, 3])

    assert virtual.run(main()) == 6


def test_sockets_work_beside_virtual_time() -> None:
    async def main() -> bytes:
        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(await reader.readexactly(5))
            await writer.drain()
            writer.close()
            await writer.wait_closed()

        left, right = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=left)
        other_reader, other_writer = await asyncio.open_connection(sock=right)
        writer.write(b"hello")
        await echo(other_reader, other_writer)
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        assert asyncio.get_running_loop().time() == 0
        return answer

    assert virtual.run(main()) == b"hello"


def test_only_one_advances_and_only_forwards() -> None:
    async def main() -> None:
        task = asyncio.create_task(virtual.advance(5))
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="already"):
            await virtual.advance(1)
        await task
        with pytest.raises(ValueError, match="back"):
            await virtual.advance(-1)

    virtual.run(main())


def test_an_ordinary_loop_cannot_be_advanced() -> None:
    with pytest.raises(RuntimeError, match="VirtualLoop"):
        asyncio.run(virtual.advance(1))


def test_a_timeout_is_virtual_too() -> None:
    async def main() -> None:
        async def bounded() -> None:
            async with asyncio.timeout(30):
                await asyncio.sleep(31)

        task = asyncio.create_task(bounded())
        await virtual.advance(29.9)
        assert not task.done()
        await virtual.advance(0.1)
        with pytest.raises(TimeoutError):
            await task

    virtual.run(main())


def test_the_clock_follows_the_loop() -> None:
    async def main() -> tuple[float, float]:
        clock = virtual.VirtualClock(start=100.0)
        before = clock.time()
        await virtual.advance(42)
        return before, clock.time()

    assert virtual.run(main()) == (100.0, 142.0)


@given(delays=st.lists(st.floats(0, 1e7, allow_nan=False), max_size=30), seed=st.integers(0, 9))
def test_timers_fire_in_time_order_whatever_the_steps(delays: list[float], seed: int) -> None:
    async def main() -> list[float]:
        loop = asyncio.get_running_loop()
        fired: list[float] = []
        for delay in delays:
            loop.call_at(delay, lambda due=delay: fired.append(due))
        rng = random.Random(seed)
        while loop.time() < 1e7:
            await virtual.advance(rng.choice([1.0, 1e5, 3e6]))
            assert all(due <= loop.time() for due in fired)
        return fired

    assert virtual.run(main()) == sorted(delays)
