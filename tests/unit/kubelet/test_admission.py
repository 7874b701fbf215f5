from __future__ import annotations

from typing import Any

import pytest

from wherry.kubelet.admission import NodeOffer, refusal

from .kit import pod
from .resources.test_qos import asking

NODE = NodeOffer({"cpu": "2", "memory": "1Gi", "pods": "3"}, {"disk": "ssd"}, "n1", ("net.core.*",))


def reason(wanted: Any, *others: Any) -> str:
    found = refusal(wanted, others, NODE)
    return found.reason if found else ""


def term(**wanted: Any) -> dict[str, Any]:
    required = {"nodeSelectorTerms": [wanted]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}


def expression(key: str, operator: str, *values: str) -> dict[str, Any]:
    return {"key": key, "operator": operator, "values": list(values)}


@pytest.mark.parametrize(
    ("spec", "refused"),
    [
        ({}, ""),
        ({"nodeSelector": {"disk": "ssd"}}, ""),
        ({"nodeSelector": {"disk": "hdd"}}, "NodeAffinity"),
        ({"affinity": term(matchExpressions=[expression("disk", "In", "ssd", "nvme")])}, ""),
        ({"affinity": term(matchExpressions=[expression("disk", "DoesNotExist")])}, "NodeAffinity"),
        ({"affinity": term(matchFields=[expression("metadata.name", "In", "n1")])}, ""),
        ({"affinity": term(matchFields=[expression("metadata.name", "In", "n2")])}, "NodeAffinity"),
        ({"affinity": term()}, "NodeAffinity"),
        ({"os": {"name": "windows"}}, "PodOSNotSupported"),
        ({"hostUsers": False}, "UnexpectedAdmissionError"),
        ({"securityContext": {"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}}, "SysctlForbidden"),
        ({"securityContext": {"sysctls": [{"name": "net.core.somaxconn", "value": "1"}]}}, ""),
        ({"securityContext": {"sysctls": [{"name": "net.ipv4.tcp_syncookies", "value": "1"}]}}, ""),
        (
            {"securityContext": {"appArmorProfile": {"type": "Localhost", "localhostProfile": "x"}}},
            "AppArmor",
        ),
    ],
)
def test_what_a_pod_may_ask(spec: dict[str, Any], refused: str) -> None:
    assert reason(pod(**spec)) == refused


def test_resources_count_together() -> None:
    big = pod(asking({"cpu": "1500m"}))
    assert reason(big) == "" and reason(big, big) == "OutOfcpu"
    found = refusal(big, [big], NODE)
    assert found is not None and found.status == (
        "OutOfcpu",
        "Pod was rejected: Node didn't have enough resource: cpu,"
        " requested: 1500, used: 1500, capacity: 2000",
    )
    assert reason(pod(), pod(), pod(), pod()) == "OutOfpods"


def test_static_pods_come_first() -> None:
    static = pod(asking({"cpu": "99"}), meta={"annotations": {"kubernetes.io/config.source": "file"}})
    assert reason(static) == ""
