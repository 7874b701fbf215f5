"""When rules are written: at once, but not too often; only what changed, unless something went wrong.

Touched Services are recompiled and their difference written. After a refusal, when the kernel has lost
our rules, and at first, everything is written anew. A refused full sync is tried again after a backoff.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from wherry.proxy.apply import ApplyError
from wherry.proxy.backends import Backend
from wherry.proxy.changes import Changes
from wherry.proxy.rules import Change, Match, Rules, apply_changes

log = logging.getLogger("wherry.proxy")

_RETRY = 1.0
_LONGEST_RETRY = 30.0


class Syncer:
    """`synced` is called after each successful write with what changed."""

    def __init__(
        self,
        changes: Changes,
        backend: Backend,
        *,
        min_interval: float,
        period: float,
        synced: Callable[[Mapping[Match, Change]], Awaitable[None]],
    ) -> None:
        self._changes = changes
        self._backend = backend
        self._min_interval = min_interval
        self._period = period
        self._synced = synced
        self._rules = Rules()
        self._wake = asyncio.Event()
        self._whole = True
        self._failures = 0

    def touch(self) -> None:
        """Something changed: write soon."""
        self._wake.set()

    async def run(self, ready: Callable[[], None]) -> None:
        await self._until_written()
        ready()
        while True:
            await self._wait()
            await self._until_written()
            await asyncio.sleep(self._min_interval)

    async def _until_written(self) -> None:
        while True:
            if await self.sync():
                return
            await asyncio.sleep(min(_RETRY * 2 ** (self._failures - 1), _LONGEST_RETRY))

    async def _wait(self) -> None:
        """Until there is something to do; now and then, looks whether our rules are still there."""
        while not self._changes.pending:
            self._wake.clear()
            try:
                async with asyncio.timeout(self._period):
                    await self._wake.wait()
            except TimeoutError:
                if not await self._there():
                    log.warning("the rules are gone from the kernel; writing them anew")
                    self._whole = True
                    return

    async def _there(self) -> bool:
        try:
            return await self._backend.present()
        except ApplyError as error:
            log.warning("looking for the rules: %s", error)
            return False

    async def sync(self) -> bool:
        """Writes what changed, or everything. False when it was refused (all of it comes again)."""
        changed = apply_changes(self._rules, self._changes.take(), self._changes.rules_of)
        try:
            if self._whole:
                await self._backend.full(self._rules.in_force.values())
            else:
                await self._backend.change(changed)
        except ApplyError as error:
            self._failures += 1
            level = logging.WARNING if not self._whole else logging.ERROR
            log.log(level, "writing %d changed rules: %s; writing all anew", len(changed), error)
            self._whole = True
            return False
        self._whole = False
        self._failures = 0
        await self._synced(changed)
        return True
