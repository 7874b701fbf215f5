"""What a name in the cluster's zone asks for (the Kubernetes DNS specification; CoreDNS parse.go).

    svc.ns.svc.ZONE                 a service
    _port._proto.svc.ns.svc.ZONE    a named port of it (SRV); the underscores may be missing
    endpoint.svc.ns.svc.ZONE        one endpoint of it
    1-2-3-4.ns.pod.ZONE             a pod by its address
    ns.svc.ZONE, svc.ZONE, ZONE     nothing, but names that exist

Names come as lower-case labels, leftmost first. Nothing here looks anything up.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias

Labels: TypeAlias = tuple[str, ...]


Kind: TypeAlias = Literal["", "svc", "pod"]
_KINDS: dict[str, Kind] = {"svc": "svc", "pod": "pod"}


class Asked(NamedTuple):
    """`kind` is empty for a name above services and pods. Empty fields were not in the name."""

    kind: Kind
    namespace: str = ""
    name: str = ""
    endpoint: str = ""
    port: str = ""
    protocol: str = ""


def labels_of(name: str) -> Labels:
    return tuple(name.lower().rstrip(".").split(".")) if name.strip(".") else ()


def within(labels: Labels, zone: Labels) -> Labels | None:
    """The labels left of the zone; None when the name is not in it."""
    cut = len(labels) - len(zone)
    return labels[:cut] if cut >= 0 and labels[cut:] == zone else None


def parse(left: Sequence[str]) -> Asked | None:
    """The labels left of the zone; None when there can be no such name."""
    if not left:
        return Asked("")
    *rest, last = left
    kind = _KINDS.get(last)
    if kind is None:
        return None
    match rest:
        case []:
            return Asked("")
        case [namespace]:
            return Asked(kind, namespace)
        case [name, namespace]:
            return Asked(kind, namespace, name)
        case [endpoint, name, namespace]:
            return Asked(kind, namespace, name, endpoint)
        case [port, protocol, name, namespace]:
            plain = port.removeprefix("_"), protocol.removeprefix("_")
            return Asked(kind, namespace, name, "", *plain)
    return None


def pod_address(name: str) -> str | None:
    """`10-0-0-7` or `fd00--7` as an address; None when it is none."""
    text = name.replace("-", "." if name.count("-") == 3 and "--" not in name else ":")
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None


def dashed(address: str) -> str:
    """The label of an endpoint or pod without a name of its own."""
    return address.replace(".", "-").replace(":", "-")


def reverse_address(labels: Labels) -> str | None:
    """The address that a name under in-addr.arpa or ip6.arpa stands for; None when it is no such name."""
    try:
        if labels[-2:] == ("in-addr", "arpa") and len(labels) == 6:
            return str(ipaddress.IPv4Address(".".join(reversed(labels[:4]))))
        if (
            labels[-2:] == ("ip6", "arpa")
            and len(labels) == 34
            and all(len(each) == 1 for each in labels[:32])
        ):
            return str(ipaddress.IPv6Address(int("".join(reversed(labels[:32])), 16)))
    except ValueError:
        return None
    return None
