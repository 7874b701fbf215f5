"""A sorted set of keys in blocks: adding, removing and cutting out a range cost little at 150,000 keys.

One flat sorted list would move half a megabyte for every insertion; blocks of at most `BLOCK` keys move
a few kilobytes, and a range is whole blocks with two cut ends.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator

BLOCK = 1024


class OrderedKeys:
    __slots__ = ("_blocks", "_last")

    def __init__(self, ordered: Iterable[bytes] = ()) -> None:
        keys = list(ordered)
        half = BLOCK // 2
        self._blocks = [keys[at : at + half] for at in range(0, len(keys), half)]
        self._last = [block[-1] for block in self._blocks]

    def add(self, key: bytes) -> None:
        """The key must not be there."""
        if not self._blocks:
            self._blocks, self._last = [[key]], [key]
            return
        at = min(bisect_left(self._last, key), len(self._blocks) - 1)
        block = self._blocks[at]
        block.insert(bisect_left(block, key), key)
        if len(block) > BLOCK:
            # Keys often come in order; a block that grew at its end is left nearly full.
            cut = BLOCK - BLOCK // 8 if block[-1] == key else BLOCK // 2
            self._blocks.insert(at + 1, block[cut:])
            del block[cut:]
            self._last.insert(at, block[-1])
            at += 1
        self._last[at] = self._blocks[at][-1]

    def remove(self, key: bytes) -> None:
        """The key must be there."""
        at = bisect_left(self._last, key)
        block = self._blocks[at]
        del block[bisect_left(block, key)]
        if block:
            self._last[at] = block[-1]
        else:
            del self._blocks[at], self._last[at]

    def span(self, start: bytes, stop: bytes | None) -> Iterator[bytes]:
        """Keys from `start` up to but without `stop` (None: to the end). The set must not change
        meanwhile."""
        first = bisect_left(self._last, start)
        for at in range(first, len(self._blocks)):
            block = self._blocks[at]
            low = bisect_left(block, start) if at == first else 0
            if stop is not None and self._last[at] >= stop:
                yield from block[low : bisect_left(block, stop)]
                return
            yield from block[low:] if low else block

    def __len__(self) -> int:
        return sum(map(len, self._blocks))
