"""Keeps all watch caches in step with the store: one listing, then one watch of the whole registry.

One watch for all resources, so all caches always stand at one revision: `revision`. A read that must
reflect every acknowledged write waits until that reaches the store's (`current`); in a quiet moment
they are equal and it does not wait.

When the watch breaks (compacted, a lost remote store) the caches are filled anew and their watchers
cut off, which sends their clients back to list.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

from wherry.apiserver.registry import keys
from wherry.apiserver.registry.watchcache import WatchCache
from wherry.etcd.types import Batch, Compacted, Range, Store, StoreFailed, Watch

log = logging.getLogger("wherry.apiserver")

PAGE = 5000
"""Keys read at a time when filling."""
RETRY = 1.0


class Feed:
    def __init__(self, store: Store, caches: Iterable[WatchCache]) -> None:
        self.revision = 0
        self._store = store
        self._caches: dict[bytes, WatchCache] = {c.layout.prefix: c for c in caches}
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self._watch: Watch | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Returns when the caches are filled."""
        await self._fill()
        self._task = asyncio.get_running_loop().create_task(self._run(), name="registry feed")
        self._task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """The task runs until `stop`; should a bug end it, nobody may wait for it."""
        if not task.cancelled() and (error := task.exception()) is not None:
            log.critical("the watch caches are no longer fed", exc_info=error)
            self._refuse(StoreFailed("the watch caches are no longer fed"))

    async def stop(self) -> None:
        if self._watch is not None:
            self._watch.close()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        self._refuse(StoreFailed("the API server is stopping"))

    def _refuse(self, error: Exception) -> None:
        for _, future in self._waiting:
            if not future.done():
                future.set_exception(error)
        self._waiting.clear()

    async def reached(self, revision: int) -> None:
        """Waits until the caches show `revision`."""
        if self.revision < revision:
            if self._task is None or self._task.done():
                raise StoreFailed("the watch caches are not fed")
            future = asyncio.get_running_loop().create_future()
            self._waiting.append((revision, future))
            await future

    async def current(self) -> None:
        """Waits until the caches show every write acknowledged before this call."""
        if self.revision < self._store.revision:
            await self.reached(self._store.revision)

    async def _run(self) -> None:
        while True:
            try:
                await self._follow()
            except (Compacted, StoreFailed, OSError) as error:
                log.warning("the watch of the store ended, listing again: %s", error)
            await self._refill()

    async def _refill(self) -> None:
        while True:
            try:
                return await self._fill()
            except (Compacted, StoreFailed, OSError) as error:
                log.warning("listing the store failed, trying again: %s", error)
                await asyncio.sleep(RETRY)

    async def _follow(self) -> None:
        assert self._watch is not None
        async for batch in self._watch:
            self._take(batch)

    def _take(self, batch: Batch) -> None:
        caches = self._caches
        for event in batch.events:
            kv = event.kv
            one, two = keys.route(kv.key)
            cache = caches.get(one) or caches.get(two)
            if cache is not None:
                key = kv.key[len(cache.layout.prefix) :].decode()
                try:
                    cache.apply(key, kv.mod_revision, kv.value if event.type == "put" else None)
                except ValueError:
                    log.exception("the store holds a value that is not an object: %s", kv.key)
        self._advance(batch.revision)

    def _advance(self, revision: int) -> None:
        self.revision = max(self.revision, revision)
        if self._waiting:
            still = []
            for wanted, future in self._waiting:
                if wanted > self.revision:
                    still.append((wanted, future))
                elif not future.done():
                    future.set_result(None)
            self._waiting = still

    async def _fill(self) -> None:
        found: dict[bytes, dict[str, tuple[int, bytes]]] = {p: {} for p in self._caches}
        start, revision = keys.ROOT, 0
        while True:
            page = await self._store.range(Range(start, keys.ROOT_END, limit=PAGE, revision=revision))
            revision = revision or page.revision
            for kv in page.kvs:
                one, two = keys.route(kv.key)
                place = one if one in found else two
                if place in found:
                    found[place][kv.key[len(place) :].decode()] = (kv.mod_revision, kv.value)
            if not page.more:
                break
            start = page.kvs[-1].key + b"\0"
        for place, values in found.items():
            self._caches[place].fill(values, revision)
        if self._watch is not None:
            self._watch.close()
        # The whole key space: writes elsewhere also move the revision that readers wait for.
        self._watch = self._store.watch(b"\0", b"\0", revision=revision + 1)
        self._advance(revision)
