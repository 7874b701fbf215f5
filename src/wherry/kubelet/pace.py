"""The pace of a worker's loop: it sleeps until woken or due, and a step it is in can be cut short."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


class Pace:
    def __init__(self) -> None:
        self._woken = asyncio.Event()
        self._step: asyncio.Task[float | None] | None = None

    def wake(self) -> None:
        self._woken.set()

    def interrupt(self) -> None:
        """Cuts the step that is under way short; it is simply done over."""
        if self._step is not None:
            self._step.cancel()

    async def step(self, work: Coroutine[Any, Any, float | None]) -> float | None:
        """Runs one step; 0.0 when it was cut short. What wakes from now on is for the next one."""
        self._woken.clear()
        task = self._step = asyncio.create_task(work)
        try:
            return await task
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if current is not None and current.cancelling():
                task.cancel()
                await asyncio.wait([task])
                raise
            return 0.0
        finally:
            self._step = None

    async def rest(self, delay: float | None) -> None:
        """Until woken, or for `delay` seconds."""
        if delay is not None and delay <= 0:
            return
        try:
            async with asyncio.timeout(delay):
                await self._woken.wait()
        except TimeoutError:
            return
