"""Keeps the node's object in the API: registers it, reports its status, renews its Lease.

The Lease (10 s, good for 40 s) is the heartbeat; the status is written when something in it changed,
else every 5 minutes. Upstream: `kubelet_node_status.go`, `component-helpers/apimachinery/lease`.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Any

from wherry.api.errors import ApiError
from wherry.api.schema import Obj
from wherry.api.scheme import resource
from wherry.client.events import EventRecorder
from wherry.client.rest import Client
from wherry.clock import Clock, rfc3339_micro
from wherry.kubelet.nodeobject import Health, NodeShape, labels, new_node, status, without_heartbeats

log = logging.getLogger("wherry.kubelet")

NODES = resource("nodes")
LEASES = resource("leases.coordination.k8s.io")
LEASE_NAMESPACE = "kube-node-lease"
LEASE_SECONDS = 40
RENEW_SECONDS = 10.0
UPDATE_SECONDS = 10.0
REPORT_SECONDS = 300.0
RETRY_SECONDS = 0.2


class NodeReporter:
    """One node. `look` says how it is now: its shape, its health, its images."""

    def __init__(
        self,
        client: Client,
        clock: Clock,
        rng: random.Random,
        events: EventRecorder,
        look: Callable[[], Awaitable[tuple[NodeShape, Health, list[Obj]]]],
        *,
        register: bool = True,
    ) -> None:
        self.node: Any | None = None
        self._client = client
        self._clock = clock
        self._rng = rng
        self._events = events
        self._look = look
        self._register = register
        self._lease: Any | None = None
        self._reported: Obj = {}
        self._reported_at = -REPORT_SECONDS
        self._changed = asyncio.Event()

    def wake(self) -> None:
        """Something about the node may have changed."""
        self._changed.set()

    async def start(self) -> None:
        """Registers the node and writes its first status; returns when both are done."""
        delay = RETRY_SECONDS
        while True:
            try:
                await self._ensure()
                await self.report()
                return
            except (ApiError, OSError) as error:
                log.warning("registering the node: %s", error)
            await asyncio.sleep(delay)
            delay = min(delay * 2, 7.0)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._renew())
            group.create_task(self._update())

    async def _renew(self) -> None:
        while True:
            try:
                await self.renew_lease()
            except (ApiError, OSError) as error:
                log.warning("renewing the node's lease: %s", error)
            await asyncio.sleep(RENEW_SECONDS * (1 + 0.04 * self._rng.random()))

    async def _update(self) -> None:
        while True:
            self._changed.clear()
            try:
                async with asyncio.timeout(UPDATE_SECONDS * (1 + 0.04 * self._rng.random())):
                    await self._changed.wait()
            except TimeoutError:
                pass
            try:
                await self.report()
            except (ApiError, OSError) as error:
                log.warning("reporting the node's status: %s", error)
                await asyncio.sleep(RETRY_SECONDS)

    async def _ensure(self) -> None:
        shape, health, images = await self._look()
        try:
            self.node = await self._client.get(NODES, shape.name)
        except ApiError as error:
            if error.reason != "NotFound" or not self._register:
                raise
            first = status(shape, health, (), self._clock.time(), images)
            self.node = await self._client.create(NODES, {**new_node(shape), "status": first})
            log.info("registered node %s", shape.name)
            if self.node.status.conditions:
                self._note(first)
                self._tell((), first)
            return
        await self._relabel(shape)

    async def _relabel(self, shape: NodeShape) -> None:
        """A node that was there gets the labels this kubelet wants; its own others stay."""
        assert self.node is not None
        have, want = self.node.metadata.labels, labels(shape)
        missing = {key: value for key, value in want.items() if have.get(key) != value}
        if missing and self._register:
            patch = {"metadata": {"labels": missing}}
            self.node = await self._client.patch(NODES, shape.name, patch)

    async def report(self) -> None:
        """Writes the status if it changed or is due."""
        shape, health, images = await self._look()
        loop = asyncio.get_running_loop()
        node = self.node
        before = node.status.conditions if node is not None else ()
        new = status(shape, health, before, self._clock.time(), images)
        if without_heartbeats(new) == self._reported and loop.time() - self._reported_at < REPORT_SECONDS:
            return
        try:
            self.node = await self._client.patch(
                NODES, shape.name, {"status": new}, kind="strategic", subresource="status"
            )
        except ApiError as error:
            if error.reason == "NotFound" and self._register:
                self._reported = {}
                await self._ensure()
                return
            raise
        self._tell(before, new)
        self._note(new)

    def _note(self, reported: Obj) -> None:
        self._reported = without_heartbeats(reported)
        self._reported_at = asyncio.get_running_loop().time()

    def _tell(self, before: Any, new: Obj) -> None:
        """Events about conditions that turned."""
        old = {condition.type: condition.status for condition in before}
        words = {
            "MemoryPressure": ("NodeHasInsufficientMemory", "NodeHasSufficientMemory"),
            "DiskPressure": ("NodeHasDiskPressure", "NodeHasNoDiskPressure"),
            "PIDPressure": ("NodeHasInsufficientPID", "NodeHasSufficientPID"),
            "Ready": ("NodeReady", "NodeNotReady"),
        }
        for condition in new["conditions"]:
            kind, state = condition["type"], condition["status"]
            if old.get(kind) != state:
                reason = words[kind][0 if state == "True" else 1]
                name = self.node.metadata.name if self.node is not None else ""
                self.event("Normal", reason, f"Node {name} status is now: {reason}")

    def event(self, type_: Any, reason: str, message: str) -> None:
        if self.node is not None:
            name = self.node.metadata.name
            ref = {"kind": "Node", "apiVersion": "v1", "name": name, "uid": name}
            self._events.event(ref, type_, reason, message)

    async def renew_lease(self) -> None:
        assert self.node is not None
        name, now = self.node.metadata.name, rfc3339_micro(self._clock.time())
        owner = {"apiVersion": "v1", "kind": "Node", "name": name, "uid": self.node.metadata.uid}
        body: Obj = {
            "metadata": {"name": name, "namespace": LEASE_NAMESPACE, "ownerReferences": [owner]},
            "spec": {
                "holderIdentity": name,
                "leaseDurationSeconds": LEASE_SECONDS,
                "renewTime": now,
            },
        }
        if self._lease is not None:
            body["metadata"]["resourceVersion"] = self._lease.metadata.resourceVersion
            try:
                self._lease = await self._client.update(LEASES, body)
                return
            except ApiError as error:
                self._lease = None
                if error.reason not in ("Conflict", "NotFound"):
                    raise
        try:
            self._lease = await self._client.get(LEASES, name, LEASE_NAMESPACE)
        except ApiError as error:
            if error.reason != "NotFound":
                raise
            self._lease = await self._client.create(LEASES, body)
            return
        body["metadata"]["resourceVersion"] = self._lease.metadata.resourceVersion
        self._lease = await self._client.update(LEASES, body)
