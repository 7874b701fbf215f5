"""Where a proxied request goes: node, pod and service addresses, and which container is meant. Pure.

Texts are upstream's (`k8s.io/kubernetes/pkg/registry/core/{pod,node,service}`).
"""

from __future__ import annotations

import ipaddress
import random
import re
from dataclasses import dataclass
from typing import Any

from wherry.api import errors
from wherry.api.schema import Obj
from wherry.apiserver.attributes import Reader

_CONTAINER_LISTS = ("containers", "initContainers", "ephemeralContainers")


@dataclass(frozen=True, slots=True)
class Target:
    host: str
    port: int
    tls: bool


def container_of(pod: Obj, wanted: str) -> str:
    """The container named, or the only one. Raises ApiError 400."""
    name, spec = pod["metadata"]["name"], pod.get("spec", {})
    if wanted:
        if any(entry["name"] == wanted for kind in _CONTAINER_LISTS for entry in spec.get(kind, ())):
            return wanted
        raise errors.bad_request(f"container {wanted} is not valid for pod {name}")
    containers = spec.get("containers", [])
    if len(containers) == 1:
        only: str = containers[0]["name"]
        return only
    if not containers:
        raise errors.bad_request(f"a container name must be specified for pod {name}")
    listed = [*spec.get("initContainers", ()), *containers, *spec.get("ephemeralContainers", ())]
    choice = " ".join(entry["name"] for entry in listed)
    raise errors.bad_request(f"a container name must be specified for pod {name}, choose one of: [{choice}]")


def host_of(pod: Obj) -> str:
    """The node a pod is on. Raises ApiError 400 when it has none yet."""
    host: str = pod.get("spec", {}).get("nodeName", "")
    if not host:
        raise errors.bad_request(f"pod {pod['metadata']['name']} does not have a host assigned")
    return host


def kubelet_of(node: Obj, address_types: tuple[str, ...], default_port: int) -> Target:
    """A node's kubelet. Raises ApiError when the node has no usable address."""
    status = node.get("status", {})
    port = status.get("daemonEndpoints", {}).get("kubeletEndpoint", {}).get("Port") or default_port
    addresses = status.get("addresses", [])
    for wanted in address_types:
        for entry in addresses:
            if entry.get("type") == wanted and entry.get("address"):
                return Target(entry["address"], port, True)
    known = " ".join(f"{{{entry.get('type')} {entry.get('address')}}}" for entry in addresses)
    raise errors.ApiError("", f"no preferred addresses found; known addresses: [{known}]", code=500)


def split_name(text: str) -> tuple[str, str, str]:
    """`[scheme:]name[:port]` as (scheme, name, port). Raises ApiError 400."""
    parts = text.split(":")
    if len(parts) == 1:
        return "", text, ""
    if len(parts) == 2 and parts[0]:
        return "", parts[0], parts[1]
    if len(parts) == 3 and parts[0] in ("", "http", "https") and parts[1]:
        return parts[0], parts[1], parts[2]
    raise errors.bad_request(f'invalid request "{text}"')


def pod_target(pod: Obj, scheme: str, port: str) -> Target:
    """A pod's own port: the one asked for, or its first container port, or 80."""
    if not port:
        declared = [
            entry["containerPort"]
            for container in pod["spec"].get("containers", ())
            for entry in container.get("ports", ())
        ]
        port = str(declared[0]) if declared else "80"
    if not re.fullmatch("[0-9]{1,5}", port):
        raise errors.bad_request(f'invalid pod port "{port}"')
    return Target(proxyable(pod.get("status", {}).get("podIP", "")), int(port), scheme == "https")


def service_target(service: Obj, slices: list[Obj], scheme: str, port: str, rng: random.Random) -> Target:
    """One ready endpoint of a service's port, by the port's name or number (or the only port)."""
    name = service["metadata"]["name"]
    ports = service["spec"].get("ports", [])
    wanted = [entry for entry in ports if port in (entry.get("name", ""), str(entry["port"])) or not port]
    if not wanted or (not port and len(ports) > 1):
        raise errors.unavailable(f'no service port "{port}" found for service "{name}"')
    found: list[tuple[str, int]] = []
    for part in slices:
        for entry in part.get("ports", ()):
            if entry.get("name", "") == wanted[0].get("name", "") and entry.get("port"):
                found += [(address, entry["port"]) for address in _ready_addresses(part)]
    usable = [(address, number) for address, number in found if _is_proxyable(address)]
    if not usable:
        raise errors.unavailable(f'no endpoints available for service "{name}"')
    host, number = usable[rng.randrange(len(usable))]
    return Target(host, number, scheme == "https")


def slices_of(reader: Reader, name: str, namespace: str) -> list[Obj]:
    """The EndpointSlices of a service."""
    return [
        part
        for part in reader.list("endpointslices.discovery.k8s.io", namespace)
        if part["metadata"].get("labels", {}).get("kubernetes.io/service-name") == name
    ]


def _ready_addresses(part: Obj) -> list[str]:
    found: list[str] = []
    for endpoint in part.get("endpoints", ()):
        conditions: dict[str, Any] = endpoint.get("conditions", {})
        if conditions.get("ready", True):
            found += endpoint.get("addresses", ())
    return found


def _is_proxyable(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return not (parsed.is_loopback or parsed.is_link_local or parsed.is_multicast or parsed.is_unspecified)


def proxyable(address: str) -> str:
    """Keeps the API server from being sent to its own machine. Raises ApiError 400."""
    if not _is_proxyable(address):
        raise errors.bad_request("address not allowed")
    return address
