"""Nodes without machines: many of them in one component, at little cost each.

    SimulatedNodes(client, env, SimulatedSettings(count=100))

All nodes share one watch of pods, one simulated runtime, and the same pod workers that run on a real
node (`PodRunner`), so pods go through the same states. A node costs a lease renewal every ten seconds
and a status every five minutes, spread evenly. No threads, no sockets, no chance but `env.rng`: on a
virtual loop everything happens in the same order every time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import msgspec

from wherry import KUBERNETES_VERSION
from wherry.api.errors import ApiError
from wherry.api.schema import Obj
from wherry.api.scheme import resource
from wherry.client.events import EventRecorder
from wherry.client.informer import InformerFactory
from wherry.client.rest import Client
from wherry.client.workqueue import WorkQueue
from wherry.component import Env
from wherry.cri.simulated import SimulatedRuntime
from wherry.kubelet.backoff import Backoff
from wherry.kubelet.deps import Deps
from wherry.kubelet.images import ImagePuller
from wherry.kubelet.node import RENEW_SECONDS, REPORT_SECONDS, NodeReporter
from wherry.kubelet.nodeobject import Health, NodeShape
from wherry.kubelet.runner import PodRunner
from wherry.kubelet.simulatedhost import AlwaysWell, NoEvents, SimulatedHost, SimulatedNode
from wherry.kubelet.statuswriter import StatusWriter
from wherry.kubelet.view import Viewer

log = logging.getLogger("wherry.kubelet")

PODS = resource("pods")
_AT_ONCE = 16
_PARALLEL_STARTS = 1000
_MACHINE = "simulated"


class SimulatedSettings(msgspec.Struct, frozen=True):
    """Nodes are named `{prefix}-0` and so on."""

    count: int = 1
    prefix: str = "node"
    cpu: str = "32"
    memory: str = "256Gi"
    storage: str = "1Ti"
    pods: str = "110"
    labels: Mapping[str, str] = msgspec.field(default_factory=dict)
    zones: int = 0
    """Spread over this many zones (`topology.kubernetes.io/zone`); 0 for no zones."""
    start_seconds: float = 0.01
    """What making a sandbox takes, and starting a container."""
    eventful: int = 50
    """Above this many nodes pods have no events: they would be most of what is written."""


class SimulatedNodes:
    name = "simulated-nodes"

    def __init__(self, client: Client, env: Env, settings: SimulatedSettings) -> None:
        self._client = client
        self._env = env
        self._settings = settings
        names = [f"{settings.prefix}-{number}" for number in range(settings.count)]
        self._nodes = {name: SimulatedNode(name, number) for number, name in enumerate(names)}
        self._silent: set[str] = set()
        self._factory = InformerFactory(client, env)
        self._events = EventRecorder(client, env, "kubelet")
        self._host = SimulatedHost(client, self._nodes)
        self.runtime = SimulatedRuntime(
            env.clock,
            env.rng,
            start_seconds=settings.start_seconds,
            addresses=self._host.sandbox_addresses,
        )
        self._runner = self._make_runner()
        self._reporters = {
            name: NodeReporter(client, env.clock, env.rng, self._events, self._look(node))
            for name, node in self._nodes.items()
        }
        self._pods = self._factory.informer(PODS, field_selector="spec.nodeName!=")

    async def run(self, ready: Callable[[], None]) -> None:
        try:
            await self._each(self._reporters, lambda name: self._reporters[name].start())
            await self._each(self._reporters, self._renew)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._events.run())
                self._pods.add_handler(self._take)
                group.create_task(self._factory.run())
                group.create_task(self._runner.run())
                await self._pods.wait_synced()
                group.create_task(self._beat())
                ready()
        finally:
            await self.runtime.close()

    def silence(self, name: str) -> None:
        """The node is lost, as by a power cut: no heartbeats, and nothing happens to its pods."""
        self._silent.add(name)
        for pod in self._pods.list():
            if pod.spec.nodeName == name:
                self._runner.drop(pod.metadata.uid)

    def revive(self, name: str) -> None:
        """A lost node is back, and finds its containers as they were."""
        self._silent.discard(name)
        for pod in self._pods.list():
            if pod.spec.nodeName == name:
                self._runner.update(pod, adopt=True)
        self._reporters[name].wake()

    def _make_runner(self) -> PodRunner:
        client, clock = self._client, self._env.clock
        well = AlwaysWell()
        deps = Deps(
            client=client,
            clock=clock,
            runtime=self.runtime,
            runtime_name=_MACHINE,
            host=self._host,
            events=self._events if self._settings.count <= self._settings.eventful else NoEvents(),
            writer=StatusWriter(client, WorkQueue()),
            images=ImagePuller(self.runtime, clock),
            viewer=Viewer(self.runtime),
            prober=well,
            hooks=well,
            backoff=Backoff(),
            starts=asyncio.Semaphore(_PARALLEL_STARTS),
        )
        return PodRunner(deps, relist=None)

    def _take(self, change: str, old: Any, new: Any) -> None:
        pod = new if new is not None else old
        node = pod.spec.nodeName
        if node not in self._nodes or node in self._silent:
            return
        if change == "deleted":
            self._runner.remove(pod.metadata.uid)
        else:
            self._runner.update(pod)

    async def _beat(self) -> None:
        """Renews all leases every `RENEW_SECONDS`, in slots spread over that time."""
        names = list(self._nodes)
        slots = min(len(names), 10)
        if not slots:
            return
        turn = 0
        while True:
            await asyncio.sleep(RENEW_SECONDS / slots)
            await self._each(names[turn % slots :: slots], self._renew)
            turn += 1
            if turn % (slots * int(REPORT_SECONDS / RENEW_SECONDS)) == 0:
                await self._each(names, self._report)

    async def _each(self, names: Iterable[str], work: Callable[[str], Awaitable[None]]) -> None:
        slots = asyncio.Semaphore(_AT_ONCE)

        async def one(name: str) -> None:
            async with slots:
                await work(name)

        async with asyncio.TaskGroup() as group:
            for name in names:
                group.create_task(one(name))

    async def _renew(self, name: str) -> None:
        if name in self._silent:
            return
        try:
            await self._reporters[name].renew_lease()
        except (ApiError, OSError) as error:
            log.warning("renewing the lease of node %s: %s", name, error)

    async def _report(self, name: str) -> None:
        if name in self._silent:
            return
        try:
            await self._reporters[name].report()
        except (ApiError, OSError) as error:
            log.warning("reporting the status of node %s: %s", name, error)

    def _look(self, node: SimulatedNode) -> Callable[[], Awaitable[tuple[NodeShape, Health, list[Obj]]]]:
        shape = self._shape(node)

        async def look() -> tuple[NodeShape, Health, list[Obj]]:
            return shape, Health(), []

        return look

    def _shape(self, node: SimulatedNode) -> NodeShape:
        settings = self._settings
        capacity = {
            "cpu": settings.cpu,
            "memory": settings.memory,
            "ephemeral-storage": settings.storage,
            "pods": settings.pods,
        }
        labels = dict(settings.labels)
        if settings.zones:
            labels["topology.kubernetes.io/zone"] = f"zone-{node.number % settings.zones}"
        return NodeShape(
            name=node.name,
            hostname=node.name,
            capacity=capacity,
            allocatable=capacity,
            info={
                "architecture": "amd64",
                "bootID": _MACHINE,
                "containerRuntimeVersion": f"{_MACHINE}://1.0.0",
                "kernelVersion": _MACHINE,
                "kubeProxyVersion": "",
                "kubeletVersion": KUBERNETES_VERSION,
                "machineID": node.name,
                "operatingSystem": "linux",
                "osImage": "none: a simulated node",
                "systemUUID": node.name,
            },
            addresses=(node.address,),
            labels=labels,
        )
