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
from collections.abc import AsyncIterator, Callable

from wherry.api import errors
from wherry.apiserver.registry import listing, negotiation, shapes
from wherry.apiserver.registry.core import Call, Core
from wherry.apiserver.registry.entry import Entry, encode
from wherry.apiserver.registry.frames import Frame, Frames, chunks, frame
from wherry.apiserver.registry.options import ListOptions, list_options
from wherry.apiserver.registry.selection import Selection, selection
from wherry.apiserver.registry.served import Served
from wherry.apiserver.registry.watchcache import Event
from wherry.etcd.types import Compacted
from wherry.etcd.types import Event as StoreEvent
from wherry.http.messages import Response

MAX_QUEUE = 8192
"""Events a watcher may be behind."""
BOOKMARK_EVERY = 60.0
MIN_TIMEOUT = 1800.0


async def watch(core: Core, call: Call) -> Response:
    options = list_options(call.query)
    accept = negotiation.accept(call.request.headers.get("accept", ""), streaming=True)
    chosen = selection(call, options)
    version = options.resource_version
    start = 0 if version in ("", "0") else listing.revision_number(version)
    if version == "":
        await core.feed.current()
        if options.initial_events is False:
            start = core.feed.revision
    elif options.initial_events:
        await listing.reach(core, start)
    frames = Frames(core, call.served, accept, shapes.include(call.query))
    stream = WatchStream(core, call.served, chosen, options, start, frames)
    return Response(stream=stream.chunks())


class WatchStream:
    """One watch, of what happens after `start` (0: from the present state on). `notify` and `cut_off`
    are called by the cache, `chunks` is read by the connection."""

    def __init__(
        self,
        core: Core,
        served: Served,
        chosen: Selection,
        options: ListOptions,
        start: int,
        frames: Frames,
    ) -> None:
        self._core = core
        self._served = served
        self._chosen = chosen
        self._options = options
        self._start = start
        self._frames = frames
        self._queue: deque[Event] = deque()
        self._wake: asyncio.Future[None] | None = None
        self._timers: list[asyncio.TimerHandle] = []
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

    async def chunks(self) -> AsyncIterator[bytes]:
        """Frames until the client leaves, the time is over, or the watch must end."""
        unsubscribe = self._served.cache.subscribe(self._chosen.scope, self)
        self._later(self._timeout(), self._end)
        if self._options.bookmarks:
            self._later(BOOKMARK_EVERY, self._mark)
        try:
            async for chunk in self._beginning():
                yield chunk
            async for chunk in self._live():
                yield chunk
        finally:
            unsubscribe()
            for timer in self._timers:
                timer.cancel()

    def _later(self, seconds: float, call: Callable[[], None]) -> None:
        now = asyncio.get_running_loop()
        self._timers = [t for t in self._timers if t.when() > now.time()]
        self._timers.append(now.call_later(seconds, call))

    def _timeout(self) -> float:
        asked = self._options.timeout
        return float(asked) if asked else MIN_TIMEOUT * (1 + self._core.env.rng.random())

    def _end(self) -> None:
        self._ended = True
        self._rouse()

    def _mark(self) -> None:
        self._bookmark_due = True
        self._rouse()
        self._later(BOOKMARK_EVERY, self._mark)

    async def _beginning(self) -> AsyncIterator[bytes]:
        """What the watch starts with: the present state, or the events since a revision."""
        options, cache, now = self._options, self._served.cache, self._core.feed.revision
        initial = options.initial_events
        if initial or (initial is None and not self._start):
            present = [e for e in cache.select(self._chosen.scope) if self._chosen.matches(e)]
            for chunk in chunks(self._frames.of_entry("ADDED", entry) for entry in present):
                yield chunk
            if options.bookmarks and (initial or not options.resource_version):
                yield b"".join(self._frames.bookmark(now, initial_end=True))
        elif self._start and self._start < cache.changed:
            past = cache.since(self._start)
            if past is not None:
                for chunk in chunks(self._frame(e) for e in past if self._in_scope(e)):
                    yield chunk
            else:
                async for chunk in self._from_store(now):
                    yield chunk

    async def _from_store(self, now: int) -> AsyncIterator[bytes]:
        """Events older than the cache's history, up to where the subscription took over."""
        cache = self._served.cache
        prefix, last = cache.layout.prefix, min(cache.changed, now)
        history = self._core.store.watch(prefix, prefix[:-1] + b"0", revision=self._start + 1)
        try:
            async for batch in history:
                for chunk in chunks(self._past(found, now) for found in batch.events):
                    yield chunk
                if batch.revision >= last:
                    return
        except Compacted as error:
            text = f"too old resource version: {self._start} ({error.compact_revision})"
            yield b"".join(frame("ERROR", encode(errors.expired(text).status())))
            self._ended, self._cut = True, True
        finally:
            history.close()

    def _past(self, found: StoreEvent, now: int) -> Frame | None:
        """A store event from before the subscription, as the subscription would have told it."""
        if found.kv.mod_revision > now:
            return None
        cache = self._served.cache
        key = found.kv.key[len(cache.layout.prefix) :].decode()
        prev = found.prev and cache.entry(key, found.prev.mod_revision, found.prev.value)
        value = found.kv.value if found.type == "put" else None
        event = cache.event(key, found.kv.mod_revision, value, prev)
        return self._frame(event) if event is not None and self._in_scope(event) else None

    def _in_scope(self, event: Event) -> bool:
        kind, value = self._chosen.scope
        if kind == "key":
            return event.entry.key == value
        return kind != "namespace" or event.entry.key.startswith(value + "/")

    async def _live(self) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        queue = self._queue
        while not (self._cut and not queue):
            if queue:
                ready = [event for event in queue if event.revision > self._start]
                queue.clear()
                for chunk in chunks(map(self._frame, ready)):
                    yield chunk
            elif self._ended or self._bookmark_due:
                self._bookmark_due = False
                if self._options.bookmarks:
                    yield b"".join(self._frames.bookmark(self._core.feed.revision))
                if self._ended:
                    return
            else:
                self._wake = loop.create_future()
                try:
                    await self._wake
                finally:
                    self._wake = None

    def _frame(self, event: Event) -> Frame | None:
        """The event as this selection sees it; None when it does not concern it."""
        prev = event.prev
        was = prev is not None and self._belongs(prev)
        now = not event.deleted and self._belongs(event.entry)
        if now:
            return self._frames.of_event("MODIFIED" if was else "ADDED", event, event.entry)
        if not was or prev is None:
            return None
        if event.deleted:
            return self._frames.of_event("DELETED", event, event.entry)
        size = len(self._served.cache.layout.head)
        return self._frames.of_event("DELETED", event, prev.at(event.revision, size))

    def _belongs(self, entry: Entry) -> bool:
        chosen = self._chosen
        label, value = chosen.scope
        if label in self._served.cache.layout.indexed:
            if self._served.cache.index_value(label, entry) != value:
                return False
        elif chosen.whole:
            return True
        return chosen.matches(entry)
