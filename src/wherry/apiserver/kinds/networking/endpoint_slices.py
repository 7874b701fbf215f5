"""EndpointSlice (discovery.k8s.io)."""

from __future__ import annotations

from wherry.api import validation_text
from wherry.api.fieldpath import duplicate, invalid_value, not_supported, required, too_many
from wherry.api.schema import Obj
from wherry.apiserver.kinds.columns import AGE, NAME, UNSET, capped
from wherry.apiserver.kinds.stanzas import formats
from wherry.apiserver.kinds.stanzas.formats import Errors
from wherry.apiserver.kinds.wire import tidies
from wherry.apiserver.registry.strategy import Column, Context, Strategy

_ADDRESS_TYPES = ("FQDN", "IPv4", "IPv6")
_PROTOCOLS = ("SCTP", "TCP", "UDP")
_MAX_ENDPOINTS, _MAX_ADDRESSES, _MAX_PORTS, _MAX_HINTS = 1000, 100, 20000, 8


def _default(slice_: Obj) -> None:
    for port in slice_.get("ports") or ():
        if port.get("name") is None:
            port["name"] = ""
        if port.get("protocol") is None:
            port["protocol"] = "TCP"


def _prepare_create(slice_: Obj, context: Context) -> None:
    slice_["metadata"]["generation"] = 1


def _prepare_update(new: Obj, old: Obj, context: Context) -> None:
    """Everything but metadata counts, and there is no spec stanza to hold it."""
    fields = ("addressType", "endpoints", "ports")
    labels = new["metadata"].get("labels") != old["metadata"].get("labels")
    generation = old["metadata"].get("generation", 1)
    changed = labels or any(new.get(field) != old.get(field) for field in fields)
    new["metadata"]["generation"] = generation + 1 if changed else generation


def _validate(slice_: Obj) -> Errors:
    out: Errors = []
    kind = slice_.get("addressType", "")
    if kind not in _ADDRESS_TYPES:
        formats.one_of(kind, _ADDRESS_TYPES, "addressType", out)
    _ports(slice_.get("ports") or (), out)
    endpoints = slice_.get("endpoints") or ()
    if len(endpoints) > _MAX_ENDPOINTS:
        out.append(too_many("endpoints", len(endpoints), _MAX_ENDPOINTS))
    else:
        for i, endpoint in enumerate(endpoints):
            _endpoint(endpoint, kind, f"endpoints[{i}]", out)
    return out


def _endpoint(endpoint: Obj, kind: str, path: str, out: Errors) -> None:
    addresses = endpoint.get("addresses") or ()
    if not addresses:
        out.append(required(f"{path}.addresses", "must contain at least 1 address"))
    elif len(addresses) > _MAX_ADDRESSES:
        out.append(too_many(f"{path}.addresses", len(addresses), _MAX_ADDRESSES))
    for i, address in enumerate(addresses):
        _address(address, kind, f"{path}.addresses", i, out)
    if (node := endpoint.get("nodeName")) is not None:
        formats.name(node, validation_text.dns_subdomain, f"{path}.nodeName", out)
    if endpoint.get("hostname") is not None:
        formats.dns_label(endpoint["hostname"], f"{path}.hostname", out)
    for field in ("forZones", "forNodes"):
        hints = (endpoint.get("hints") or {}).get(field) or ()
        if len(hints) > _MAX_HINTS:
            out.append(too_many(f"{path}.hints.{field}", len(hints), _MAX_HINTS))
            continue
        seen: set[str] = set()
        for i, hint in enumerate(hints):
            name = hint.get("name", "")
            if name in seen:
                out.append(duplicate(f"{path}.hints.{field}[{i}].name", name))
            seen.add(name)
            formats.name(name, validation_text.label_value, f"{path}.hints.{field}[{i}].name", out)


def _address(address: str, kind: str, path: str, index: int, out: Errors) -> None:
    here = f"{path}[{index}]"
    if kind == "FQDN":
        formats.name(address.removesuffix("."), validation_text.dns_subdomain, here, out)
        return
    version = {"IPv4": 4, "IPv6": 6}.get(kind)
    if version is None:
        return
    parsed = formats.parse_ip(address)
    if parsed is None:
        formats.ip(address, here, out)
    elif parsed.version != version:
        out.append(invalid_value(path, address, f"must be an {kind} address"))
    else:
        formats.reachable_ip(address, here, out)


def _ports(ports: list[Obj] | tuple[Obj, ...], out: Errors) -> None:
    if len(ports) > _MAX_PORTS:
        out.append(too_many("ports", len(ports), _MAX_PORTS))
        return
    names: set[str] = set()
    for i, port in enumerate(ports):
        path, name = f"ports[{i}]", port.get("name") or ""
        if name:
            formats.dns_label(name, f"{path}.name", out)
        if name in names:
            out.append(duplicate(f"{path}.name", name))
        names.add(name)
        protocol = port.get("protocol")
        if protocol is None:
            out.append(required(f"{path}.protocol"))
        elif protocol not in _PROTOCOLS:
            out.append(not_supported(f"{path}.protocol", protocol, _PROTOCOLS))
        if (application := port.get("appProtocol")) is not None:
            formats.name(application, validation_text.qualified_name, f"{path}.appProtocol", out)


def _validate_update(new: Obj, old: Obj) -> Errors:
    out: Errors = []
    formats.immutable(new.get("addressType"), old.get("addressType"), "addressType", out)
    return out


def _shown_ports(slice_: Obj, now: float) -> str:
    ports = slice_.get("ports") or ()
    if not ports:
        return UNSET
    texts = []
    for port in ports:
        name = port.get("name") or ""
        number = port.get("port")
        texts.append(name if number is None and name else "*" if number is None else str(number))
    return capped(texts)


def _shown_endpoints(slice_: Obj, now: float) -> str:
    endpoints = slice_.get("endpoints") or ()
    if not endpoints:
        return UNSET
    return capped(address for endpoint in endpoints for address in endpoint.get("addresses") or ())


STRATEGY = Strategy(
    default=tidies("discovery.v1.EndpointSlice", _default),
    prepare_create=_prepare_create,
    prepare_update=_prepare_update,
    validate=_validate,
    validate_update=_validate_update,
    has_status=False,
    create_on_update=False,
    columns=(
        NAME,
        Column("AddressType", lambda obj, now: obj.get("addressType", "")),
        Column("Ports", _shown_ports),
        Column("Endpoints", _shown_endpoints),
        AGE,
    ),
)
