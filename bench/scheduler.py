"""How many pods a second the scheduler's core decides about: no API, no informers, one core.

    python -m bench scheduler

The clusters are those of DESIGN.md: 1,000 nodes in 10 zones, 3,000 pods. "reference" is what upstream's
scheduler did with its API server on two cores, so compare with care: binding costs come on top here.
"""

from __future__ import annotations

import asyncio
import random
import time
from typing import Any

from bench.report import Figure, show
from wherry.api.schema import Obj, convert, struct_type
from wherry.scheduler.core import Core
from wherry.scheduler.decisions import Bind
from wherry.scheduler.queue import Queue
from wherry.scheduler.workloads import Workloads

NODES, PODS, ZONES = 1000, 3000, 10
HOSTNAME, ZONE = "kubernetes.io/hostname", "topology.kubernetes.io/zone"
UPSTREAM = {"basic": 233.0, "zone spread": 130.0, "host anti-affinity": 110.0}


class Nothing:
    def get(self, name: str, namespace: str = "") -> Any | None:
        return None

    def list(self, namespace: str | None = None) -> list[Any]:
        return []


def node(number: int) -> Any:
    labels = {HOSTNAME: f"n{number}", ZONE: f"z{number % ZONES}"}
    size = {"cpu": "8", "memory": "32Gi", "pods": "110"}
    return convert(
        struct_type("v1", "Node"),
        {"metadata": {"name": f"n{number}", "labels": labels}, "status": {"allocatable": size}},
    )


def stanza(kind: str, number: int) -> tuple[Obj, Obj]:
    """(labels, what the spec has beside its container)."""
    if kind == "zone spread":
        selector = {"matchLabels": {"app": "web"}}
        spread = {"maxSkew": 1, "topologyKey": ZONE, "whenUnsatisfiable": "DoNotSchedule"}
        return {"app": "web"}, {"topologySpreadConstraints": [{**spread, "labelSelector": selector}]}
    if kind == "host anti-affinity":
        labels = {"app": f"db{number % 3}"}
        term = {"topologyKey": HOSTNAME, "labelSelector": {"matchLabels": labels}}
        apart = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
        return labels, {"affinity": apart}
    return {"app": "web"}, {}


def pod(kind: str, number: int) -> Any:
    labels, more = stanza(kind, number)
    requests = {"requests": {"cpu": "100m", "memory": "500Mi"}}
    spec = {
        "schedulerName": "default-scheduler",
        "containers": [{"name": "c", "image": "app:1", "resources": requests}],
        **more,
    }
    meta = {"name": f"p{number}", "namespace": "bench", "uid": str(number), "labels": labels}
    return convert(struct_type("v1", "Pod"), {"metadata": meta, "spec": spec})


async def measure(kind: str) -> float:
    """Pods a second, from the informer's event to the decision."""
    workloads = Workloads(Nothing(), {})
    core = Core(Queue(), workloads, random.Random(1), frozenset({"default-scheduler"}))
    for number in range(NODES):
        core.on_node("added", None, node(number))
    pods = [pod(kind, number) for number in range(PODS)]
    start = time.perf_counter()
    for each in pods:
        core.on_pod("added", None, each)
    placed = 0
    while (pending := core.queue.pop_nowait()) is not None:
        placed += isinstance(core.decide(pending)[0], Bind)
    took = time.perf_counter() - start
    assert placed == PODS, f"{placed} of {PODS} pods found a place"
    return PODS / took


def main() -> None:
    show(
        [
            Figure(
                f"decide {PODS:,} pods on {NODES:,} nodes: {kind}",
                asyncio.run(measure(kind)),
                "/s",
                goal=f"upstream, its API included: {upstream}",
            )
            for kind, upstream in UPSTREAM.items()
        ]
    )


if __name__ == "__main__":
    main()
