"""Store leases for objects that go away by themselves (Events: one hour, `--event-ttl`).

A lease is shared by all objects of a minute, so leases are few; an object lives its time to live and
up to that minute more (upstream's lease manager does the same).
"""

from __future__ import annotations

from collections.abc import Callable

from wherry.etcd.types import Store

REUSE = 60.0
MAX_OBJECTS = 1000


class EventLeases:
    def __init__(self, store: Store, time: Callable[[], float], ttl: float = 3600.0) -> None:
        self.ttl = ttl
        self._store = store
        self._time = time
        self._lease = 0
        self._until = 0.0
        self._objects = 0

    async def lease(self, group_resource: str) -> int:
        """The lease for a new object of a resource; 0 for those that stay."""
        if group_resource != "events" or self.ttl <= 0:
            return 0
        now = self._time()
        if now >= self._until or self._objects >= MAX_OBJECTS:
            self._lease = await self._store.lease_grant(self.ttl + REUSE)
            self._until = now + REUSE
            self._objects = 0
        self._objects += 1
        return self._lease
