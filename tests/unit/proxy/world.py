"""Services and slices for the tests of this room."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wherry.api.schema import Obj, convert, struct_type
from wherry.proxy.changes import Changes


def service(
    name: str = "web",
    *,
    namespace: str = "d",
    ip: str = "10.96.0.10",
    ports: Sequence[Obj] = ({"port": 80},),
    status: Obj | None = None,
    **spec: Any,
) -> Any:
    body = {
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"clusterIP": ip, "clusterIPs": [ip], "type": "ClusterIP", "ports": list(ports), **spec},
        "status": status or {},
    }
    return convert(struct_type("v1", "Service"), body)


def endpoint(ip: str, node: str = "n1", **conditions: bool) -> Obj:
    return {"addresses": [ip], "nodeName": node, "conditions": conditions or {"ready": True}}


def slice_(
    of: str = "web",
    *endpoints: Obj,
    name: str = "",
    namespace: str = "d",
    ports: Sequence[Obj] = ({"name": "", "port": 8080, "protocol": "TCP"},),
) -> Any:
    body = {
        "metadata": {
            "name": name or f"{of}-x",
            "namespace": namespace,
            "labels": {"kubernetes.io/service-name": of},
        },
        "addressType": "IPv4",
        "ports": list(ports),
        "endpoints": list(endpoints),
    }
    return convert(struct_type("discovery.k8s.io/v1", "EndpointSlice"), body)


def known(*objects: Any, node: str = "n1") -> Changes:
    changes = Changes(node)
    for each in objects:
        if hasattr(each, "endpoints"):
            changes.on_slice("added", None, each)
        else:
            changes.on_service("added", None, each)
    return changes
