"""NetworkPolicy."""

from __future__ import annotations

import ipaddress

from wherry.api.fieldpath import FieldError, forbidden_field, invalid_value, not_supported, required
from wherry.api.schema import Obj
from wherry.apiserver.kinds.columns import AGE, NAME, at, selector_text
from wherry.apiserver.kinds.stanzas import formats, selectors
from wherry.apiserver.kinds.stanzas.formats import Errors
from wherry.apiserver.kinds.wire import tidies
from wherry.apiserver.registry.strategy import Column, Strategy

_PROTOCOLS = ("TCP", "UDP", "SCTP")
_TYPES = ("Ingress", "Egress")


def _default(policy: Obj) -> None:
    spec = policy["spec"]
    for direction in ("ingress", "egress"):
        for rule in spec.get(direction) or ():
            for port in rule.get("ports") or ():
                port.setdefault("protocol", "TCP")
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]


def _validate(policy: Obj) -> Errors:
    out: Errors = []
    spec = policy["spec"]
    selectors.label_selector(spec.get("podSelector"), "spec.podSelector", out)
    for direction, peers in (("ingress", "from"), ("egress", "to")):
        for i, rule in enumerate(spec.get(direction) or ()):
            path = f"spec.{direction}[{i}]"
            for j, port in enumerate(rule.get("ports") or ()):
                _port(port, f"{path}.ports[{j}]", out)
            for j, peer in enumerate(rule.get(peers) or ()):
                _peer(peer, f"{path}.{peers}[{j}]", out)
    types = spec.get("policyTypes") or []
    if len(types) > 2:
        out.append(invalid_value("spec.policyTypes", types, "may not specify more than two policyTypes"))
    else:
        for i, kind in enumerate(types):
            if kind not in _TYPES:
                out.append(not_supported(f"spec.policyTypes[{i}]", kind, _TYPES))
    return out


def _port(port: Obj, path: str, out: Errors) -> None:
    protocol, number, end = port.get("protocol"), port.get("port"), port.get("endPort")
    if protocol is not None and protocol not in _PROTOCOLS:
        out.append(not_supported(f"{path}.protocol", protocol, _PROTOCOLS))
    if number is not None:
        formats.port(number, f"{path}.port", out)
    if end is None:
        return
    if number is None:
        message = "may not be specified when `port` is not specified"
        out.append(invalid_value(f"{path}.endPort", end, message))
    elif not isinstance(number, int):
        message = "may not be specified when `port` is non-numeric"
        out.append(invalid_value(f"{path}.endPort", end, message))
    else:
        formats.port_number(end, f"{path}.endPort", out)
        if end < number:
            message = "must be greater than or equal to `port`"
            out.append(invalid_value(f"{path}.endPort", number, message))


def _peer(peer: Obj, path: str, out: Errors) -> None:
    for field in ("podSelector", "namespaceSelector"):
        selectors.label_selector(peer.get(field), f"{path}.{field}", out)
    block = peer.get("ipBlock")
    if block is not None:
        _block(block, f"{path}.ipBlock", out)
    given = [
        field for field in ("podSelector", "namespaceSelector", "ipBlock") if peer.get(field) is not None
    ]
    if not given:
        out.append(required(path, "must specify a peer"))
    elif block is not None and len(given) > 1:
        out.append(forbidden_field(path, "may not specify both ipBlock and another peer"))


def _block(block: Obj, path: str, out: Errors) -> None:
    text = block.get("cidr", "")
    if not text:
        out.append(required(f"{path}.cidr"))
        return
    before = len(out)
    formats.cidr(text, f"{path}.cidr", out)
    if len(out) > before:
        return
    whole = ipaddress.ip_network(text, strict=False)
    for i, part in enumerate(block.get("except") or ()):
        here: list[FieldError] = []
        formats.cidr(part, f"{path}.except[{i}]", here)
        out += here
        if here:
            continue
        inner = ipaddress.ip_network(part, strict=False)
        if inner.version != whole.version or inner == whole or not _within(inner, whole):
            message = "must be a strict subset of `cidr`"
            out.append(invalid_value(f"{path}.except[{i}]", part, message))


def _within(
    inner: ipaddress.IPv4Network | ipaddress.IPv6Network, whole: ipaddress.IPv4Network | ipaddress.IPv6Network
) -> bool:
    return inner.network_address in whole and inner.broadcast_address in whole


STRATEGY = Strategy(
    default=tidies("networking.v1.NetworkPolicy", _default),
    validate=_validate,
    has_status=False,
    generation=True,
    columns=(
        NAME,
        Column("Pod-Selector", lambda obj, now: selector_text(at(obj, "spec.podSelector", {}))),
        AGE,
    ),
)
