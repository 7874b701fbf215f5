"""What a store does on its own: expire leases, let history go. The owner runs it."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable

from wherry.etcd.lease import LeaseNotFound, Leases
from wherry.etcd.types import Compacted, StoreFull

log = logging.getLogger("wherry.etcd")

RETRY = 1.0


async def expire_leases(leases: Leases, revoke: Callable[[int], Awaitable[None]]) -> None:
    """Revokes leases as their time comes, until cancelled."""
    loop = asyncio.get_running_loop()
    leases.start(loop.time())
    while True:
        for lease in leases.expired(loop.time()):
            try:
                await revoke(lease)
            except LeaseNotFound:
                continue  # Revoked by someone else meanwhile.
            except StoreFull as error:
                log.warning("lease %016x has expired and cannot be revoked yet: %s", lease, error)
                leases.postpone(lease, loop.time() + RETRY)
        leases.changed.clear()
        deadline = leases.next_deadline()
        try:
            async with asyncio.timeout_at(None if deadline == math.inf else deadline):
                await leases.changed.wait()
        except TimeoutError:
            continue


async def let_history_go(
    interval: float, due: Callable[[float], int], compact: Callable[[int], Awaitable[None]]
) -> None:
    """Compacts up to what `due(now)` says, every `interval` seconds, until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        revision = due(loop.time())
        if revision:
            try:
                await compact(revision)
            except Compacted:
                log.debug("revision %d was compacted by someone else", revision)
            except StoreFull as error:
                log.warning("history before revision %d cannot be removed yet: %s", revision, error)
        await asyncio.sleep(interval)
