"""One watch: an iterator over batches, from live events while it keeps up and from history when not.

    synced    in the group; published events land in its buffer, one wake-up a batch
    behind    not in the group; what it has not seen yet, from `_next` on, is read from history in chunks

A watch starts behind when it asks for the past. It falls behind when its buffer is over the limit: what
is buffered is still delivered, the rest is read again later. So a reader that never reads costs one
buffer, and the writer never waits. It becomes synced when history has nothing more to tell. A publication
and a look at history both happen between two suspensions, so none can be missed or seen twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import closing

from wherry.etcd.engine import Engine, size_of
from wherry.etcd.keyindex import revision_of, start_of
from wherry.etcd.keyrange import contains
from wherry.etcd.types import Batch, Compacted, Event, KeyValue
from wherry.etcd.versions import Versions
from wherry.etcd.watchers import WatcherGroup

BUFFER_EVENTS = 8192
BUFFER_BYTES = 8 << 20
CHUNK_RECORDS = 1024
CHUNK_BYTES = 4 << 20


class History:
    """What a watch sees of the store: its published past, and what is published from now on."""

    def __init__(self, versions: Versions, engine: Engine, revision: int) -> None:
        self._versions = versions
        self._engine = engine
        self.revision = revision
        """Of the last write that is durable, and so may be seen."""
        self.group = WatcherGroup()
        self.watches: dict[StoreWatch, None] = {}

    @property
    def compacted(self) -> int:
        return self._versions.compacted

    def publish(self, events: list[Event], revision: int) -> None:
        self.revision = revision
        self.group.publish(events, revision)

    def chunk(self, key: bytes, end: bytes | None, revision: int) -> tuple[list[Event], int]:
        """Events of the range from `revision` on, whole revisions, and the last revision looked at."""
        events: list[Event] = []
        seen = size = 0
        last = revision
        with closing(self._engine.scan(start_of(revision), start_of(self.revision + 1))) as records:
            for where, kv in records:
                if (seen >= CHUNK_RECORDS or size >= CHUNK_BYTES) and kv.mod_revision != last:
                    return events, last
                last = kv.mod_revision
                seen += 1
                if contains(key, end, kv.key):
                    size += size_of(kv)
                    events.append(self._event(where, kv))
        return events, self.revision

    def _event(self, where: int, kv: KeyValue) -> Event:
        before = self._versions.index.at(kv.key, revision_of(where) - 1)
        prev = None if before & 1 else self._engine.get(before)
        return Event("delete" if where & 1 else "put", kv, prev)


class StoreWatch:
    def __init__(self, history: History, key: bytes, end: bytes | None, revision: int) -> None:
        self.key = key
        self.end = end
        self._history = history
        self._next = revision or history.revision + 1
        self._buffer: list[Event] = []
        self._buffered = 0
        self._synced = False
        self._closed = False
        self._progress = False
        self._wake: Callable[[], None] | None = None
        self._delivered = self._next - 1
        history.watches[self] = None
        if self._next > history.revision:
            self._join()

    def __aiter__(self) -> StoreWatch:
        return self

    async def __anext__(self) -> Batch:
        while not self._closed:
            if self._buffer:
                return self._take()
            if not self._synced:
                batch = self._read_history()
                if batch is not None:
                    return batch
                if not self._synced:
                    await asyncio.sleep(0)
            elif self._progress:
                self._progress = False
                self._delivered = self._history.revision
                return Batch([], self._delivered)
            else:
                await self._wait()
        raise StopAsyncIteration

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._synced = False
            self._buffer.clear()
            self._history.group.remove(self)
            self._history.watches.pop(self, None)
            self._rouse()

    def request_progress(self) -> None:
        """Asks for a batch even if nothing happens: when it comes, all up to its revision was seen."""
        self._progress = True
        self._rouse()

    @property
    def delivered(self) -> int:
        """The revision of the last batch."""
        return self._delivered

    def push(self, events: list[Event], revision: int) -> None:
        if events[0].kv.mod_revision < self._next:
            events = [event for event in events if event.kv.mod_revision >= self._next]
            if not events:
                return
        self._buffer += events
        self._buffered += sum(size_of(event.kv) for event in events)
        if len(self._buffer) > BUFFER_EVENTS or self._buffered > BUFFER_BYTES:
            self._history.group.remove(self)
            self._synced = False
            self._next = revision + 1
        self._rouse()

    def _take(self) -> Batch:
        events, self._buffer = self._buffer, []
        self._buffered = 0
        self._progress = False
        self._delivered = self._history.revision if self._synced else self._next - 1
        return Batch(events, self._delivered)

    def _read_history(self) -> Batch | None:
        history = self._history
        if self._next <= history.revision:
            if self._next < history.compacted:
                self.close()
                raise Compacted(history.compacted)
            events, last = history.chunk(self.key, self.end, self._next)
            self._next = last + 1
            if events:
                self._delivered = last
                return Batch(events, last)
        if self._next > history.revision:
            self._join()
        return None

    def _join(self) -> None:
        self._synced = True
        self._history.group.add(self)

    async def _wait(self) -> None:
        future = asyncio.get_running_loop().create_future()

        def wake() -> None:
            if not future.done():
                future.set_result(None)

        self._wake = wake
        try:
            await future
        finally:
            self._wake = None

    def _rouse(self) -> None:
        if self._wake is not None:
            self._wake()
