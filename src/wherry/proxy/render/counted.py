"""What several rules need in common, counted: a chain or element goes when the last that needs it does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Differences(Generic[K, V]):
    """A key in both has changed its value."""

    gone: dict[K, V]
    come: dict[K, V]


def counted(
    have: dict[K, tuple[V, int]], old: Iterable[Mapping[K, V]], new: Iterable[Mapping[K, V]]
) -> Differences[K, V]:
    """Takes `old` out of the counted parts and puts `new` in; what the sums then differ by."""
    before: dict[K, V | None] = {}
    for part in old:
        for key in part:
            value, count = have[key]
            before.setdefault(key, value)
            if count == 1:
                del have[key]
            else:
                have[key] = (value, count - 1)
    for part in new:
        for key, value in part.items():
            known = have.get(key)
            before.setdefault(key, known[0] if known else None)
            have[key] = (value, known[1] + 1 if known else 1)
    gone: dict[K, V] = {}
    come: dict[K, V] = {}
    for key, was in before.items():
        now = have.get(key)
        value_now = now[0] if now is not None else None
        if was == value_now:
            continue
        if was is not None:
            gone[key] = was
        if value_now is not None:
            come[key] = value_now
    return Differences(gone, come)
