"""A Node as its kubelet states it: pure functions from facts to the object's parts.

Upstream: `kubelet_node_status.go`, `nodestatus/setters.go`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from wherry.api.quantity import from_milli, from_whole
from wherry.api.schema import Obj
from wherry.clock import rfc3339

MAX_IMAGES, MAX_IMAGE_NAMES = 50, 5


class NodeShape(msgspec.Struct, frozen=True):
    """What a node is and offers. Quantities are those of `capacity`: canonical strings."""

    name: str
    hostname: str
    capacity: Mapping[str, str]
    allocatable: Mapping[str, str]
    info: Mapping[str, str]
    addresses: Sequence[str] = ()
    labels: Mapping[str, str] = msgspec.field(default_factory=dict)
    annotations: Mapping[str, str] = msgspec.field(default_factory=dict)
    taints: Sequence[Mapping[str, str]] = ()
    port: int = 10250
    pod_cidr: str = ""
    unschedulable: bool = False


class Health(msgspec.Struct, frozen=True):
    """`problem` is why the node can't run pods, "" when it can."""

    problem: str = ""
    memory_pressure: bool = False
    disk_pressure: bool = False
    pid_pressure: bool = False


def capacity(cpus: int, memory: int, disk: int, pods: int) -> dict[str, str]:
    return {
        "cpu": from_milli(cpus * 1000),
        "memory": f"{memory // 1024}Ki",
        "ephemeral-storage": f"{disk // 1024}Ki",
        "pods": from_whole(pods),
        "hugepages-1Gi": "0",
        "hugepages-2Mi": "0",
    }


def new_node(shape: NodeShape) -> Obj:
    """The object to register; its status is complete from the start."""
    spec: Obj = {}
    if shape.taints:
        spec["taints"] = [dict(taint) for taint in shape.taints]
    if shape.pod_cidr:
        spec |= {"podCIDR": shape.pod_cidr, "podCIDRs": [shape.pod_cidr]}
    if shape.unschedulable:
        spec["unschedulable"] = True
    meta: Obj = {"name": shape.name, "labels": labels(shape)}
    if shape.annotations:
        meta["annotations"] = dict(shape.annotations)
    return {"apiVersion": "v1", "kind": "Node", "metadata": meta, "spec": spec}


def labels(shape: NodeShape) -> dict[str, str]:
    arch, system = shape.info["architecture"], shape.info["operatingSystem"]
    return {
        "beta.kubernetes.io/arch": arch,
        "beta.kubernetes.io/os": system,
        "kubernetes.io/arch": arch,
        "kubernetes.io/hostname": shape.hostname,
        "kubernetes.io/os": system,
        **shape.labels,
    }


def status(
    shape: NodeShape, health: Health, before: Sequence[Any], now: float, images: Sequence[Obj] = ()
) -> Obj:
    """`before` are the conditions the API shows now, typed: transition times go on from them."""
    addresses = [{"type": "InternalIP", "address": address} for address in shape.addresses]
    return {
        "addresses": [*addresses, {"type": "Hostname", "address": shape.hostname}],
        "allocatable": dict(shape.allocatable),
        "capacity": dict(shape.capacity),
        "conditions": conditions(health, before, now),
        "daemonEndpoints": {"kubeletEndpoint": {"Port": shape.port}},
        "images": list(images),
        "nodeInfo": dict(shape.info),
    }


def conditions(health: Health, before: Sequence[Any], now: float) -> list[Obj]:
    old = {condition.type: condition for condition in before}
    stamp = rfc3339(now)
    result = []
    for kind, state, reason, message in _conditions(health):
        known = old.get(kind)
        since = known.lastTransitionTime if known is not None and known.status == state else None
        result.append(
            {
                "type": kind,
                "status": state,
                "lastHeartbeatTime": stamp,
                "lastTransitionTime": since or stamp,
                "reason": reason,
                "message": message,
            }
        )
    return result


def _conditions(health: Health) -> list[tuple[str, str, str, str]]:
    def pressure(kind: str, on: bool, bad: str, good: str, word: str) -> tuple[str, str, str, str]:
        reason = f"KubeletHas{bad if on else good}"
        return kind, "True" if on else "False", reason, f"kubelet has {word}"

    memory, disk, pid = health.memory_pressure, health.disk_pressure, health.pid_pressure
    enough = "insufficient {} available", "sufficient {} available"
    ready = (
        ("Ready", "False", "KubeletNotReady", health.problem)
        if health.problem
        else ("Ready", "True", "KubeletReady", "kubelet is posting ready status")
    )
    return [
        pressure(
            "MemoryPressure",
            memory,
            "InsufficientMemory",
            "SufficientMemory",
            enough[not memory].format("memory"),
        ),
        pressure(
            "DiskPressure",
            disk,
            "DiskPressure",
            "NoDiskPressure",
            "disk pressure" if disk else "no disk pressure",
        ),
        pressure("PIDPressure", pid, "InsufficientPID", "SufficientPID", enough[not pid].format("PID")),
        ready,
    ]


def image_list(images: Sequence[Any]) -> list[Obj]:
    """The largest images with their names, as many as a Node may list."""
    named = (image for image in images if image.digests or image.tags)
    ordered = sorted(named, key=lambda image: (-image.size, image.id))
    return [
        {"names": [*image.digests, *image.tags][:MAX_IMAGE_NAMES], "sizeBytes": image.size}
        for image in ordered[:MAX_IMAGES]
    ]


def without_heartbeats(status_: Obj) -> Obj:
    """What must differ for a status to be worth writing before its time."""
    trimmed = [{k: v for k, v in c.items() if k != "lastHeartbeatTime"} for c in status_["conditions"]]
    return {**status_, "conditions": trimmed}
