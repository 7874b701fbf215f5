"""What a decision makes happen at the API server: bindings, conditions, evictions, events.

A fixed number of workers takes effects from a bounded queue, so scheduling waits when the server
cannot keep up. A failed binding is told to the scheduler, which takes the pod back; everything else
that fails is logged, and comes again with the pod's next attempt.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from wherry.api.errors import ApiError
from wherry.api.scheme import resource
from wherry.client.eventseries import SeriesRecorder
from wherry.client.rest import Client
from wherry.clock import Clock, rfc3339
from wherry.scheduler.decisions import Bind, Effect, Evict, Report
from wherry.scheduler.preemption import PREEMPTED
from wherry.scheduler.queue import Pending

log = logging.getLogger("wherry.scheduler")

_WORKERS = 32
_WAITING = 256


class Effects:
    def __init__(
        self,
        client: Client,
        clock: Clock,
        events: SeriesRecorder,
        unbound: Callable[[Pending, str], Report | None],
    ) -> None:
        """`unbound` takes back a pod whose binding failed, and says what to report of it."""
        self._client = client
        self._clock = clock
        self._events = events
        self._unbound = unbound
        self._queue: asyncio.Queue[Effect] = asyncio.Queue(_WAITING)

    async def put(self, effect: Effect) -> None:
        """Waits while too much is on its way already."""
        await self._queue.put(effect)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(_WORKERS):
                group.create_task(self._work())

    async def _work(self) -> None:
        while True:
            effect = await self._queue.get()
            try:
                await self._do(effect)
            except (ApiError, OSError, TimeoutError) as error:
                log.warning("%s: %s", type(effect).__name__, error)
            finally:
                self._queue.task_done()

    def _do(self, effect: Effect) -> Awaitable[None]:
        match effect:
            case Bind():
                return self._bind(effect)
            case Report():
                return self._report(effect)
            case Evict():
                return self._evict(effect)

    async def _bind(self, effect: Bind) -> None:
        meta = effect.pending.pod.metadata
        binding = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": meta.name, "namespace": meta.namespace, "uid": meta.uid},
            "target": {"kind": "Node", "name": effect.node},
        }
        try:
            await self._client.create(
                resource("pods"), binding, meta.namespace, name=meta.name, subresource="binding"
            )
        except (ApiError, OSError, TimeoutError) as error:
            text = f'binding rejected: running Bind plugin "DefaultBinder": {error}'
            log.warning("%s/%s to %s: %s", meta.namespace, meta.name, effect.node, error)
            report = self._unbound(effect.pending, text)
            if report is not None:
                await self._report(report)
            return
        self._events.event(
            effect.pending.pod,
            "Normal",
            "Scheduled",
            "Binding",
            f"Successfully assigned {meta.namespace}/{meta.name} to {effect.node}",
        )

    async def _report(self, effect: Report) -> None:
        pod, status = effect.pod, effect.pod.status
        self._events.event(pod, "Warning", "FailedScheduling", "Scheduling", effect.message)
        change: dict[str, Any] = {}
        known = next((c for c in status.conditions if c.type == "PodScheduled"), None)
        if known is None or (known.status, known.reason, known.message) != (
            "False",
            effect.reason,
            effect.message,
        ):
            change["conditions"] = [self._condition(effect, known)]
        if effect.nominated is not None and (status.nominatedNodeName or "") != effect.nominated:
            change["nominatedNodeName"] = effect.nominated or None
        if change:
            await self._patch_status(pod, change)

    def _condition(self, effect: Report, known: Any) -> dict[str, Any]:
        changed = known is None or known.status != "False"
        return {
            "type": "PodScheduled",
            "status": "False",
            "reason": effect.reason,
            "message": effect.message,
            "observedGeneration": effect.pod.metadata.generation,
            "lastProbeTime": None,
            "lastTransitionTime": rfc3339(self._clock.time()) if changed else known.lastTransitionTime,
        }

    async def _evict(self, effect: Evict) -> None:
        victim, preemptor = effect.victim, effect.preemptor
        condition = {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": PREEMPTED,
            "message": f"{preemptor.spec.schedulerName}: preempting to accommodate a higher priority pod",
            "observedGeneration": victim.metadata.generation,
            "lastProbeTime": None,
            "lastTransitionTime": rfc3339(self._clock.time()),
        }
        meta = victim.metadata
        try:
            await self._patch_status(victim, {"conditions": [condition]})
            await self._client.delete(resource("pods"), meta.name, meta.namespace, uid=meta.uid)
        except ApiError as error:
            if error.reason != "NotFound":
                raise
            return
        text = f"Preempted by pod {preemptor.metadata.uid} on node {effect.node}"
        self._events.event(victim, "Normal", "Preempted", "Preempting", text, related=preemptor)

    async def _patch_status(self, pod: Any, change: dict[str, Any]) -> None:
        meta = pod.metadata
        await self._client.patch(
            resource("pods"),
            meta.name,
            {"metadata": {"uid": meta.uid}, "status": change},
            meta.namespace,
            kind="strategic",
            subresource="status",
        )
