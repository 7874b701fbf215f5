"""How long a container that keeps failing must wait (`client-go/util/flowcontrol.Backoff`).

The first restart is immediate; after that 10 s, doubled up to 5 minutes. A container that then stays
up (ends more than twice the maximum after its last restart) starts over.
"""

from __future__ import annotations

from collections.abc import Hashable

import msgspec


class _Entry(msgspec.Struct):
    delay: float
    since: float


class Backoff:
    """Delays by key. Times are seconds of any one clock."""

    def __init__(self, initial: float = 10.0, maximum: float = 300.0) -> None:
        self.initial = initial
        self.maximum = maximum
        self._entries: dict[Hashable, _Entry] = {}

    def remaining(self, key: Hashable, failed_at: float, now: float) -> float:
        """Seconds left to wait after the failure at `failed_at`; 0 when there is nothing to wait for."""
        entry = self._entries.get(key)
        if entry is None or self._stale(entry, failed_at):
            return 0.0
        return max(0.0, failed_at + entry.delay - now)

    def delay(self, key: Hashable) -> float:
        """The whole wait that is in force."""
        entry = self._entries.get(key)
        return entry.delay if entry else 0.0

    def next(self, key: Hashable, now: float) -> None:
        """One more attempt begins: the next failure waits longer."""
        entry = self._entries.get(key)
        if entry is None or self._stale(entry, now):
            self._entries[key] = _Entry(self.initial, now)
        else:
            entry.delay = min(entry.delay * 2, self.maximum)
            entry.since = now

    def forget(self, key: Hashable) -> None:
        self._entries.pop(key, None)

    def _stale(self, entry: _Entry, now: float) -> bool:
        return now - entry.since > 2 * self.maximum


def go_duration(seconds: float) -> str:
    """Whole seconds as Go prints a Duration: `10s`, `1m20s`, `5m0s`."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
