"""Leader election on a coordination.k8s.io Lease, as client-go's `tools/leaderelection` does it.

One of several candidates leads: it holds the Lease and renews it every `retry_period`. The others
look at it that often, and take it when they have seen it unchanged for its duration *by their own
timers*: clocks of different machines are never compared. Every write is conditional on the
resourceVersion that was read. A leader that could not renew for `renew_deadline`, which is shorter
than the lease, has stopped leading before anyone else may start.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from wherry.api.errors import ApiError
from wherry.api.schema import Obj
from wherry.api.scheme import resource
from wherry.client.rest import Client
from wherry.clock import rfc3339_micro
from wherry.component import Env

JITTER = 1.2

log = logging.getLogger("wherry.client")


class LeadershipLost(Exception):
    """Somebody else may lead now; upstream's components end here and are started anew."""


class LeaderElector:
    def __init__(
        self,
        client: Client,
        env: Env,
        *,
        name: str,
        namespace: str = "kube-system",
        identity: str,
        lease_duration: float = 15,
        renew_deadline: float = 10,
        retry_period: float = 2,
    ) -> None:
        if not lease_duration > renew_deadline > retry_period * JITTER > 0:
            raise ValueError("leaseDuration > renewDeadline > retryPeriod * 1.2 > 0 must hold")
        self._client = client
        self._env = env
        self._name, self._namespace = name, namespace
        self._identity = identity
        self._lease_duration = lease_duration
        self._renew_deadline = renew_deadline
        self._retry_period = retry_period
        self._lease: Any = None
        self._seen_at = 0.0

    @property
    def leader(self) -> str:
        """Who held the lease when it was last looked at."""
        return (self._lease.spec.holderIdentity or "") if self._lease is not None else ""

    async def run(self, lead: Callable[[], Awaitable[None]]) -> None:
        """Waits until it leads, then runs `lead`. Returns when that does; raises LeadershipLost, with
        `lead` cancelled and ended, when the lease could not be kept. Cancelled, it ends `lead`, then
        gives the lease up so that another need not wait for it."""
        await self._acquire()
        log.info("successfully acquired lease %s/%s", self._namespace, self._name)
        leading = asyncio.ensure_future(lead())
        try:
            await self._keep_while(leading)
        finally:
            leading.cancel()
            await asyncio.wait([leading])
            await self._release()
        if not leading.cancelled():
            leading.result()

    async def _acquire(self) -> None:
        log.info("attempting to acquire leader lease %s/%s...", self._namespace, self._name)
        while True:
            if await self._try():
                return
            await asyncio.sleep(self._retry_period * (1 + JITTER * self._env.rng.uniform(0.0, 1.0)))

    async def _keep_while(self, leading: asyncio.Future[None]) -> None:
        loop = asyncio.get_running_loop()
        renewed = loop.time()
        while True:
            await asyncio.wait([leading], timeout=self._retry_period)
            if leading.done():
                return
            began = loop.time()
            left = renewed + self._renew_deadline - began
            try:
                async with asyncio.timeout(min(left, self._renew_deadline / 2)):
                    kept = await self._try()
            except TimeoutError:
                kept = False
            if kept:
                renewed = began
            elif loop.time() >= renewed + self._renew_deadline or self.leader != self._identity:
                log.error("failed to renew lease %s/%s", self._namespace, self._name)
                raise LeadershipLost("leaderelection lost")

    async def _try(self) -> bool:
        """Takes or renews the lease if that may be; anything that stands in the way is False."""
        try:
            if self.leader == self._identity:
                try:
                    await self._write(taking=False)
                except ApiError as error:
                    if error.reason not in ("Conflict", "NotFound"):
                        raise
                else:
                    return True
            await self._look()
            if self.leader not in ("", self._identity) and not self._expired():
                return False
            await self._write(taking=self.leader != self._identity)
        except (ApiError, OSError) as error:
            log.debug("lease %s/%s: %s", self._namespace, self._name, error)
            return False
        return True

    async def _look(self) -> None:
        """Reads the lease; the time it was seen starts anew whenever it has changed."""
        try:
            lease = await self._client.get(
                resource("leases.coordination.k8s.io"), self._name, self._namespace
            )
        except ApiError as error:
            if error.reason != "NotFound":
                raise
            lease = None
        if lease is None or self._lease is None or lease.spec != self._lease.spec:
            self._seen_at = asyncio.get_running_loop().time()
        self._lease = lease

    def _expired(self) -> bool:
        duration = self._lease.spec.leaseDurationSeconds or 0
        return asyncio.get_running_loop().time() >= self._seen_at + duration

    async def _write(self, *, taking: bool) -> None:
        leases = resource("leases.coordination.k8s.io")
        now = rfc3339_micro(self._env.clock.time())
        spec: Obj = {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": int(self._lease_duration),
            "acquireTime": now,
            "renewTime": now,
            "leaseTransitions": 0,
        }
        if self._lease is None:
            created = {"metadata": {"name": self._name, "namespace": self._namespace}, "spec": spec}
            self._lease = await self._client.create(leases, created, self._namespace)
        else:
            old = self._lease.spec
            spec["leaseTransitions"] = (old.leaseTransitions or 0) + (1 if taking else 0)
            if not taking:
                spec["acquireTime"] = old.acquireTime or now
            self._lease = await self._replace(spec)
        self._seen_at = asyncio.get_running_loop().time()

    async def _replace(self, spec: Obj) -> Any:
        """Only if nobody else wrote since it was read; labels and other fields stay as they are."""
        version = {"metadata": {"resourceVersion": self._lease.metadata.resourceVersion}, "spec": spec}
        leases = resource("leases.coordination.k8s.io")
        return await self._client.patch(leases, self._name, version, self._namespace)

    async def _release(self) -> None:
        if self.leader != self._identity:
            return
        now = rfc3339_micro(self._env.clock.time())
        spec = {
            "holderIdentity": "",
            "leaseDurationSeconds": 1,
            "acquireTime": now,
            "renewTime": now,
            "leaseTransitions": self._lease.spec.leaseTransitions or 0,
        }
        try:
            async with asyncio.timeout(self._retry_period):
                self._lease = await self._replace(spec)
        except (ApiError, OSError) as error:
            log.info("Failed to release lock: %s", error)
