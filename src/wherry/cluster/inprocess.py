"""A whole cluster in one event loop: API server on the memory engine, scheduler, controllers, simulated
nodes. The same components as in `wherry up`, joined by function calls instead of sockets.

Each component gets its own random source, made from the cluster's seed and the component's name, so
that what one draws does not shift what another gets.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

from wherry.apiserver.app import ApiServer
from wherry.apiserver.attributes import User
from wherry.apiserver.settings import ApiServerSettings
from wherry.client.rest import Client
from wherry.client.transport import InProcessTransport
from wherry.clock import Clock
from wherry.component import Component, Env
from wherry.controllers.manager import ControllerManager
from wherry.controllers.settings import ControllersSettings
from wherry.etcd.open import open_store
from wherry.kubelet.simulated import SimulatedNodes, SimulatedSettings
from wherry.scheduler.scheduler import Scheduler
from wherry.scheduler.settings import SchedulerSettings

POD_CIDR = "10.244.0.0/16"
SERVICE_CIDR = "10.96.0.0/16"
ADVERTISED = "192.0.2.1"
"""What the Service `kubernetes` shows as its endpoint: an address for documentation, nobody's."""

_MASTERS = ("system:masters", "system:authenticated")
_ADMIN = User("kubernetes-admin", _MASTERS)


class InProcessCluster:
    """`start` returns when nodes are Ready; `stop` ends every task. If a component fails, `failed`
    holds why and `stop` raises it."""

    def __init__(self, *, nodes: int, seed: int, clock: Clock) -> None:
        self._nodes = nodes
        self._seed = seed
        self._clock = clock
        self._stack = AsyncExitStack()
        self._ended = asyncio.Event()
        self._running: asyncio.Task[None] | None = None
        settings = ApiServerSettings(
            advertise_address=ADVERTISED,
            service_cluster_ip_range=SERVICE_CIDR,
            allow_privileged=True,
        )
        self._store = open_store(None, self._env("store"))
        self.server = ApiServer(self._store, self._env("kube-apiserver"), settings)
        self.client = self._client(_ADMIN, "wherry-testing")

    def _env(self, who: str) -> Env:
        return Env(self._clock, random.Random(f"{self._seed}/{who}"))

    def _client(self, user: User, agent: str) -> Client:
        return Client(InProcessTransport(self.server.handle, user), user_agent=agent)

    def _components(self) -> list[Component]:
        def client(name: str) -> Client:
            return self._client(User(f"system:{name}", _MASTERS), name)

        controllers = ControllersSettings(cluster_cidrs=(POD_CIDR,), allocate_node_cidrs=True)
        scheduler, manager, nodes = "kube-scheduler", "kube-controller-manager", "simulated-nodes"
        return [
            ControllerManager(client(manager), self._env(manager), controllers),
            Scheduler(client(scheduler), self._env(scheduler), SchedulerSettings()),
            SimulatedNodes(client(nodes), self._env(nodes), SimulatedSettings(count=self._nodes)),
        ]

    async def start(self) -> None:
        await self.server.start()
        self._stack.push_async_callback(self.server.stop)
        components = self._components()
        readies = [asyncio.Event() for _ in components]
        self._running = asyncio.create_task(self._run(components, [r.set for r in readies]))
        ready = asyncio.create_task(_all_set(readies))
        await asyncio.wait([ready, self._running], return_when=asyncio.FIRST_COMPLETED)
        if self._running.done():
            ready.cancel()
            await self._running

    async def _run(self, components: list[Component], readies: list[Callable[[], None]]) -> None:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._store.run())]
            tasks += [group.create_task(c.run(r)) for c, r in zip(components, readies, strict=True)]
            await self._ended.wait()
            for task in tasks:
                task.cancel()

    async def stop(self) -> None:
        self._ended.set()
        try:
            if self._running is not None:
                await self._running
        finally:
            await self._stack.aclose()
            await self._store.close()

    async def kubeconfig(self) -> Path:
        """A kubeconfig file for kubectl and the like. Opens a TLS port on loopback and makes keys; both
        last until `stop`."""
        from wherry.cluster.loopback import serve_on_loopback

        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="wherry-")))
        server, file = await serve_on_loopback(self.server.handle, folder, self._clock)
        self._stack.push_async_callback(server.close, 0.0)
        return file


async def _all_set(events: list[asyncio.Event]) -> None:
    for event in events:
        await event.wait()
