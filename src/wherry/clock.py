"""Wall-clock time, given to components rather than taken by them.

Durations and timers come from the event loop (`loop.time()`, `asyncio.sleep`), which a virtual-time
loop can replace; what is left is the date that ends up in objects. A component that needs it takes a
`Clock`, and one that needs chance takes a `random.Random`.
"""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    def time(self) -> float:
        """Seconds since the epoch."""


class RealClock:
    def time(self) -> float:
        return time.time()


def utc(clock: Clock) -> datetime:
    return datetime.fromtimestamp(clock.time(), UTC)


def rfc3339(seconds: float) -> str:
    """metav1.Time: whole seconds, `2026-01-02T03:04:05Z`."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def rfc3339_micro(seconds: float) -> str:
    """metav1.MicroTime: `2026-01-02T03:04:05.000000Z`."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_rfc3339(text: str) -> float:
    """Seconds since the epoch; ValueError when it is not a date."""
    return datetime.fromisoformat(text).timestamp()


def uuid4(rng: random.Random) -> str:
    """A random UUID (RFC 9562, version 4) from the given source."""
    bits = rng.getrandbits(128)
    bits = bits & ~(0xF000 << 64) & ~(0xC000 << 48) | (4 << 76) | (0x8000 << 48)
    digits = f"{bits:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
