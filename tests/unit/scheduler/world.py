"""Objects and a scheduler core for the tests of this room, without client or server."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from wherry.api.schema import Obj, convert, struct_type
from wherry.scheduler.core import Core
from wherry.scheduler.decisions import Bind, Effect
from wherry.scheduler.queue import Queue
from wherry.scheduler.workloads import Workloads

HOSTNAME = "kubernetes.io/hostname"


class Listed:
    """An informer's reading side over a plain list."""

    def __init__(self, objects: Sequence[Any] = ()) -> None:
        self.objects = list(objects)

    def get(self, name: str, namespace: str = "") -> Any | None:
        return next((o for o in self.list(namespace) if o.metadata.name == name), None)

    def list(self, namespace: str | None = None) -> list[Any]:
        return [o for o in self.objects if namespace is None or o.metadata.namespace == namespace]


def typed(kind: str, obj: Obj, version: str = "v1") -> Any:
    return convert(struct_type(version, kind), {"apiVersion": version, "kind": kind, **obj})


def node(
    name: str,
    *,
    cpu: str = "4",
    memory: str = "8Gi",
    pods: str = "110",
    labels: Mapping[str, str] | None = None,
    taints: Sequence[Obj] = (),
    unschedulable: bool = False,
    images: Sequence[Obj] = (),
    **resources: str,
) -> Any:
    spec: Obj = {"taints": list(taints)}
    if unschedulable:
        spec["unschedulable"] = True
    allocatable = {"cpu": cpu, "memory": memory, "pods": pods} | {
        k.replace("__", "/").replace("_", "."): v for k, v in resources.items()
    }
    return typed(
        "Node",
        {
            "metadata": {"name": name, "uid": name, "labels": {HOSTNAME: name, **(labels or {})}},
            "spec": spec,
            "status": {"allocatable": allocatable, "images": list(images)},
        },
    )


def pod(
    name: str,
    *,
    namespace: str = "d",
    labels: Mapping[str, str] | None = None,
    node: str = "",
    requests: Mapping[str, str] | None = None,
    ports: Sequence[Obj] = (),
    image: str = "app",
    status: Obj | None = None,
    meta: Obj | None = None,
    **spec: Any,
) -> Any:
    container: Obj = {"name": "c", "image": image, "ports": list(ports)}
    if requests:
        container["resources"] = {"requests": dict(requests)}
    body: Obj = {"schedulerName": "default-scheduler", "containers": [container], **spec}
    if node:
        body["nodeName"] = node
    return typed(
        "Pod",
        {
            "metadata": {
                "name": name,
                "namespace": namespace,
                "uid": f"uid-{name}",
                "labels": dict(labels or {}),
                **(meta or {}),
            },
            "spec": body,
            "status": status or {},
        },
    )


def core(*nodes: Any, seed: int = 1, services: Sequence[Any] = (), budgets: Sequence[Any] = ()) -> Core:
    """A core that knows these nodes. Make it inside a running loop: the queue takes its time."""
    made = Core(
        Queue(),
        Workloads(Listed(services), {}),
        random.Random(seed),
        frozenset({"default-scheduler"}),
        lambda: list(budgets),
    )
    for each in nodes:
        made.on_node("added", None, each)
    return made


def decide(made: Core, wanted: Any) -> list[Effect]:
    """Offers a new pod and takes the decision about it."""
    made.on_pod("added", None, wanted)
    pending = made.queue.pop_nowait()
    assert pending is not None
    assert pending.pod is wanted
    return made.decide(pending)


def node_of(effects: list[Effect]) -> str | None:
    return next((e.node for e in effects if isinstance(e, Bind)), None)


def terms(*required: Obj, anti: bool = False, preferred: Sequence[tuple[int, Obj]] = ()) -> Obj:
    """An affinity stanza for pods."""
    return {
        "podAntiAffinity" if anti else "podAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": list(required),
            "preferredDuringSchedulingIgnoredDuringExecution": [
                {"weight": weight, "podAffinityTerm": term} for weight, term in preferred
            ],
        }
    }


def term(topology: str, **labels: str) -> Obj:
    return {"topologyKey": topology, "labelSelector": {"matchLabels": labels}}
