"""Exponential back-off with jitter, from a given source of chance."""

from __future__ import annotations

import random


class Backoff:
    """`next()` gives `base`, `base * factor`, ... up to `cap` seconds, each made longer by a random
    share of up to `jitter` of itself."""

    def __init__(
        self, rng: random.Random, *, base: float, cap: float, factor: float = 2.0, jitter: float = 1.0
    ) -> None:
        self._rng = rng
        self._base, self._cap, self._factor, self._jitter = base, cap, factor, jitter
        self._delay = base

    def next(self) -> float:
        delay = self._delay
        self._delay = min(self._cap, delay * self._factor)
        return delay * (1.0 + self._jitter * self._rng.uniform(0.0, 1.0))

    def reset(self) -> None:
        self._delay = self._base
