"""What the cluster has, as questions about names need it: a view over informers, without a copy.

Objects are read from the informers' caches when asked; indices there find a service's slices, and
services and slices by address. Endpoints are those that are ready (EndpointSlices say so for
not-ready ones of services that publish them).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, Protocol

from wherry.dns.names import dashed

SERVICE_LABEL = "kubernetes.io/service-name"


class Lookup(Protocol):
    """The part of an informer that is used here."""

    def get(self, name: str, namespace: str = "") -> Any | None: ...
    def by_index(self, name: str, key: str) -> list[Any]: ...
    def add_index(self, name: str, keys: Callable[[Any], Iterable[str]]) -> None: ...


class Port(NamedTuple):
    name: str
    number: int
    protocol: str


NO_PORT = Port("", -1, "")
"""Stands in where none is declared: there is an address to tell, and no SRV record."""


class Endpoint(NamedTuple):
    host: str
    """The label under its service: the pod's hostname, or the address with dashes."""
    address: str
    ports: tuple[Port, ...]


class ClusterIndex:
    def __init__(self, services: Lookup, slices: Lookup, namespaces: Lookup) -> None:
        self._services = services
        self._slices = slices
        self._namespaces = namespaces
        services.add_index("address", addresses)
        slices.add_index("service", _service_of)
        slices.add_index("address", _named_addresses)

    def has_namespace(self, name: str) -> bool:
        return self._namespaces.get(name) is not None

    def service(self, name: str, namespace: str) -> Any | None:
        return self._services.get(name, namespace)

    def endpoints(self, name: str, namespace: str) -> Iterator[Endpoint]:
        for piece in self._slices.by_index("service", f"{namespace}/{name}"):
            yield from _endpoints(piece)

    def service_at(self, address: str) -> Any | None:
        found = self._services.by_index("address", address)
        return found[0] if found else None

    def named_endpoints_at(self, address: str) -> Iterator[tuple[str, str, str]]:
        """(hostname, service, namespace) of endpoints that have a hostname of their own."""
        for piece in self._slices.by_index("address", address):
            service = piece.metadata.labels.get(SERVICE_LABEL)
            for each in piece.endpoints if service else ():
                if each.hostname and _is_ready(each) and _plain(each.addresses) == address:
                    yield each.hostname, service, piece.metadata.namespace


def addresses(service: Any) -> list[str]:
    """The cluster addresses of a service; none when it is headless or outside of the cluster."""
    if service.spec.type == "ExternalName":
        return []
    found = service.spec.clusterIPs or [service.spec.clusterIP]
    return [_canonical(each) for each in found if each and each != "None"]


def is_headless(service: Any) -> bool:
    return bool(service.spec.clusterIP == "None" and service.spec.type != "ExternalName")


def ports(service: Any) -> tuple[Port, ...]:
    declared = tuple(Port(p.name or "", p.port, (p.protocol or "TCP").lower()) for p in service.spec.ports)
    return declared or (NO_PORT,)


def _endpoints(piece: Any) -> Iterator[Endpoint]:
    if piece.addressType == "FQDN":
        return
    declared = tuple(
        Port(p.name or "", p.port if p.port is not None else -1, (p.protocol or "TCP").lower())
        for p in piece.ports
    )
    for each in piece.endpoints:
        if _is_ready(each) and each.addresses:
            address = _plain(each.addresses)
            yield Endpoint(each.hostname or dashed(address), address, declared or (NO_PORT,))


def _is_ready(endpoint: Any) -> bool:
    return endpoint.conditions is None or endpoint.conditions.ready is not False


def _plain(found: list[str]) -> str:
    """Consumers take the first address of an endpoint, as the API says."""
    return _canonical(found[0]) if found else ""


def _canonical(address: str) -> str:
    return str(ipaddress.ip_address(address)) if ":" in address else address


def _service_of(piece: Any) -> list[str]:
    name = piece.metadata.labels.get(SERVICE_LABEL)
    return [f"{piece.metadata.namespace}/{name}"] if name else []


def _named_addresses(piece: Any) -> list[str]:
    if piece.addressType == "FQDN":
        return []
    return [_plain(each.addresses) for each in piece.endpoints if each.hostname and each.addresses]
