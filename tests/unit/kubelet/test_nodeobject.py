from __future__ import annotations

from wherry.api.schema import convert, struct_type
from wherry.cri.types import Image
from wherry.kubelet.nodeobject import (
    Health,
    NodeShape,
    capacity,
    conditions,
    image_list,
    new_node,
    status,
    without_heartbeats,
)

from .kit import NOW

SHAPE = NodeShape(
    name="n1",
    hostname="host1",
    capacity=capacity(2, 4 << 30, 10 << 30, 110),
    allocatable=capacity(2, 3 << 30, 10 << 30, 110),
    info={"architecture": "amd64", "operatingSystem": "linux"},
    addresses=("1.2.3.4",),
    labels={"mine": "yes"},
    taints=({"key": "a", "effect": "NoSchedule"},),
)


def test_the_object_to_register() -> None:
    node = new_node(SHAPE)
    assert node["metadata"]["labels"]["kubernetes.io/hostname"] == "host1"
    assert node["metadata"]["labels"]["mine"] == "yes"
    assert node["spec"] == {"taints": [{"key": "a", "effect": "NoSchedule"}]}


def test_the_status() -> None:
    found = status(SHAPE, Health(), (), NOW)
    assert found["capacity"]["memory"] == "4194304Ki" and found["allocatable"]["memory"] == "3145728Ki"
    assert found["addresses"][-1] == {"type": "Hostname", "address": "host1"}
    assert [(c["type"], c["status"], c["reason"]) for c in found["conditions"]] == [
        ("MemoryPressure", "False", "KubeletHasSufficientMemory"),
        ("DiskPressure", "False", "KubeletHasNoDiskPressure"),
        ("PIDPressure", "False", "KubeletHasSufficientPID"),
        ("Ready", "True", "KubeletReady"),
    ]


def test_problems() -> None:
    bad = Health("container runtime is down", memory_pressure=True, disk_pressure=True, pid_pressure=True)
    found = {c["type"]: c for c in conditions(bad, (), NOW)}
    assert found["Ready"]["message"] == "container runtime is down" and found["Ready"]["status"] == "False"
    assert found["MemoryPressure"]["message"] == "kubelet has insufficient memory available"
    assert found["DiskPressure"]["message"] == "kubelet has disk pressure"
    assert found["PIDPressure"]["reason"] == "KubeletHasInsufficientPID"


def test_transition_times_and_heartbeats() -> None:
    first = status(SHAPE, Health(), (), NOW)
    node = convert(struct_type("v1", "Node"), {"status": {"conditions": first["conditions"]}})
    later = status(SHAPE, Health(), node.status.conditions, NOW + 100)
    assert later["conditions"][3]["lastTransitionTime"] == first["conditions"][3]["lastTransitionTime"]
    assert later != first and without_heartbeats(later) == without_heartbeats(first)


def test_images_are_bounded() -> None:
    images = [Image(f"i{n}", tags=tuple(f"t{n}:{k}" for k in range(9)), size=n) for n in range(80)]
    found = image_list([*images, Image("nameless", size=1000)])
    assert len(found) == 50 and found[0]["sizeBytes"] == 79 and len(found[0]["names"]) == 5
