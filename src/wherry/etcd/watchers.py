"""Which watches a changed key concerns, found without asking each of them.

Watches of one key are in a table. Watches of a prefix are found by bisection: among the watched prefixes
sorted, the greatest one not above the key is a prefix of it, or one of the prefixes that enclose that one
is, or none is. (If q is a prefix of the key, everything sorted between q and the key starts with q.)
Anything else is a plain range, rare, and asked in turn.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Protocol

from wherry.etcd.keyrange import contains, prefix_end
from wherry.etcd.types import Event


class Watcher(Protocol):
    key: bytes
    end: bytes | None

    def push(self, events: list[Event], revision: int) -> None:
        """Takes its events of all writes up to `revision`."""


class WatcherGroup:
    """Watches that are up to date and want every event as it is published."""

    def __init__(self) -> None:
        self._of_key: dict[bytes, dict[Watcher, None]] = {}
        self._of_prefix: dict[bytes, dict[Watcher, None]] = {}
        self._of_range: dict[Watcher, None] = {}
        self._prefixes: list[bytes] = []
        self._enclosing: list[int] = []

    def add(self, watcher: Watcher) -> None:
        if watcher.end is None:
            self._of_key.setdefault(watcher.key, {})[watcher] = None
        elif watcher.end == prefix_end(watcher.key):
            if watcher.key not in self._of_prefix:
                self._of_prefix[watcher.key] = {}
                self._sort_prefixes()
            self._of_prefix[watcher.key][watcher] = None
        else:
            self._of_range[watcher] = None

    def remove(self, watcher: Watcher) -> None:
        """Nothing happens when it is not in the group."""
        self._of_range.pop(watcher, None)
        table = self._of_key if watcher.end is None else self._of_prefix
        watchers = table.get(watcher.key)
        if watchers is not None and watchers.pop(watcher, self) is None and not watchers:
            del table[watcher.key]
            self._sort_prefixes()

    def publish(self, events: Sequence[Event], revision: int) -> None:
        """Hands every watch its events, in one piece."""
        if not (self._prefixes or self._of_key or self._of_range):
            return
        concerned: dict[Watcher, list[Event]] = {}
        for event in events:
            for watcher in self.watching(event.kv.key):
                if watcher in concerned:
                    concerned[watcher].append(event)
                else:
                    concerned[watcher] = [event]
        for watcher, theirs in concerned.items():
            watcher.push(theirs, revision)

    def watching(self, key: bytes) -> list[Watcher]:
        found: list[Watcher] = list(self._of_key.get(key, ()))
        at = bisect_right(self._prefixes, key) - 1
        while at >= 0:
            prefix = self._prefixes[at]
            if key.startswith(prefix):
                found += self._of_prefix[prefix]
            at = self._enclosing[at]
        if self._of_range:
            found += [w for w in self._of_range if contains(w.key, w.end, key)]
        return found

    def _sort_prefixes(self) -> None:
        self._prefixes = sorted(self._of_prefix)
        self._enclosing = []
        chain: list[int] = []
        for at, prefix in enumerate(self._prefixes):
            while chain and not prefix.startswith(self._prefixes[chain[-1]]):
                chain.pop()
            self._enclosing.append(chain[-1] if chain else -1)
            chain.append(at)
