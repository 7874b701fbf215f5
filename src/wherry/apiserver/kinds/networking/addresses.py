"""IPAddress and ServiceCIDR."""

from __future__ import annotations

import ipaddress

from wherry.api.fieldpath import invalid_value, required
from wherry.api.schema import Obj
from wherry.apiserver.kinds.columns import AGE, NAME, NONE, at
from wherry.apiserver.kinds.stanzas import formats
from wherry.apiserver.kinds.stanzas.formats import Errors
from wherry.apiserver.kinds.wire import tidies
from wherry.apiserver.registry.strategy import Column, Context, Strategy


def _ip_name(name: str) -> list[str]:
    """The canonical text of an address."""
    try:
        canonical = str(ipaddress.ip_address(name))
    except ValueError:
        return ["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"]
    return [] if canonical == name else ["must be a canonical format IP address"]


def _validate_address(address: Obj) -> Errors:
    out: Errors = []
    parent = address["spec"].get("parentRef")
    if parent is None:
        out.append(required("spec.parentRef"))
        return out
    for field in ("resource", "name"):
        if not parent.get(field):
            out.append(required(f"spec.parentRef.{field}"))
    return out


def _validate_address_update(new: Obj, old: Obj) -> Errors:
    out: Errors = []
    formats.immutable(new["spec"].get("parentRef"), old["spec"].get("parentRef"), "spec.parentRef", out)
    return out


def _parent(address: Obj, now: float) -> str:
    parent = at(address, "spec.parentRef", {})
    parts = (parent.get("resource"), parent.get("namespace"), parent.get("name"))
    group = f".{parent['group']}" if parent.get("group") else ""
    return "/".join(str(part) + (group if i == 0 else "") for i, part in enumerate(parts) if part) or NONE


IP_ADDRESS = Strategy(
    default=tidies("networking.v1.IPAddress"),
    validate=_validate_address,
    validate_update=_validate_address_update,
    name_rule=_ip_name,
    has_status=False,
    generation=True,
    columns=(NAME, Column("ParentRef", _parent)),
)


def _prepare_cidr(cidr: Obj, context: Context) -> None:
    cidr["status"] = {}


def _validate_cidr(cidr: Obj) -> Errors:
    out: Errors = []
    found = cidr["spec"].get("cidrs") or []
    if not found:
        out.append(required("spec.cidrs", "at least one CIDR required"))
    if len(found) > 2:
        out.append(invalid_value("spec", cidr["spec"], "may only hold up to 2 values"))
    for i, text in enumerate(found):
        formats.cidr(text, f"spec.cidrs[{i}]", out)
    if len(found) == 2 and len({":" in text for text in found}) < 2:
        message = f"may specify no more than one IP for each IP family, i.e {found}"
        out.append(invalid_value("spec", cidr["spec"], message))
    return out


SERVICE_CIDR = Strategy(
    default=tidies("networking.v1.ServiceCIDR"),
    prepare_create=_prepare_cidr,
    validate=_validate_cidr,
    generation=True,
    columns=(NAME, Column("CIDRs", lambda obj, now: ",".join(at(obj, "spec.cidrs", ()))), AGE),
)
