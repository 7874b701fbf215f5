"""From the runtime's events to the workers' wake-ups, and a slow look for what events have missed.

Events say which container ended; a relist says how every container stands. The relist runs at the
start, whenever events may have been lost, and every `RELIST` seconds as a safety net. Upstream calls
it the pod lifecycle event generator.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from wherry.cri.runtime import Runtime
from wherry.cri.types import RuntimeFault, Snapshot

log = logging.getLogger("wherry.kubelet")

RELIST = 10.0
HEALTHY = 180.0


class Pleg:
    """`exited(container_id)` for each end, `changed(snapshot, uids)` after each relist with the pods
    whose containers differ from the relist before, or all when the runtime is back after a failure."""

    def __init__(
        self,
        runtime: Runtime,
        exited: Callable[[str], None],
        changed: Callable[[Snapshot, list[str]], None],
        *,
        relist: float | None = RELIST,
    ) -> None:
        """`relist` None: the runtime loses no events, so only `look` looks."""
        self._runtime = runtime
        self._exited = exited
        self._changed = changed
        self._before: dict[str, frozenset[tuple[str, str]]] = {}
        self._relist_seconds = relist
        self._look = asyncio.Event()
        self._down = False
        self._last = 0.0

    def healthy(self) -> bool:
        return asyncio.get_running_loop().time() - self._last < HEALTHY

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen())
            if self._relist_seconds is not None:
                group.create_task(self._relist(self._relist_seconds))

    async def _listen(self) -> None:
        async for event in self._runtime.events():
            if event.kind == "lost":
                self._look.set()
            elif event.kind == "exited":
                self._exited(event.container_id)

    async def _relist(self, seconds: float) -> None:
        while True:
            try:
                await self.look()
            except RuntimeFault as fault:
                if not self._down:
                    log.warning("the container runtime does not list its containers: %s", fault)
                self._down = True
            self._look.clear()
            try:
                async with asyncio.timeout(seconds):
                    await self._look.wait()
            except TimeoutError:
                continue

    async def look(self) -> Snapshot:
        snapshot = await self._runtime.snapshot()
        self._last = asyncio.get_running_loop().time()
        now = _states(snapshot)
        seen = {**self._before, **now}
        uids = [uid for uid in seen if self._down or self._before.get(uid) != now.get(uid)]
        self._before, self._down = now, False
        self._changed(snapshot, uids)
        return snapshot


def _states(snapshot: Snapshot) -> dict[str, frozenset[tuple[str, str]]]:
    """Per pod, every sandbox and container with its state."""
    found: dict[str, set[tuple[str, str]]] = {}
    for sandbox in snapshot.sandboxes:
        found.setdefault(sandbox.uid, set()).add((sandbox.id, sandbox.state))
    for container in snapshot.containers:
        found.setdefault(container.pod_uid, set()).add((container.id, container.state))
    return {uid: frozenset(states) for uid, states in found.items()}
