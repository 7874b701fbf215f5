"""Services and EndpointSlices, reduced to what a packet needs: ports of addresses, and endpoints.

One `Port` per port of a Service that has a cluster IP. Only the given address family is looked at.
Addresses and names end up in commands for the kernel's tools: what is not of the expected form is left
out here, whatever the API server let in.
Upstream: pkg/proxy/serviceport.go, endpoint.go.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

SERVICE_NAME = "kubernetes.io/service-name"
_DEFAULT_AFFINITY = 10800
_NAME = re.compile(r"[A-Za-z0-9._/-]+")
_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
_PROTOCOLS = ("tcp", "udp", "sctp")


@dataclass(frozen=True, slots=True)
class Port:
    """One port of a Service. `name` is upstream's `namespace/service:port`."""

    name: str
    protocol: str
    cluster_ip: str
    port: int
    node_port: int = 0
    external_ips: tuple[str, ...] = ()
    balancer_ips: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    affinity: int = 0
    internal_local: bool = False
    external_local: bool = False
    health_port: int = 0
    target: str = ""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address behind a port. `ready` false with `serving` true: on its way out, still answering."""

    ip: str
    port: int
    ready: bool
    serving: bool
    local: bool


def ports(service: Any, *, version: int = 4) -> tuple[Port, ...]:
    """The ports of a typed Service that are to be proxied; none for headless ones and ExternalNames."""
    spec = service.spec
    if spec.type == "ExternalName":
        return ()
    addresses = spec.clusterIPs or [spec.clusterIP or ""]
    cluster_ip = next((a for a in addresses if of_version(a, version)), "")
    if not cluster_ip:
        return ()
    key = f"{service.metadata.namespace}/{service.metadata.name}"
    if not _NAME.fullmatch(key):
        return ()
    external = spec.type in ("NodePort", "LoadBalancer")
    local = spec.externalTrafficPolicy == "Local"
    ingress = service.status.loadBalancer.ingress if service.status.loadBalancer is not None else ()
    balancers = [i.ip for i in ingress if i.ip and (i.ipMode or "VIP") == "VIP"]
    return tuple(
        Port(
            name=f"{key}:{p.name}" if p.name else key,
            protocol=(p.protocol or "TCP").lower(),
            cluster_ip=cluster_ip,
            port=p.port,
            node_port=(p.nodePort or 0) if external else 0,
            external_ips=_only(spec.externalIPs, version),
            balancer_ips=_only(balancers, version) if spec.type == "LoadBalancer" else (),
            sources=_ranges(spec.loadBalancerSourceRanges, version),
            affinity=_affinity(spec),
            internal_local=spec.internalTrafficPolicy == "Local",
            external_local=local,
            health_port=(spec.healthCheckNodePort or 0) if local else 0,
            target=p.name or "",
        )
        for p in spec.ports
        if p.port and _well_formed(p)
    )


def endpoints(slices: Iterable[Any], port: Port, node: str, *, version: int = 4) -> tuple[Endpoint, ...]:
    """The endpoints that EndpointSlices give for a port, each address once, in order of address."""
    found: dict[tuple[str, int], Endpoint] = {}
    for each in slices:
        if each.addressType != f"IPv{version}":
            continue
        for number in _numbers(each.ports, port):
            for entry in each.endpoints:
                endpoint = _endpoint(entry, number, node, version)
                if endpoint is None:
                    continue
                known = found.get((endpoint.ip, number))
                if known is None or (endpoint.ready and not known.ready):
                    found[endpoint.ip, number] = endpoint
    return tuple(found[key] for key in sorted(found))


def of_version(address: str, version: int) -> bool:
    try:
        socket.inet_pton(_FAMILIES[version], address)
    except (OSError, ValueError):
        return False
    return True


def _well_formed(port: Any) -> bool:
    named = not port.name or _NAME.fullmatch(port.name) is not None
    return named and (port.protocol or "TCP").lower() in _PROTOCOLS


def _numbers(slice_ports: Sequence[Any], port: Port) -> list[int]:
    return [
        p.port
        for p in slice_ports
        if p.port and (p.name or "") == port.target and (p.protocol or "TCP").lower() == port.protocol
    ]


def _endpoint(entry: Any, number: int, node: str, version: int) -> Endpoint | None:
    if not entry.addresses or not of_version(entry.addresses[0], version):
        return None
    conditions = entry.conditions
    ready = conditions is None or conditions.ready is not False
    stated = conditions.serving if conditions is not None else None
    serving = ready if stated is None else stated
    return Endpoint(entry.addresses[0], number, ready, serving, entry.nodeName == node)


def _affinity(spec: Any) -> int:
    if spec.sessionAffinity != "ClientIP":
        return 0
    config = spec.sessionAffinityConfig
    client = config.clientIP if config is not None else None
    return (client.timeoutSeconds if client is not None else None) or _DEFAULT_AFFINITY


def _only(addresses: Iterable[str], version: int) -> tuple[str, ...]:
    return tuple(sorted({a for a in addresses if of_version(a, version)}))


def _ranges(texts: Iterable[str], version: int) -> tuple[str, ...]:
    found: set[str] = set()
    for text in texts:
        try:
            network = ipaddress.ip_network(text.strip(), strict=False)
        except ValueError:
            continue
        if network.version == version:
            found.add(str(network))
    return tuple(sorted(found))
