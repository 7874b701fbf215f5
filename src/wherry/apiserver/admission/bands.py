"""Allocation of numbers from a range, the way upstream keeps chance away from people's own choices.

The range has two bands. Whoever asks for "any" gets a random one from the upper band, and from the lower
band only when the upper one is full; so numbers chosen by hand, which tend to be the first ones, rarely
collide (KEP 3070).

Who holds a number is looked up in the state when it matters, not tracked: a holder that is gone, or no
longer claims the number, holds it no more. Numbers given out but not yet stored are `pending`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from itertools import chain


class Bands:
    """Numbers 0..size-1. `holds(owner, number)` says whether the owner (namespace/name) has it now.

    Allocations by other API servers become known by `learn`; a number is never given out that the
    state known here says is taken.
    """

    def __init__(self, size: int, lower: int, rng: random.Random, holds: Callable[[str, int], bool]) -> None:
        self.size = size
        self._lower = lower
        self._rng = rng
        self._holds = holds
        self._owners: dict[int, str] = {}
        self._pending: set[int] = set()

    def learn(self, owner: str, numbers: Iterable[int]) -> None:
        for number in numbers:
            self._owners[number] = owner

    def is_free(self, number: int) -> bool:
        if number in self._pending:
            return False
        owner = self._owners.get(number)
        if owner is None:
            return True
        if self._holds(owner, number):
            return False
        del self._owners[number]
        return True

    def take(self, number: int) -> bool:
        """Reserves it until `settle`; False when somebody has it."""
        if not self.is_free(number):
            return False
        self._pending.add(number)
        return True

    def take_any(self) -> int | None:
        """Reserves a free one; None when there is none."""
        for first, last in ((self._lower, self.size), (0, self._lower)):
            if first >= last:
                continue
            start = self._rng.randrange(first, last)
            for number in chain(range(start, last), range(first, start)):
                if self.take(number):
                    return number
        return None

    def settle(self, numbers: Iterable[int], owner: str) -> None:
        """The write these were reserved for has been done; without an owner it has not."""
        for number in numbers:
            self._pending.discard(number)
            if owner:
                self._owners[number] = owner


def lower_band(size: int, smallest: int, step: int, largest: int) -> int:
    """How many numbers at the start are left to hand-picked ones; none where the range is tiny."""
    if size < smallest:
        return 0
    return min(max(size // step, smallest), largest)
