"""The pod garbage collector: pods that nobody will clean up.

Too many finished ones (oldest first), those bound to nodes that are gone, those deleted before they
were ever bound, those terminating on a node out of service. Looks every 20 seconds, as upstream does
(`pkg/controller/podgc`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from wherry.api.errors import ApiError
from wherry.clock import rfc3339
from wherry.controllers import pods
from wherry.controllers.base import Context, Controller
from wherry.controllers.nodes.lifecycle import NODES, PODS

PERIOD = 20.0
QUARANTINE = 40.0
"""A node must be missing for so long before its pods are taken for orphans."""
_OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"


def surplus(all_pods: Iterable[Any], threshold: int) -> list[Any]:
    """Finished pods beyond the threshold, oldest first (evicted ones before all)."""
    finished = [p for p in all_pods if pods.is_finished(p)]
    count = len(finished) - threshold
    if threshold <= 0 or count <= 0:
        return []
    finished.sort(key=lambda p: (p.status.reason != "Evicted", pods.created(p), p.metadata.name))
    return finished[:count]


def never_bound(all_pods: Iterable[Any]) -> list[Any]:
    return [p for p in all_pods if p.metadata.deletionTimestamp is not None and not p.spec.nodeName]


def stranded(all_pods: Iterable[Any], nodes: Iterable[Any]) -> list[Any]:
    """Terminating pods of nodes that are marked out of service and not ready."""
    out = {
        node.metadata.name
        for node in nodes
        if any(t.key == _OUT_OF_SERVICE for t in node.spec.taints)
        and not any(c.type == "Ready" and c.status == "True" for c in node.status.conditions)
    }
    return [p for p in all_pods if p.metadata.deletionTimestamp is not None and p.spec.nodeName in out]


class PodGarbageCollector(Controller):
    name = "pod-garbage-collector-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._pods = self.watch(context.informer(PODS))
        self._nodes = self.watch(context.informer(NODES))
        self._missing: dict[str, float] = {}
        self.queue.add("all")

    async def reconcile(self, key: str) -> float | None:
        everything, nodes = self._pods.list(), self._nodes.list()
        for pod in surplus(everything, self.context.settings.terminated_pod_threshold):
            await self._delete(pod, "")
        for pod in stranded(everything, nodes):
            await self._delete(pod, "")
        for pod in await self._orphans(everything):
            await self._delete(pod, "PodGC: node no longer exists")
        for pod in never_bound(everything):
            await self._delete(pod, "")
        return PERIOD

    async def _orphans(self, everything: list[Any]) -> list[Any]:
        """Pods of nodes that have been missing for the quarantine and are really not there."""
        now = asyncio.get_running_loop().time()
        named = dict.fromkeys(p.spec.nodeName for p in everything if p.spec.nodeName)
        missing = [name for name in named if self._nodes.get(name) is None]
        self._missing = {name: self._missing.get(name, now) for name in missing}
        gone = [name for name in missing if now - self._missing[name] >= QUARANTINE]
        gone = [name for name in gone if not await self._exists(name)]
        return [p for p in everything if p.spec.nodeName in gone]

    async def _exists(self, node: str) -> bool:
        try:
            await self.client.get(NODES, node)
        except ApiError as error:
            if error.reason == "NotFound":
                return False
            raise
        return True

    async def _delete(self, pod: Any, why: str) -> None:
        """A pod that is not over is marked failed first: who waits for its end shall see one."""
        meta = pod.metadata
        status: dict[str, Any] = {}
        if not pods.is_finished(pod):
            status["phase"] = "Failed"
        if why:
            status["conditions"] = [
                {
                    "type": "DisruptionTarget",
                    "status": "True",
                    "reason": "DeletionByPodGC",
                    "message": why,
                    "lastTransitionTime": rfc3339(self.context.now()),
                }
            ]
        try:
            if status:
                patch = {"metadata": {"uid": meta.uid}, "status": status}
                await self.client.patch(
                    PODS, meta.name, patch, meta.namespace, kind="strategic", subresource="status"
                )
            await self.client.delete(PODS, meta.name, meta.namespace, uid=meta.uid, grace_period_seconds=0)
        except ApiError as error:
            if error.reason not in ("NotFound", "Conflict", "Invalid"):
                raise
