"""The engine without a disk: for tests, simulation and the cluster in one process.

Nothing in it waits, so a store over it never suspends in a transaction.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Generator, Iterable, Iterator, Sequence

from wherry.etcd.engine import Change, Found, size_of
from wherry.etcd.types import KeyValue, StoreFull

HEADROOM = 1 << 20
"""Room above the limit, so that deletions and compaction go through when it is reached."""


class MemoryEngine:
    blocking = False

    def __init__(self, size: int) -> None:
        self.full = False
        self._limit = size
        self._used = 0
        self._records: dict[int, KeyValue] = {}
        self._order: list[int] = []

    def recover(self) -> Iterator[Found]:
        return iter(())

    def numbers(self) -> tuple[int, dict[int, float]]:
        return 0, {}

    def get(self, position: int) -> KeyValue:
        return self._records[position]

    def get_many(self, positions: Iterable[int]) -> list[KeyValue]:
        records = self._records
        return [records[position] for position in positions]

    def scan(self, start: int, stop: int) -> Generator[tuple[int, KeyValue], None, None]:
        order = self._order
        for at in range(bisect_left(order, start), bisect_left(order, stop)):
            yield order[at], self._records[order[at]]

    def write(self, changes: Sequence[Change]) -> None:
        added = sum(size_of(kv) for change in changes for _, kv in change.puts)
        if added and self._used + added > self._limit + HEADROOM:
            raise StoreFull("etcdserver: mvcc: database space exceeded")
        self._used += added
        for change in changes:
            for position, kv in change.puts:
                self._records[position] = kv
                self._order.append(position)
            if change.drops:
                for position in change.drops:
                    self._used -= size_of(self._records.pop(position))
                self._order = [position for position in self._order if position in self._records]
        self.full = self._used > self._limit

    def close(self) -> None:
        self._records.clear()
        self._order.clear()
