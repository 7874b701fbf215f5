"""What `up` and `down` tell of their progress, apart from how it is shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    text: str
    seconds: float


Report = Callable[[Step], None]


class StartFailed(Exception):
    """The cluster did not come up; the text says where to look."""


class NotReadyInTime(StartFailed):
    """It may still: the cluster goes on in the background."""
