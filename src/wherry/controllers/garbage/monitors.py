"""Metadata-only informers over everything that can be deleted, as discovery says; they feed the graph.

Custom resources come and go: discovery is asked again every half minute. Events are left out, as
upstream does: they are many, own nothing and expire by themselves.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from wherry.api.errors import ApiError
from wherry.api.scheme import Resource
from wherry.client.informer import Informer
from wherry.controllers.base import Context
from wherry.controllers.discovery import preferred_resources
from wherry.controllers.garbage.graph import Graph, Work

log = logging.getLogger("wherry.controllers")

_IGNORED = frozenset({("", "events"), ("events.k8s.io", "events")})
_NEEDED = frozenset({"delete", "list", "watch"})
_SYNC_TIMEOUT = 30.0


class Monitors:
    def __init__(self, context: Context, graph: Graph, enqueue: Callable[[Work], None]) -> None:
        self._context = context
        self._graph = graph
        self._enqueue = enqueue
        self._informers: dict[Resource, Informer] = {}
        self._tasks: dict[Resource, asyncio.Task[None]] = {}
        self._by_kind: dict[tuple[str, str], Resource] = {}

    def resource(self, api_version: str, kind: str) -> Resource | None:
        """The resource of an owner reference; its version need not be the one that is watched."""
        return self._by_kind.get((api_version.rpartition("/")[0], kind))

    async def run(self, synced: asyncio.Event) -> None:
        """Keeps the set of informers up to date until cancelled. Sets `synced` when all that could be
        listed was; a resource that cannot be must not keep everything else from being collected."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                try:
                    await self._refresh(tasks)
                except (ApiError, OSError) as error:
                    log.warning("garbage collector: discovery failed: %s", error)
                    await asyncio.sleep(1.0)
                    continue
                if not synced.is_set():
                    await self._wait_synced()
                    synced.set()
                await asyncio.sleep(self._context.settings.discovery_period)

    async def _wait_synced(self) -> None:
        try:
            async with asyncio.timeout(_SYNC_TIMEOUT):
                for informer in list(self._informers.values()):
                    await informer.wait_synced()
        except TimeoutError:
            names = [r.group_resource for r, informer in self._informers.items() if not informer.synced]
            log.warning("garbage collector: goes to work without having seen %s", ", ".join(names))

    async def _refresh(self, tasks: asyncio.TaskGroup) -> None:
        served = await preferred_resources(self._context.client)
        wanted = [r for r in served if set(r.verbs) >= _NEEDED and (r.group, r.name) not in _IGNORED]
        self._by_kind = {(r.group, r.kind): r for r in served}
        for resource in wanted:
            if resource not in self._informers:
                self._start(resource, tasks)
        for resource in [known for known in self._informers if known not in wanted]:
            self._stop(resource)

    def _start(self, resource: Resource, tasks: asyncio.TaskGroup) -> None:
        """What another controller watches anyway is not watched twice."""
        informer = self._context.whole.get((resource.group, resource.name))
        if informer is None:
            informer = Informer(self._context.client, self._context.env, resource, metadata_only=True)
            self._tasks[resource] = tasks.create_task(informer.run())
        informer.add_handler(lambda event, old, new: self._observe(resource, old, new))
        self._informers[resource] = informer

    def _stop(self, resource: Resource) -> None:
        """No longer served: its objects are gone with it."""
        task = self._tasks.pop(resource, None)
        if task is None:
            return
        task.cancel()
        for obj in self._informers.pop(resource).list():
            self._enqueue(self._graph.remove(_uid(obj)))

    def _observe(self, resource: Resource, old: Any, new: Any) -> None:
        if new is None:
            self._enqueue(self._graph.remove(_uid(old)))
            return
        if old is not None and _uid(old) != _uid(new):
            self._enqueue(self._graph.remove(_uid(old)))
        self._enqueue(self._graph.put(resource, new))


def _uid(obj: Any) -> str:
    return str(obj["metadata"]["uid"] if isinstance(obj, dict) else obj.metadata.uid)
