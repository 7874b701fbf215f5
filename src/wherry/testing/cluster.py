"""`Cluster`: what a test imports."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

from wherry.api.errors import ApiError
from wherry.api.schema import Obj
from wherry.api.scheme import Resource, builtin, resource
from wherry.client.rest import Client
from wherry.clock import Clock, RealClock
from wherry.cluster.inprocess import InProcessCluster
from wherry.component_flags import duration
from wherry.testing.loop import VirtualClock, VirtualLoop

MANAGER = "wherry-testing"


class Cluster:
    """A cluster in this event loop, from `async with` to its end.

    `nodes` simulated nodes whose pods become Running without containers. On a `VirtualLoop` the whole
    cluster lives in virtual time: the same `seed` gives the same course of events.
    """

    def __init__(self, *, nodes: int = 1, seed: int = 0) -> None:
        self._nodes = nodes
        self._seed = seed
        self._cluster: InProcessCluster | None = None

    async def start(self) -> None:
        """Returns when the nodes are Ready."""
        virtual = isinstance(asyncio.get_running_loop(), VirtualLoop)
        clock: Clock = VirtualClock() if virtual else RealClock()
        self._cluster = InProcessCluster(nodes=self._nodes, seed=self._seed, clock=clock)
        await self._cluster.start()

    async def stop(self) -> None:
        await self._started.stop()

    async def __aenter__(self) -> Cluster:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def _started(self) -> InProcessCluster:
        if self._cluster is None:
            raise RuntimeError("the cluster is not started: use `async with Cluster() as cluster:`")
        return self._cluster

    @property
    def client(self) -> Client:
        """As the administrator; calls the API server directly."""
        return self._started.client

    async def kubeconfig(self) -> Path:
        """A kubeconfig for kubectl, kopf and the like. Opens a TLS port on loopback."""
        return await self._started.kubeconfig()

    async def apply(self, *objects: Obj, namespace: str = "default") -> list[Any]:
        """Server-side apply of each object, as `kubectl apply --server-side --force-conflicts`."""
        return [await self._apply(obj, namespace) for obj in objects]

    async def _apply(self, obj: Obj, namespace: str) -> Any:
        found = builtin().for_kind(obj["apiVersion"], obj["kind"])
        if found is None:
            raise LookupError(f"no resource for {obj['apiVersion']} {obj['kind']}")
        metadata = obj["metadata"]
        where = metadata.get("namespace", namespace) if found.namespaced else ""
        return await self.client.patch(
            found, metadata["name"], obj, where, kind="apply", field_manager=MANAGER, force=True
        )

    async def wait_for(
        self,
        what: str | Resource,
        name: str,
        condition: Callable[[Any], bool] = lambda obj: True,
        *,
        namespace: str = "default",
        seconds: float = 30.0,
    ) -> Any:
        """The object once it is there and `condition` holds of it. TimeoutError after `seconds` of the
        loop's time; on a virtual loop that stands still, time is advanced meanwhile."""
        found = resource(what) if isinstance(what, str) else what
        loop = asyncio.get_running_loop()
        if isinstance(loop, VirtualLoop) and not loop.autojump:
            return await self._wait_advancing(loop, found, name, namespace, condition, seconds)
        async with asyncio.timeout(seconds):
            return await self._wait(found, name, namespace, condition)

    async def _wait(self, what: Resource, name: str, namespace: str, condition: Callable[[Any], bool]) -> Any:
        selector = f"metadata.name={name}"
        where = namespace if what.namespaced else ""
        while True:
            listed = await self.client.list(what, where, field_selector=selector)
            for obj in listed.items:
                if condition(obj):
                    return obj
            try:
                async for event in self.client.watch(
                    what, where, resource_version=listed.resource_version, field_selector=selector
                ):
                    if event.type in ("ADDED", "MODIFIED") and condition(event.object):
                        return event.object
            except ApiError as error:
                if error.reason not in ("Expired", "Gone"):
                    raise

    async def _wait_advancing(
        self,
        loop: VirtualLoop,
        what: Resource,
        name: str,
        namespace: str,
        condition: Callable[[Any], bool],
        seconds: float,
    ) -> Any:
        waiting = asyncio.ensure_future(self._wait(what, name, namespace, condition))
        deadline = loop.time() + seconds
        try:
            while not waiting.done():
                if loop.time() >= deadline:
                    raise TimeoutError(f"{what.group_resource} {name} is not as expected after {seconds} s")
                await loop.advance(min(0.1, deadline - loop.time()))
            return waiting.result()
        finally:
            waiting.cancel()

    async def advance(self, time: str | float) -> None:
        """Lets virtual time pass: `advance("2h")`, `advance(30)`. What falls due happens in order."""
        loop = asyncio.get_running_loop()
        if not isinstance(loop, VirtualLoop):
            raise RuntimeError("time can only be advanced on a VirtualLoop (wherry.testing.run)")
        await loop.advance(duration(time) if isinstance(time, str) else time)

    async def events(self, namespace: str = "") -> list[str]:
        """The event log as text, one line an event, in the order of their revisions."""
        listed = (await self.client.list(resource("events"), namespace)).items
        ordered = sorted(listed, key=lambda e: int(e.metadata.resourceVersion))
        return list(_lines(ordered))


def _lines(events: Iterable[Any]) -> Iterable[str]:
    for event in events:
        about = event.involvedObject
        when = event.lastTimestamp or event.eventTime
        who = f"{about.kind}/{about.namespace}/{about.name}"
        yield f"{when} {event.type} {event.reason} {who} {event.message}"
