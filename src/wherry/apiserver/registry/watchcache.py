"""The current objects of one stored resource, a stretch of their history, and who watches them.

Fed by one task (`feed.py`) in revision order; everything here is synchronous and happens in that task's
step, so a reader between two awaits sees one consistent state.

Invariants:
- `entries` and `keys` hold the same keys, `keys` sorted as the store sorts them;
- `history` holds every event with a revision above `oldest`;
- a watcher is registered under the one narrowest scope its selection has, so an event costs what its
  own watchers cost: a kubelet's `spec.nodeName=` watch is not looked at for pods of other nodes.
"""

from __future__ import annotations

import logging
from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from wherry.api.schema import Obj
from wherry.apiserver.registry import entry as entries
from wherry.apiserver.registry import glance
from wherry.apiserver.registry.entry import Entry, Fields
from wherry.apiserver.registry.packed import PackedLists

log = logging.getLogger("wherry.apiserver")

HISTORY_EVENTS = 4096
HISTORY_BYTES = 16 * 1024 * 1024

Scope = tuple[str, str]
"""("", "") all; ("namespace", ns); ("key", "ns/name"); (a field label, its value)."""

ALL: Scope = ("", "")


class Event:
    """A change. `entry` is the state after it (of a deletion: the last state, with the deletion's
    revision), `prev` the state before, None when the object is new."""

    __slots__ = ("deleted", "entry", "forms", "prev", "revision")

    def __init__(self, entry: Entry, prev: Entry | None, deleted: bool) -> None:
        self.entry = entry
        self.prev = prev
        self.deleted = deleted
        self.revision = entry.revision
        self.forms: dict[Hashable, bytes] = {}


class Watcher(Protocol):
    def notify(self, event: Event) -> None:
        """Called in the feed's step, in revision order."""

    def cut_off(self) -> None:
        """The cache can promise no further events (it was filled anew)."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How a resource is stored: what the cache needs to know of it."""

    prefix: bytes
    head: bytes
    fields: Fields = field(default_factory=dict)
    indexed: tuple[str, ...] = ()
    """Field labels by which entries and watchers can be found directly; each also a dotted path."""


class WatchCache:
    def __init__(self, layout: Layout, normalize: Callable[[Obj], Obj] | None = None) -> None:
        self.layout = layout
        self.entries: dict[str, Entry] = {}
        self.keys: list[str] = []
        self.history: deque[Event] = deque()
        self.oldest = 0
        self.changed = 0
        """The revision of the last change of this resource."""
        self.packed = PackedLists()
        self._normalize = normalize
        self._size = 0
        self._indexes: dict[str, dict[str, dict[str, Entry]]] = {f: {} for f in layout.indexed}
        self._readers = {f: glance.text_at(f) for f in layout.indexed}
        self._watchers: dict[Scope, dict[int, Watcher]] = {}
        self._next = 0

    # -- reading

    def get(self, key: str) -> Entry | None:
        return self.entries.get(key)

    def select(self, scope: Scope = ALL, after: str = "") -> Iterator[Entry]:
        """Entries of a scope in key order, from the key `after` on (itself included)."""
        kind, value = scope
        entries = self.entries
        if kind == "key":
            found = entries.get(value)
            return iter((found,) if found is not None and value >= after else ())
        if kind in self._indexes:
            index = self._indexes[kind].get(value, {})
            return (index[k] for k in sorted(index) if k >= after)
        low, high = 0, len(self.keys)
        if kind == "namespace":
            low = bisect_left(self.keys, value + "/")
            high = bisect_left(self.keys, value + "0")
        if after:
            low = max(low, bisect_left(self.keys, after))
        return map(entries.__getitem__, self.keys[low:high])

    def count(self, scope: Scope, after: str) -> int:
        """How many keys of an all or namespace scope come after a key."""
        low, high = bisect_right(self.keys, after), len(self.keys)
        if scope[0] == "namespace":
            high = bisect_left(self.keys, scope[1] + "0")
        return max(0, high - low)

    def index_value(self, label: str, entry: Entry) -> str:
        """The value an entry stands under in an index."""
        return self._readers[label](entry.data)

    # -- watching

    def subscribe(self, scope: Scope, watcher: Watcher) -> Callable[[], None]:
        """Every event of the scope from now on; returns what ends it."""
        number = self._next
        self._next += 1
        self._watchers.setdefault(scope, {})[number] = watcher

        def end() -> None:
            group = self._watchers.get(scope)
            if group is not None and group.pop(number, None) is not None and not group:
                del self._watchers[scope]

        return end

    def since(self, revision: int) -> list[Event] | None:
        """The events after a revision, None when history does not reach back that far."""
        if revision < self.oldest:
            return None
        found: list[Event] = []
        for event in reversed(self.history):
            if event.revision <= revision:
                break
            found.append(event)
        found.reverse()
        return found

    # -- feeding

    def event(self, key: str, revision: int, value: bytes | None, prev: Entry | None) -> Event | None:
        """The event of a put (`value`) or deletion (None); None for what changes nothing."""
        if value is None:
            if prev is None:
                return None
            return Event(prev.at(revision, len(self.layout.head)), prev, True)
        return Event(self.entry(key, revision, value), prev, False)

    def entry(self, key: str, revision: int, value: bytes) -> Entry:
        head = self.layout.head
        if not value.startswith(head):
            value = self._canonical(value)
        return Entry(key, revision, entries.served_value(value, len(head), revision))

    def _canonical(self, value: bytes) -> bytes:
        """Values somebody else wrote: another version of the kind, another order of keys."""
        obj = entries.decode_value(value)
        return entries.stored_value(self._normalize(obj) if self._normalize else obj)

    def apply(self, key: str, revision: int, value: bytes | None) -> None:
        event = self.event(key, revision, value, self.entries.get(key))
        if event is None:
            return
        if event.deleted:
            del self.entries[key]
            del self.keys[bisect_left(self.keys, key)]
        else:
            self.entries[key] = event.entry
            if event.prev is None:
                insort(self.keys, key)
        self.changed = revision
        self._remember(event)
        scopes = self._reindex(event)
        if self._watchers:
            self._tell(event, scopes)

    def _remember(self, event: Event) -> None:
        self.history.append(event)
        self._size += len(event.entry.data)
        while len(self.history) > HISTORY_EVENTS or self._size > HISTORY_BYTES:
            gone = self.history.popleft()
            self._size -= len(gone.entry.data)
            self.oldest = gone.revision

    def _reindex(self, event: Event) -> list[Scope]:
        """Moves the entry in the indexes; returns the index scopes the event touches."""
        touched: list[Scope] = []
        for label, index in self._indexes.items():
            read = self._readers[label]
            before = read(event.prev.data) if event.prev is not None else None
            after = None if event.deleted else read(event.entry.data)
            if before is not None:
                touched.append((label, before))
                if before != after:
                    group = index[before]
                    del group[event.entry.key]
                    if not group:
                        del index[before]
            if after is not None:
                index.setdefault(after, {})[event.entry.key] = event.entry
                if after != before:
                    touched.append((label, after))
        return touched

    def _tell(self, event: Event, scopes: list[Scope]) -> None:
        key = event.entry.key
        namespace = key.partition("/")[0]
        for scope in (ALL, ("namespace", namespace), ("key", key), *scopes):
            group = self._watchers.get(scope)
            if group is not None:
                for watcher in list(group.values()):
                    watcher.notify(event)

    def fill(self, values: Mapping[str, tuple[int, bytes]], revision: int) -> None:
        """Starts over from a listing. Watchers of before are cut off: what happened in between is
        not known event by event."""
        watchers = [w for group in self._watchers.values() for w in group.values()]
        self._watchers.clear()
        self.history.clear()
        self._size = 0
        self.oldest = self.changed = revision
        self.entries = {}
        for key, (changed, value) in values.items():
            try:
                self.entries[key] = self.entry(key, changed, value)
            except (ValueError, KeyError, TypeError):
                log.error("the store holds a value that is not an object: %s", key)
        self.keys = sorted(self.entries)
        for label in self._indexes:
            index: dict[str, dict[str, Entry]] = {}
            self._indexes[label] = index
            for key, found in self.entries.items():
                index.setdefault(self._readers[label](found.data), {})[key] = found
        for watcher in watchers:
            watcher.cut_off()
