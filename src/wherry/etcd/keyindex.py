"""Which record holds a key at a revision: the index of a multi-version store, in memory and pure.

A write is known by its position, one integer: `revision << 24 | number within the revision << 1 | dead`,
where `dead` marks a deletion. Positions order as the writes did. A key's history is the list of its
positions. Take a key put at revision 2, changed at 5, deleted at 8 and put again at 9:

    history      [2, 5, 8 dead, 9]
    at 4         2
    at 8         nothing (8 is dead)
    compact(6)   drops 2:             [5, 8 dead, 9]
    compact(8)   drops 5:             [8 dead, 9]     (a watch from 8 must still see the deletion)
    compact(9)   drops 8:             [9]
    compact(20)  drops nothing: what a key is now is never history

`compact` looks only at keys that were changed since the last one, through `_garbage`: one entry for
every write that made an older record, or itself, history. Nothing here does I/O or knows values.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable

from wherry.etcd.keyrange import TO_THE_END
from wherry.etcd.orderedkeys import OrderedKeys

REVISION_SHIFT = 24
MAX_WRITES = 1 << (REVISION_SHIFT - 1)
"""Writes that fit in one revision."""

NOWHERE = 1
"""The position of what never was: dead, and before all others."""


def position(revision: int, number: int, dead: bool) -> int:
    return revision << REVISION_SHIFT | number << 1 | dead


def revision_of(position: int) -> int:
    return position >> REVISION_SHIFT


def start_of(revision: int) -> int:
    """The least position of a revision."""
    return revision << REVISION_SHIFT


class KeyIndex:
    __slots__ = ("_garbage", "_histories", "_keys", "history_bytes")

    def __init__(self) -> None:
        self._histories: dict[bytes, list[int]] = {}
        self._keys = OrderedKeys()
        self._garbage: deque[tuple[int, bytes, int]] = deque()
        self.history_bytes = 0
        """Size of the records that compaction could drop."""

    def restore(self, records: Iterable[tuple[int, bytes, int]]) -> None:
        """Takes (position, key, size of the record) of a whole store in order of position."""
        sizes: dict[bytes, int] = {}
        for where, key, size in records:
            history = self._histories.get(key)
            if history is None:
                self._histories[key] = [where]
            else:
                history.append(where)
            if history is not None or where & 1:
                self._mark(where, key, sizes.get(key, 0))
            sizes[key] = size
        self._keys = OrderedKeys(sorted(self._histories))

    def put(self, key: bytes, where: int, superseded: int) -> None:
        """`superseded` is the size of the record that this write makes history."""
        history = self._histories.get(key)
        if history is None:
            self._histories[key] = [where]
            self._keys.add(key)
        else:
            history.append(where)
            self._mark(where, key, superseded)

    def undo(self, key: bytes, where: int) -> None:
        """Takes back the newest `put` of all."""
        history = self._histories[key]
        history.pop()
        if not history:
            self._drop(key)
        if self._garbage and self._garbage[-1][0] == where:
            self.history_bytes -= self._garbage.pop()[2]

    def newest(self, key: bytes) -> int:
        """Position of the key's last write, dead if it is deleted or never was."""
        history = self._histories.get(key)
        return history[-1] if history else NOWHERE

    def at(self, key: bytes, revision: int) -> int:
        """Position of the key's last write up to `revision`."""
        history = self._histories.get(key)
        return _last_before(history, start_of(revision + 1)) if history else NOWHERE

    def select(self, key: bytes, end: bytes | None, revision: int, limit: int = 0) -> tuple[list[int], int]:
        """Positions of the living keys in the range at `revision`, at most `limit`, and how many
        there are in all."""
        if end is None:
            where = self.at(key, revision)
            return ([], 0) if where & 1 else ([where], 1)
        bound = start_of(revision + 1)
        histories = self._histories
        found = []
        for name in self._keys.span(key, None if end == TO_THE_END else end):
            history = histories[name]
            where = history[-1]
            if where >= bound:
                where = _last_before(history, bound)
            if not where & 1:
                found.append(where)
        total = len(found)
        return (found[:limit] if limit else found), total

    def living(self, key: bytes, end: bytes | None) -> list[bytes]:
        """The keys of the range that are not deleted."""
        if end is None:
            return [] if self.newest(key) & 1 else [key]
        histories = self._histories
        span = self._keys.span(key, None if end == TO_THE_END else end)
        return [name for name in span if not histories[name][-1] & 1]

    def compact(self, revision: int) -> list[int]:
        """Forgets what only revisions before `revision` need; the positions dropped, in order."""
        dropped: list[int] = []
        again = []
        while self._garbage and revision_of(self._garbage[0][0]) <= revision:
            entry = self._garbage.popleft()
            where, key, size = entry
            self.history_bytes -= size
            dropped += self._forget(key, revision)
            if where & 1 and revision_of(where) == revision:
                again.append((where, key, 0))
        self._garbage.extendleft(reversed(again))
        dropped.sort()
        return dropped

    def revision_freeing(self, size: int) -> int:
        """The revision up to which to compact to be rid of `size` bytes of history; 0 when there
        is none."""
        revision = 0
        for where, _, superseded in self._garbage:
            if size <= 0:
                break
            size -= superseded
            revision = revision_of(where)
        return revision

    def _mark(self, where: int, key: bytes, size: int) -> None:
        self._garbage.append((where, key, size))
        self.history_bytes += size

    def _forget(self, key: bytes, revision: int) -> list[int]:
        history = self._histories.get(key)
        if history is None:
            return []
        past = bisect_left(history, start_of(revision + 1))
        if not past:
            return []
        last = history[past - 1]
        keep = past if last & 1 and revision_of(last) < revision else past - 1
        dropped = history[:keep]
        del history[:keep]
        if not history:
            self._drop(key)
        return dropped

    def _drop(self, key: bytes) -> None:
        del self._histories[key]
        self._keys.remove(key)


def _last_before(history: list[int], bound: int) -> int:
    past = bisect_left(history, bound)
    return history[past - 1] if past else NOWHERE
