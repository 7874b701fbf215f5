"""WATCH: the changes of a selection as a stream of JSON frames, from any point history still has.

A watcher keeps a bounded queue of events, not of bytes: frames are made when they are sent, once for
all watchers that want the same form. One that falls too far behind is cut off and comes back with the
last resourceVersion it saw.

    {"type":"ADDED","object":{...}}\\n      new, or now matching the selectors
    {"type":"MODIFIED","object":{...}}\\n
    {"type":"DELETED","object":{...}}\\n    gone, or no longer matching; its last state, with the
                                           revision of the change
    {"type":"BOOKMARK","object":{...}}\\n   nothing up to this resourceVersion is missing
    {"type":"ERROR","object":{Status}}\\n   and the stream ends
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable

from wherry.api import errors
from wherry.api.errors import ApiError
from wherry.apiserver.registry import listing, negotiation, shapes
from wherry.apiserver.registry.core import Call, Core
from wherry.apiserver.registry.entry import Entry, encode
from wherry.apiserver.registry.negotiation import Accept
from wherry.apiserver.registry.options import ListOptions, list_options
from wherry.apiserver.registry.selection import Selection, selection
from wherry.apiserver.registry.served import Served
from wherry.apiserver.registry.watchcache import Event
from wherry.etcd.types import Compacted
from wherry.http.messages import Response

MAX_QUEUE = 8192
"""Events a watcher may be behind."""
CHUNK = 256 * 1024
"""Bytes of frames sent in one piece, about."""
BOOKMARK_EVERY = 60.0
MIN_TIMEOUT = 1800.0
_INITIAL_END = "k8s.io/initial-events-end"


async def watch(core: Core, call: Call) -> Response:
    options = list_options(call.query)
    accept = negotiation.accept(call.request.headers.get("accept", ""), streaming=True)
    chosen = selection(call, options)
    included = shapes.include(call.query)
    if options.resource_version in ("", "0"):
        start = 0
    else:
        start = listing.revision_number(options.resource_version)
    if options.resource_version == "":
        await core.feed.current()
    elif start:
        try:
            await listing.reach(core, start)
        except ApiError as error:
            return Response(stream=_refused(error))
    stream = WatchStream(core, call.served, chosen, options, Frames(core, call.served, accept, included))
    return Response(stream=stream.chunks(start))


async def _refused(error: ApiError) -> AsyncIterator[bytes]:
    yield _frame(b"ERROR", encode(error.status()))


def _frame(kind: bytes, body: bytes) -> bytes:
    return b'{"type":"%b","object":%b}\n' % (kind, body)


class Frames:
    """Makes the frames of one watch in the form its client asked for."""

    def __init__(self, core: Core, served: Served, accept: Accept, included: str) -> None:
        self._core = core
        self._served = served
        self._included = included
        self._shape = accept.shape
        self._first = True
        self._form = (served.resource.api_version, accept.shape)

    def of_event(self, kind: bytes, event: Event, entry: Entry) -> bytes:
        """Kept with the event for the next watcher, unless it is a Table (those tell the time)."""
        if self._shape == "Table":
            return self.of_entry(kind, entry)
        key = (self._form, kind)
        frame = event.forms.get(key)
        if frame is None:
            frame = event.forms[key] = self.of_entry(kind, entry)
        return frame

    def of_entry(self, kind: bytes, entry: Entry) -> bytes:
        if self._shape == "object":
            return _frame(kind, self._served.render(entry))
        if self._shape == "PartialObjectMetadata":
            return _frame(kind, shapes.partial(entry.data))
        first, self._first = self._first, False
        return _frame(kind, shapes.table_event(self._core, self._served, entry, self._included, first=first))

    def bookmark(self, revision: int, *, initial_end: bool = False) -> bytes:
        resource = self._served.resource
        metadata: dict[str, object] = {"resourceVersion": str(revision)}
        if initial_end:
            metadata["annotations"] = {_INITIAL_END: "true"}
        body: dict[str, object] = {"kind": resource.kind, "apiVersion": resource.api_version}
        if self._shape == "PartialObjectMetadata":
            body = {"kind": self._shape, "apiVersion": "meta.k8s.io/v1"}
        if self._shape == "Table":
            row = {"cells": [], "object": {**body, "metadata": metadata}}
            body = {"kind": "Table", "apiVersion": "meta.k8s.io/v1", "columnDefinitions": None, "rows": [row]}
            metadata = {"resourceVersion": str(revision)}
        return _frame(b"BOOKMARK", encode({**body, "metadata": metadata}))


class WatchStream:
    """One watch. `notify` and `cut_off` are called by the cache, `chunks` is read by the connection."""

    def __init__(
        self, core: Core, served: Served, chosen: Selection, options: ListOptions, frames: Frames
    ) -> None:
        self._core = core
        self._served = served
        self._chosen = chosen
        self._options = options
        self._frames = frames
        self._queue: deque[Event] = deque()
        self._wake: asyncio.Future[None] | None = None
        self._cut = False
        self._ended = False
        self._bookmark_due = False

    # -- the cache's side

    def notify(self, event: Event) -> None:
        if len(self._queue) >= MAX_QUEUE:
            self._cut = True
        if not self._cut:
            self._queue.append(event)
        self._rouse()

    def cut_off(self) -> None:
        self._cut = True
        self._rouse()

    def _rouse(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    # -- the connection's side

    async def chunks(self, start: int) -> AsyncIterator[bytes]:
        """Frames until the client leaves, the time is over, or the watch must end."""
        loop = asyncio.get_running_loop()
        timers = [loop.call_later(self._timeout(), self._end)]
        if self._options.bookmarks:
            timers.append(loop.call_later(BOOKMARK_EVERY, self._mark, timers))
        unsubscribe: Callable[[], None] = lambda: None  # noqa: E731
        try:
            unsubscribe = self._served.cache.subscribe(self._chosen.scope, self)
            async for chunk in self._beginning(start):
                yield chunk
            async for chunk in self._live():
                yield chunk
        finally:
            unsubscribe()
            for timer in timers:
                timer.cancel()

    def _timeout(self) -> float:
        asked = self._options.timeout
        return float(asked) if asked else MIN_TIMEOUT * (1 + self._core.env.rng.random())

    def _end(self) -> None:
        self._ended = True
        self._rouse()

    def _mark(self, timers: list[asyncio.TimerHandle]) -> None:
        self._bookmark_due = True
        self._rouse()
        timers[1:] = [asyncio.get_running_loop().call_later(BOOKMARK_EVERY, self._mark, timers)]

    async def _beginning(self, start: int) -> AsyncIterator[bytes]:
        """What the watch starts with: the present state, or the events since a revision."""
        options, cache, now = self._options, self._served.cache, self._core.feed.revision
        initial = options.initial_events
        if initial or (initial is None and not start):
            present = [e for e in cache.select(self._chosen.scope) if self._chosen.matches(e)]
            for chunk in _joined(self._frames.of_entry(b"ADDED", entry) for entry in present):
                yield chunk
            if options.bookmarks and (initial or not options.resource_version):
                yield self._frames.bookmark(now, initial_end=True)
            return
        if not start:
            return
        past = cache.since(start) if start < cache.changed else []
        if past is not None:
            for chunk in _joined(filter(None, map(self._frame, past))):
                yield chunk
            return
        async for chunk in self._from_store(start, now):
            yield chunk

    async def _from_store(self, start: int, now: int) -> AsyncIterator[bytes]:
        """Events older than the cache's history, up to where the subscription takes over."""
        cache = self._served.cache
        prefix = cache.layout.prefix
        size = len(prefix)
        history = self._core.store.watch(prefix, prefix[:-1] + b"0", revision=start + 1)
        last = min(cache.changed, now)
        try:
            async for batch in history:
                frames = []
                for found in batch.events:
                    if found.kv.mod_revision > now:
                        break
                    key = found.kv.key[size:].decode()
                    prev = found.prev and cache.entry(key, found.prev.mod_revision, found.prev.value)
                    value = found.kv.value if found.type == "put" else None
                    event = cache.event(key, found.kv.mod_revision, value, prev)
                    if event is not None and self._in_scope(event):
                        frames.append(self._frame(event))
                for chunk in _joined(filter(None, frames)):
                    yield chunk
                if batch.revision >= last:
                    return
        except Compacted as error:
            yield _frame(b"ERROR", encode(_too_old(start, error.compact_revision).status()))
            self._ended = True
        finally:
            history.close()

    def _in_scope(self, event: Event) -> bool:
        """What the subscription would have been told: a scope covers some events, not all."""
        kind, value = self._chosen.scope
        if kind == "key":
            return event.entry.key == value
        if kind == "namespace":
            return event.entry.key.startswith(value + "/")
        return True

    async def _live(self) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        queue = self._queue
        while True:
            if queue:
                ready = list(queue)
                queue.clear()
                for chunk in _joined(filter(None, map(self._frame, ready))):
                    yield chunk
                continue
            if self._cut:
                return
            if self._ended or self._bookmark_due:
                if self._options.bookmarks:
                    yield self._frames.bookmark(self._core.feed.revision)
                self._bookmark_due = False
                if self._ended:
                    return
                continue
            self._wake = loop.create_future()
            try:
                await self._wake
            finally:
                self._wake = None

    def _frame(self, event: Event) -> bytes | None:
        """The event as this selection sees it; None when it does not concern it."""
        chosen, prev = self._chosen, event.prev
        if chosen.whole and chosen.scope[0] in ("", "namespace", "key"):
            was, now = prev is not None, not event.deleted
        else:
            was = prev is not None and self._belongs(prev)
            now = not event.deleted and self._belongs(event.entry)
        if now:
            return self._frames.of_event(b"MODIFIED" if was else b"ADDED", event, event.entry)
        if not was or prev is None:
            return None
        if event.deleted:
            return self._frames.of_event(b"DELETED", event, event.entry)
        size = len(self._served.cache.layout.head)
        return self._frames.of_event(b"DELETED", event, prev.at(event.revision, size))

    def _belongs(self, entry: Entry) -> bool:
        label, value = self._chosen.scope
        cache = self._served.cache
        if label in cache.layout.indexed and cache.index_value(label, entry) != value:
            return False
        return self._chosen.matches(entry)


def _too_old(start: int, compacted: int) -> ApiError:
    return errors.expired(f"too old resource version: {start} ({compacted})")


def _joined(frames: Iterable[bytes | None]) -> Iterable[bytes]:
    """Frames gathered into pieces worth sending."""
    piece: list[bytes] = []
    size = 0
    for frame in frames:
        if frame is None:
            continue
        piece.append(frame)
        size += len(frame)
        if size >= CHUNK:
            yield b"".join(piece)
            piece, size = [], 0
    if piece:
        yield b"".join(piece)
