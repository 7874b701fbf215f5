"""Removes images nobody uses when the disk gets full (`kubelet/images/image_gc_manager.go`).

Looked at every five minutes: above the high mark, unused images go, those longest unused first, until
the low mark is reached.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from wherry.cri.runtime import Runtime
from wherry.cri.types import Image, RuntimeFault
from wherry.kubelet.machine.disk import Disk

log = logging.getLogger("wherry.kubelet")

PERIOD = 300.0
Usage = Callable[[], tuple[int, int]]
"""(bytes used, bytes there are) of the file system that holds images."""


class ImageCollector:
    def __init__(self, runtime: Runtime, disk: Disk, usage: Usage, *, high: int, low: int) -> None:
        self._runtime = runtime
        self._disk = disk
        self._usage = usage
        self._high = high
        self._low = low
        self._last_used: dict[str, float] = {}

    async def run(self) -> None:
        while True:
            try:
                await self.collect()
            except (RuntimeFault, OSError) as error:
                log.warning("image garbage collection: %s", error)
            await asyncio.sleep(PERIOD)

    async def collect(self) -> list[str]:
        """Ids of the images that were removed."""
        images = {image.id: image for image in await self._runtime.list_images()}
        in_use = await self._note_use(images)
        used, total = await self._disk.run(self._usage)
        if not total or used * 100 < self._high * total:
            return []
        excess = used - self._low * total // 100
        removed: list[str] = []
        unused = [i for i in images.values() if i.id not in in_use and not _kept(i)]
        for image in sorted(unused, key=lambda i: (self._last_used[i.id], i.id)):
            if excess <= 0:
                break
            await self._runtime.remove_image(image.id)
            log.info("removed image %s: the disk is %d%% full", image.id, used * 100 // total)
            removed.append(image.id)
            excess -= image.size
        return removed

    async def _note_use(self, images: dict[str, Image]) -> set[str]:
        now = asyncio.get_running_loop().time()
        snapshot = await self._runtime.snapshot()
        names: set[str] = set()
        for container in snapshot.containers:
            try:
                status = await self._runtime.container_status(container.id)
            except RuntimeFault:
                continue
            names |= {status.image, status.image_ref}
        in_use = {i.id for i in images.values() if names & {i.id, *i.tags, *i.digests}}
        self._last_used = {id_: self._last_used.get(id_, now) for id_ in images}
        self._last_used |= dict.fromkeys(in_use, now)
        return in_use


def _kept(image: Image) -> bool:
    """Sandboxes are made of it; runtimes before containerd 1.7 don't say that it is pinned."""
    return image.pinned or any("/pause:" in tag for tag in image.tags)
