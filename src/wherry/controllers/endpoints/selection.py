"""Which pods stand behind a Service, at which addresses and ports. Pure.

Follows upstream's `staging/src/k8s.io/endpointslice/utils.go` and `pkg/controller/endpoint`.
"""

from __future__ import annotations

import ipaddress
from typing import Any

from wherry.api import selectors
from wherry.api.schema import Obj
from wherry.controllers import pods

ZONE = "topology.kubernetes.io/zone"
HEADLESS = "service.kubernetes.io/headless"
CHANGE_TIME = "endpoints.kubernetes.io/last-change-trigger-time"


def has_endpoints(service: Any) -> bool:
    """Whether controllers keep endpoints for it: it selects pods and is not just an alias."""
    return bool(service.spec.selector) and service.spec.type != "ExternalName"


def selects(service: Any, pod: Any) -> bool:
    return has_endpoints(service) and selectors.from_map(service.spec.selector).matches(pod.metadata.labels)


def is_headless(service: Any) -> bool:
    return bool(service.spec.clusterIP == "None")


def may_serve(pod: Any) -> bool:
    """The pod has an address and is not over; terminating ones are told as such."""
    return not pods.is_finished(pod) and bool(pod.status.podIP or pod.status.podIPs)


def families(service: Any) -> list[str]:
    """The address types of a Service: IPv4, IPv6 or both."""
    return list(service.spec.ipFamilies) or ["IPv4"]


def addresses(pod: Any, family: str) -> list[str]:
    version = 4 if family == "IPv4" else 6
    found = [entry.ip for entry in pod.status.podIPs] or [pod.status.podIP]
    return [ip for ip in found if ip and ipaddress.ip_address(ip).version == version]


def port_number(pod: Any, port: Any) -> int | None:
    """A service port's number in this pod; None when the pod has no port of that name."""
    target = port.port if port.targetPort in (None, 0, "") else port.targetPort
    if isinstance(target, int):
        return int(target)
    sidecars = [c for c in pod.spec.initContainers if c.restartPolicy == "Always"]
    for container in [*pod.spec.containers, *sidecars]:
        for named in container.ports:
            if named.name == target and (named.protocol or "TCP") == (port.protocol or "TCP"):
                return int(named.containerPort)
    return None


def ports(service: Any, pod: Any) -> list[Obj]:
    found: list[Obj] = []
    for port in service.spec.ports:
        number = port_number(pod, port)
        if number is None:
            continue
        made: Obj = {"name": port.name or "", "port": number, "protocol": port.protocol or "TCP"}
        if port.appProtocol:
            made["appProtocol"] = port.appProtocol
        found.append(made)
    return found


def hostname(service: Any, pod: Any) -> str:
    """The name that DNS is to give this endpoint; empty: none."""
    return pod.spec.hostname or "" if pod.spec.subdomain == service.metadata.name else ""


def target(pod: Any) -> Obj:
    meta = pod.metadata
    return {"kind": "Pod", "namespace": meta.namespace, "name": meta.name, "uid": meta.uid}


def endpoint(service: Any, pod: Any, node: Any | None, family: str) -> Obj:
    """An entry of an EndpointSlice."""
    serving, terminating = pods.is_ready(pod), pod.metadata.deletionTimestamp is not None
    ready = bool(service.spec.publishNotReadyAddresses) or (serving and not terminating)
    made: Obj = {
        "addresses": addresses(pod, family),
        "conditions": {"ready": ready, "serving": serving, "terminating": terminating},
        "targetRef": target(pod),
    }
    if pod.spec.nodeName:
        made["nodeName"] = pod.spec.nodeName
    zone = None if node is None else node.metadata.labels.get(ZONE)
    if zone:
        made["zone"] = zone
    name = hostname(service, pod)
    if name:
        made["hostname"] = name
    return made
