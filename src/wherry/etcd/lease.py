"""Leases: keys that go away unless somebody keeps saying they should stay.

Times are the event loop's. A lease's time to live is persisted, its deadline is not: after a restart
every lease has its whole time again, as in etcd.
"""

from __future__ import annotations

import asyncio
import heapq
import math
from dataclasses import dataclass, field

UNSTARTED = math.inf
"""The deadline of a lease that was recovered and waits for the clock to run."""


class LeaseNotFound(KeyError):
    def __str__(self) -> str:
        return "etcdserver: requested lease not found"


@dataclass(slots=True)
class Lease:
    ttl: float
    deadline: float
    keys: dict[bytes, None] = field(default_factory=dict)
    usable: bool = True
    """False while the granting or revoking of it is not durable: nothing can be put under it."""


class Leases:
    def __init__(self) -> None:
        self._leases: dict[int, Lease] = {}
        self._deadlines: list[tuple[float, int]] = []
        self.changed = asyncio.Event()
        """Set when there may be an earlier deadline than before."""

    def __contains__(self, lease: int) -> bool:
        return lease in self._leases

    def find(self, lease: int) -> Lease:
        """The lease; LeaseNotFound when it is gone or going."""
        found = self._leases.get(lease)
        if found is None or not found.usable:
            raise LeaseNotFound(lease)
        return found

    def grant(self, lease: int, ttl: float, deadline: float, *, usable: bool = True) -> Lease:
        self._leases[lease] = granted = Lease(ttl, deadline, usable=usable)
        self._schedule(lease, deadline)
        return granted

    def extend(self, lease: int, now: float) -> float:
        found = self.find(lease)
        found.deadline = now + found.ttl
        self._schedule(lease, found.deadline)
        return found.ttl

    def postpone(self, lease: int, deadline: float) -> None:
        found = self.find(lease)
        found.deadline = deadline
        self._schedule(lease, deadline)

    def remove(self, lease: int) -> None:
        self._leases.pop(lease, None)

    def move(self, key: bytes, old: int, new: int) -> None:
        """The key goes from one lease to another; 0 is none."""
        if old != new:
            if old in self._leases:
                self._leases[old].keys.pop(key, None)
            if new in self._leases:
                self._leases[new].keys[key] = None

    def start(self, now: float) -> None:
        """Begins the time of recovered leases."""
        for lease, found in self._leases.items():
            if found.deadline == UNSTARTED:
                found.deadline = now + found.ttl
                self._schedule(lease, found.deadline)

    def next_deadline(self) -> float:
        """When the first lease expires; infinite when none does."""
        while self._deadlines:
            deadline, lease = self._deadlines[0]
            found = self._leases.get(lease)
            if found is not None and found.deadline == deadline:
                return deadline
            heapq.heappop(self._deadlines)
        return math.inf

    def expired(self, now: float) -> list[int]:
        lapsed = []
        while self.next_deadline() <= now:
            lapsed.append(heapq.heappop(self._deadlines)[1])
        return lapsed

    def _schedule(self, lease: int, deadline: float) -> None:
        if deadline < math.inf:
            heapq.heappush(self._deadlines, (deadline, lease))
            self.changed.set()
