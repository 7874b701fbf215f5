"""What a decision makes happen, as data: the core returns it, `effects` carries it out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from wherry.scheduler.queue import Pending


@dataclass(frozen=True, slots=True)
class Bind:
    pending: Pending
    node: str


@dataclass(frozen=True, slots=True)
class Report:
    """A pod has no place: its condition, its event, and the node it is nominated for.

    `nominated` None leaves the nomination as it is.
    """

    pod: Any
    message: str
    reason: str = "Unschedulable"
    nominated: str | None = None


@dataclass(frozen=True, slots=True)
class Evict:
    victim: Any
    preemptor: Any
    node: str


Effect: TypeAlias = Bind | Report | Evict
