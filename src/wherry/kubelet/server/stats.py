"""/stats/summary: what the node, its pods and their containers use (`stats/v1alpha1`).

CPU rates are computed between two readings, since runtimes report counters only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from wherry.api.schema import Obj
from wherry.clock import Clock, rfc3339
from wherry.cri.runtime import Runtime
from wherry.cri.types import POD_UID, ContainerUsage
from wherry.kubelet.machine.facts import memory_available
from wherry.kubelet.worker import PodWorker

_KEEP = 5.0


class Stats:
    def __init__(
        self, runtime: Runtime, clock: Clock, node: str, workers: Callable[[], Iterable[PodWorker]]
    ) -> None:
        self._runtime = runtime
        self._clock = clock
        self._node = node
        self._workers = workers
        self._started = clock.time()
        self._before: dict[str, ContainerUsage] = {}
        self._node_before: tuple[float, int] = (0.0, 0)
        self._made: tuple[float, Obj] | None = None
        self._lock = asyncio.Lock()

    async def summary(self) -> Obj:
        """At most `_KEEP` seconds old."""
        async with self._lock:
            now = asyncio.get_running_loop().time()
            if self._made is None or now - self._made[0] >= _KEEP:
                self._made = (now, await self._make())
            return self._made[1]

    async def _make(self) -> Obj:
        by_pod: dict[str, list[ContainerUsage]] = {}
        usages = await self._runtime.usage()
        for usage in usages:
            by_pod.setdefault(usage.labels.get(POD_UID, ""), []).append(usage)
        pods = [self._pod(worker, by_pod[worker.uid]) for worker in self._workers() if worker.uid in by_pod]
        self._before = {usage.id: usage for usage in usages}
        return {"node": self._node_stats(), "pods": pods}

    def _pod(self, worker: PodWorker, usages: list[ContainerUsage]) -> Obj:
        meta = worker.pod.metadata
        containers = [self._container(usage) for usage in usages]
        rates = [c["cpu"].get("usageNanoCores", 0) for c in containers]
        stamp = rfc3339(self._clock.time())
        return {
            "podRef": {"name": meta.name, "namespace": meta.namespace, "uid": meta.uid},
            "startTime": worker.pod.status.startTime or stamp,
            "containers": containers,
            "cpu": {
                "time": stamp,
                "usageNanoCores": sum(rates),
                "usageCoreNanoSeconds": sum(u.cpu_nanoseconds for u in usages),
            },
            "memory": {
                "time": stamp,
                "usageBytes": sum(u.memory_usage for u in usages),
                "workingSetBytes": sum(u.memory_working_set for u in usages),
                "rssBytes": sum(u.memory_rss for u in usages),
            },
        }

    def _container(self, usage: ContainerUsage) -> Obj:
        stamp = rfc3339(usage.time)
        cpu: Obj = {"time": stamp, "usageCoreNanoSeconds": usage.cpu_nanoseconds}
        before = self._before.get(usage.id)
        if before is not None and usage.time > before.time:
            spent = usage.cpu_nanoseconds - before.cpu_nanoseconds
            cpu["usageNanoCores"] = max(0, int(spent / (usage.time - before.time)))
        return {
            "name": usage.name,
            "startTime": stamp,
            "cpu": cpu,
            "memory": {
                "time": stamp,
                "usageBytes": usage.memory_usage,
                "workingSetBytes": usage.memory_working_set,
                "rssBytes": usage.memory_rss,
            },
            "rootfs": {
                "time": stamp,
                "usedBytes": usage.rootfs_used,
                "inodesUsed": usage.rootfs_inodes,
            },
        }

    def _node_stats(self) -> Obj:
        now = self._clock.time()
        stamp = rfc3339(now)
        used = _cpu_nanoseconds()
        cpu: Obj = {"time": stamp, "usageCoreNanoSeconds": used}
        then, before = self._node_before
        if then and now > then:
            cpu["usageNanoCores"] = max(0, int((used - before) / (now - then)))
        self._node_before = (now, used)
        return {
            "nodeName": self._node,
            "startTime": rfc3339(self._started),
            "cpu": cpu,
            "memory": {"time": stamp, "availableBytes": memory_available()},
        }


def _cpu_nanoseconds() -> int:
    """Time all cpus have worked since boot, from /proc/stat (in hundredths of a second)."""
    words = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    numbers: list[Any] = [int(word) for word in words]
    idle = numbers[3] + numbers[4]
    return int(sum(numbers[:8]) - idle) * 10_000_000
