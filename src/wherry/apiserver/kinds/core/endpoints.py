"""Endpoints: superseded by EndpointSlice, still written for those who read it."""

from __future__ import annotations

from wherry.api import validation_text
from wherry.api.fieldpath import required
from wherry.api.schema import Obj
from wherry.apiserver.kinds.columns import AGE, NAME, NONE
from wherry.apiserver.kinds.stanzas import formats
from wherry.apiserver.kinds.stanzas.formats import Errors
from wherry.apiserver.kinds.wire import tidies
from wherry.apiserver.registry.strategy import Column, Strategy

PROTOCOLS = ("SCTP", "TCP", "UDP")
_SHOWN = 3


def _default(endpoints: Obj) -> None:
    for subset in endpoints.get("subsets") or ():
        for port in subset.get("ports") or ():
            port.setdefault("protocol", "TCP")


def _validate(endpoints: Obj) -> Errors:
    out: Errors = []
    for i, subset in enumerate(endpoints.get("subsets") or ()):
        path = f"subsets[{i}]"
        kinds = [kind for kind in ("addresses", "notReadyAddresses") if subset.get(kind)]
        if not kinds:
            out.append(required(path, "must specify `addresses` or `notReadyAddresses`"))
        for kind in kinds:
            for j, address in enumerate(subset[kind]):
                _address(address, f"{path}.{kind}[{j}]", out)
        ports = subset.get("ports") or ()
        for j, port in enumerate(ports):
            _port(port, len(ports) > 1, f"{path}.ports[{j}]", out)
    return out


def _address(address: Obj, path: str, out: Errors) -> None:
    formats.ip(address.get("ip", ""), f"{path}.ip", out)
    if host := address.get("hostname"):
        formats.dns_label(host, f"{path}.hostname", out)
    if (node := address.get("nodeName")) is not None:
        formats.name(node, validation_text.dns_subdomain, f"{path}.nodeName", out)
    formats.reachable_ip(address.get("ip", ""), f"{path}.ip", out)


def _port(port: Obj, needs_name: bool, path: str, out: Errors) -> None:
    if name := port.get("name"):
        formats.dns_label(name, f"{path}.name", out)
    elif needs_name:
        out.append(required(f"{path}.name"))
    formats.port_number(port.get("port", 0), f"{path}.port", out)
    if port.get("protocol") not in PROTOCOLS:
        formats.one_of(port.get("protocol"), PROTOCOLS, f"{path}.protocol", out)
    if (protocol := port.get("appProtocol")) is not None:
        formats.name(protocol, validation_text.qualified_name, f"{path}.appProtocol", out)


def _shown(endpoints: Obj, now: float) -> str:
    shown: list[str] = []
    count = 0
    for subset in endpoints.get("subsets") or ():
        addresses, ports = subset.get("addresses") or (), subset.get("ports") or ()
        if not ports:
            texts = [address.get("ip", "") for address in addresses]
        else:
            texts = [_joined(address.get("ip", ""), port["port"]) for port in ports for address in addresses]
        count += len(texts)
        shown += texts[: _SHOWN - len(shown)]
    if not shown:
        return NONE
    return ",".join(shown) + (f" + {count - _SHOWN} more..." if count > _SHOWN else "")


def _joined(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


STRATEGY = Strategy(
    default=tidies("core.v1.Endpoints", _default),
    validate=_validate,
    has_status=False,
    create_on_update=True,
    columns=(NAME, Column("Endpoints", _shown), AGE),
    deprecated="v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice",
)
