"""What every box of the cluster is to whoever runs it: an object with a name and `run(ready)`."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from wherry.clock import Clock, RealClock


@dataclass(frozen=True, slots=True)
class Env:
    """Time and chance, as a component is given them."""

    clock: Clock = field(default_factory=RealClock)
    rng: random.Random = field(default_factory=random.Random)


class Component(Protocol):
    name: str

    async def run(self, ready: Callable[[], None]) -> None:
        """Works until cancelled; calls `ready` once when it does its job. Leaves nothing running."""
