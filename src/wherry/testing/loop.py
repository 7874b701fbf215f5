"""An event loop whose time moves only when it is told to, and a clock that follows it.

    async def main():
        await advance(3600)         # an hour of timers, in order, in no time
    run(main())

Time stands still while there is anything to do and while nobody advances it. `advance(seconds)` jumps
from timer to timer: all that is due at one instant runs, with everything it sets off, until nothing is
ready; then the next instant. Timers of the same instant fire in the order they were set. With
`autojump` time jumps to the next timer whenever the loop has nothing else to do.

Sockets are polled for real between any two steps, and waited for when nothing else can happen. If
nothing at all can happen any more, that is an error (`Stuck`) and not a hang.
"""

from __future__ import annotations

import asyncio
import heapq
import math
import selectors
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

EPOCH = 1767225600.0
"""2026-01-01T00:00:00Z, when a VirtualClock starts unless told otherwise."""

PATIENCE = 5.0
"""Real seconds to wait for a thread before the loop counts as stuck."""


class Stuck(RuntimeError):
    """Everything waits for time to pass, and nobody advances it."""


class _Timer(asyncio.TimerHandle):
    """Of two timers of one instant, the one set first comes first."""

    __slots__ = ("_order",)

    def __init__(
        self,
        order: int,
        when: float,
        callback: Callable[..., Any],
        args: tuple[Any, ...],
        loop: asyncio.AbstractEventLoop,
        context: Context | None,
    ) -> None:
        super().__init__(when, callback, args, loop, context)
        self._order = order

    def __lt__(self, other: Any) -> bool:
        return (self._when, self._order) < (other._when, other._order)  # type: ignore[attr-defined]


class _Selector(selectors.BaseSelector):
    """Never sleeps while there is a timer to jump to; asks the loop what to do when nothing is ready."""

    def __init__(self) -> None:
        self._real = selectors.DefaultSelector()
        self.idle: Callable[[], float | None] = lambda: None
        self.watched = self._real.get_map

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = self._real.select(0)
        if found or timeout == 0:
            return found
        wait = self.idle()
        return [] if wait == 0 else self._real.select(wait)

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def get_map(self) -> Any:
        return self._real.get_map()

    def close(self) -> None:
        self._real.close()


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self, *, autojump: bool = False) -> None:
        self._virtual = _Selector()
        self._now = 0.0
        self._order = 0
        self._target: float | None = None
        self._arrived: asyncio.Future[None] | None = None
        self._waited = False
        self.autojump = autojump
        super().__init__(self._virtual)
        self._move_to(0.0)
        self._virtual.idle = self._when_idle

    def time(self) -> float:
        return self._now

    def _move_to(self, instant: float) -> None:
        """asyncio runs timers due before time() + resolution: so those due now, and no others."""
        self._now = instant
        self._clock_resolution = math.ulp(instant)

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        self._check_closed()  # type: ignore[attr-defined]
        self._order += 1
        timer = _Timer(self._order, when, callback, args, self, context)
        heapq.heappush(self._scheduled, timer)  # type: ignore[attr-defined]
        timer._scheduled = True  # type: ignore[attr-defined]
        return timer

    async def advance(self, seconds: float) -> None:
        """Returns when everything due within `seconds` has run and nothing is ready."""
        if self._arrived is not None:
            raise RuntimeError("time is being advanced already")
        if seconds < 0:
            raise ValueError("time does not go back")
        self._target = self._now + seconds
        self._arrived = self.create_future()
        try:
            await self._arrived
        finally:
            self._target = self._arrived = None

    def _when_idle(self) -> float | None:
        """Moves time on if it may. Returns how long to wait for sockets: 0, so many seconds, for ever."""
        timers: list[_Timer] = self._scheduled  # type: ignore[attr-defined]
        upcoming = timers[0]._when if timers else None  # type: ignore[attr-defined]
        if self._target is not None and self._arrived is not None and not self._arrived.done():
            if upcoming is not None and upcoming <= self._target:
                self._move_to(max(self._now, upcoming))
            else:
                self._move_to(self._target)
                self._arrived.set_result(None)
            return 0
        if self.autojump and upcoming is not None:
            self._move_to(max(self._now, upcoming))
            return 0
        return self._wait_for_sockets(upcoming)

    def _wait_for_sockets(self, upcoming: float | None) -> float | None:
        only_self_pipe = len(self._virtual.watched()) <= 1
        if not only_self_pipe:
            return None
        if self._waited:
            self._waited = False
            when = "no timer is set" if upcoming is None else f"the next timer is due at {upcoming:g} s"
            raise Stuck(f"nothing can happen any more at {self._now:g} s of virtual time; {when}")
        self._waited = True
        return PATIENCE


class VirtualClock:
    """A `wherry.clock.Clock` that shows `start` plus the time of the running (or given) loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None, *, start: float = EPOCH) -> None:
        self._loop = loop
        self._start = start

    def time(self) -> float:
        return self._start + (self._loop or asyncio.get_running_loop()).time()


async def advance(seconds: float) -> None:
    """Advances the running loop, which must be a VirtualLoop."""
    loop = asyncio.get_running_loop()
    if not isinstance(loop, VirtualLoop):
        raise RuntimeError("time can only be advanced on a VirtualLoop")
    await loop.advance(seconds)


async def settle() -> None:
    """Runs whatever is ready, and what that sets off, without moving time."""
    await advance(0)


def run(main: Coroutine[Any, Any, T], *, autojump: bool = False) -> T:
    """`asyncio.run` on a new VirtualLoop. What is left at the end is cancelled, with time jumping."""
    loop = VirtualLoop(autojump=autojump)
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        try:
            return runner.run(main)
        finally:
            loop.autojump = True
