"""Keeps containers' logs within bounds: a log that has grown too large is renamed, the runtime opens
a new one, and only so many are kept (`kubelet/logs/container_log_manager.go`).

    0.log  0.log.20261123-162641.gz  0.log.20261123-170012        the latest rotated one is plain
"""

from __future__ import annotations

import asyncio
import gzip
import logging
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from wherry.clock import Clock, utc
from wherry.cri.runtime import Containers
from wherry.cri.types import ContainerStatus, RuntimeFault
from wherry.kubelet.machine.disk import Disk

log = logging.getLogger("wherry.kubelet")

PERIOD = 10.0


class LogRotator:
    """`running` gives the containers that run now."""

    def __init__(
        self,
        runtime: Containers,
        clock: Clock,
        disk: Disk,
        running: Callable[[], Iterable[ContainerStatus]],
        *,
        max_size: int,
        max_files: int,
    ) -> None:
        self._runtime = runtime
        self._clock = clock
        self._disk = disk
        self._running = running
        self._max_size = max_size
        self._max_files = max(2, max_files)

    async def run(self) -> None:
        while True:
            await asyncio.sleep(PERIOD)
            for run in list(self._running()):
                try:
                    await self.look(run)
                except (RuntimeFault, OSError) as error:
                    log.warning("rotating the log of container %s: %s", run.name, error)

    async def look(self, run: ContainerStatus) -> bool:
        """Rotates one container's log if it is too large."""
        path = Path(run.log_path)
        if not run.log_path or await self._disk.run(_size, path) <= self._max_size:
            return False
        stamp = utc(self._clock).strftime("%Y%m%d-%H%M%S")
        rotated = path.with_name(f"{path.name}.{stamp}")
        await self._disk.run(self._make_room, path)
        await self._disk.run(path.rename, rotated)
        try:
            await self._runtime.reopen_log(run.id)
        except RuntimeFault:
            await self._disk.run(rotated.rename, path)
            raise
        return True

    def _make_room(self, path: Path) -> None:
        """Compresses what was rotated before and drops the oldest, so that one more fits."""
        rotated = sorted(p for p in path.parent.glob(f"{path.name}.*") if p.suffix != ".tmp")
        for old in rotated[: max(0, len(rotated) - (self._max_files - 2))]:
            old.unlink(missing_ok=True)
        for old in rotated:
            if old.suffix != ".gz" and old.exists():
                _compress(old)


def _compress(path: Path) -> None:
    part = path.with_name(path.name + ".tmp")
    with path.open("rb") as source, gzip.open(part, "wb") as target:
        shutil.copyfileobj(source, target)
    part.rename(path.with_name(path.name + ".gz"))
    path.unlink()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
