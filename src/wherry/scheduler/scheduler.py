"""kube-scheduler: the component. Brings informer events to the core, and its decisions to the server.

It reads everything through watches and writes only bindings, pod conditions, evictions and events.
numpy is loaded when the scheduler runs, not when it is imported.
"""

from __future__ import annotations

import asyncio
import logging
import platform
from collections.abc import Callable
from typing import TYPE_CHECKING

from wherry.api.scheme import resource
from wherry.client.eventseries import SeriesRecorder
from wherry.client.informer import Informer, InformerFactory
from wherry.client.rest import Client
from wherry.component import Env
from wherry.scheduler.queue import Queue
from wherry.scheduler.settings import SchedulerSettings

if TYPE_CHECKING:
    from wherry.scheduler.core import Core
    from wherry.scheduler.effects import Effects

log = logging.getLogger("wherry.scheduler")

_ACTIVE_PODS = "status.phase!=Succeeded,status.phase!=Failed"
_OWNERS = {
    "ReplicaSet": "replicasets.apps",
    "StatefulSet": "statefulsets.apps",
    "ReplicationController": "replicationcontrollers",
}


class Scheduler:
    name = "kube-scheduler"

    def __init__(
        self,
        client: Client,
        env: Env,
        settings: SchedulerSettings,
        *,
        informers: InformerFactory | None = None,
    ) -> None:
        """`informers`, when given, are shared and run by somebody else."""
        self._client = client
        self._env = env
        self._settings = settings
        self._shared = informers
        self._informers = informers or InformerFactory(client, env)
        self.core: Core | None = None

    async def run(self, ready: Callable[[], None]) -> None:
        from wherry.scheduler.effects import Effects

        events = SeriesRecorder(self._client, self._env, self._settings.profiles[0], platform.node())
        core = self.core = self._core()
        effects = Effects(self._client, self._env.clock, events, core.unbound)
        async with asyncio.TaskGroup() as group:
            if self._shared is None:
                group.create_task(self._informers.run())
            group.create_task(events.run())
            group.create_task(effects.run())
            group.create_task(self._schedule(core, effects, ready))

    def _core(self) -> Core:
        from wherry.scheduler.core import Core
        from wherry.scheduler.workloads import Workloads

        settings = self._settings
        services = self._informer("services")
        owners = {kind: self._informer(name) for kind, name in _OWNERS.items()}
        budgets = self._informer("poddisruptionbudgets.policy")
        workloads = Workloads(services, owners)
        core = Core(
            Queue(initial_backoff=settings.initial_backoff, max_backoff=settings.max_backoff),
            workloads,
            self._env.rng,
            frozenset(settings.profiles),
            budgets.list,
        )
        for informer in (services, *owners.values()):
            informer.add_handler(lambda event, old, new: workloads.changed())
        self._informer("namespaces").add_handler(core.on_namespace)
        self._informer("nodes").add_handler(core.on_node)
        pods = self._informers.informer(resource("pods"), field_selector=_ACTIVE_PODS)
        pods.add_handler(core.on_pod)
        return core

    def _informer(self, name: str) -> Informer:
        return self._informers.informer(resource(name))

    async def _schedule(self, core: Core, effects: Effects, ready: Callable[[], None]) -> None:
        await self._informers.wait_synced()
        ready()
        placed = 0
        while True:
            pending = await core.queue.pop()
            try:
                decided = core.decide(pending)
            except Exception:
                # A bug, or an object no server should have let in: one pod must not stop all others.
                log.exception("scheduling %s", pending.key)
                core.queue.fail(pending)
                continue
            for effect in decided:
                await effects.put(effect)
            placed += 1
            if placed % self._settings.batch == 0:
                await asyncio.sleep(0)
