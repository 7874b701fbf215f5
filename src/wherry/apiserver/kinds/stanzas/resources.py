"""Resource requests and limits: names, quantities, and how the two fit together."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from wherry.api import quantity, validation_text
from wherry.api.fieldpath import (
    FieldError,
    duplicate,
    forbidden_field,
    invalid_value,
    not_supported,
    required,
)
from wherry.api.schema import Obj
from wherry.apiserver.kinds.stanzas import formats
from wherry.apiserver.kinds.stanzas.formats import Errors

NameRule = Callable[[str, str, Errors], None]

CONTAINER = frozenset({"cpu", "memory", "ephemeral-storage"})
QUOTA = frozenset(
    [
        "cpu",
        "memory",
        "ephemeral-storage",
        "requests.cpu",
        "requests.memory",
        "requests.storage",
        "requests.ephemeral-storage",
        "limits.cpu",
        "limits.memory",
        "limits.ephemeral-storage",
        "pods",
        "resourcequotas",
        "services",
        "replicationcontrollers",
        "secrets",
        "persistentvolumeclaims",
        "configmaps",
        "services.nodeports",
        "services.loadbalancers",
    ]
)
STANDARD = QUOTA | {"storage"}
_COUNTED = frozenset(
    [
        "pods",
        "resourcequotas",
        "services",
        "replicationcontrollers",
        "secrets",
        "configmaps",
        "persistentvolumeclaims",
        "services.nodeports",
        "services.loadbalancers",
    ]
)
_HUGE = "hugepages-"


def is_huge(name: str) -> bool:
    return name.startswith(_HUGE)


def is_native(name: str) -> bool:
    return "/" not in name or "kubernetes.io/" in name


def overcommits(name: str) -> bool:
    """Whether a request may be lower than its limit."""
    return is_native(name) and not is_huge(name)


def is_extended(name: str) -> bool:
    if is_native(name) or name.startswith("requests."):
        return False
    return not validation_text.qualified_name(f"requests.{name}")


def resource_name(name: str, path: str, out: Errors) -> None:
    """Any compute resource (validateResourceName)."""
    if problems := validation_text.qualified_name(name):
        formats.complain(problems, path, name, out)
    elif "/" not in name and name not in STANDARD and not is_huge(name):
        out.append(invalid_value(path, name, "must be a standard resource type or fully qualified"))


def container_resource_name(name: str, path: str, out: Errors) -> None:
    resource_name(name, path, out)
    if "/" not in name:
        if name not in CONTAINER and not is_huge(name):
            out.append(invalid_value(path, name, "must be a standard resource for containers"))
    elif not is_native(name) and not is_extended(name):
        out.append(invalid_value(path, name, "doesn't follow extended resource name standard"))


def pod_resource_name(name: str, path: str, out: Errors) -> None:
    before = len(out)
    resource_name(name, path, out)
    if len(out) == before and name not in ("cpu", "memory") and not is_huge(name):
        out.append(not_supported(path, name, ("cpu", "hugepages-", "memory")))


def quota_resource_name(name: str, path: str, out: Errors) -> None:
    resource_name(name, path, out)
    if "/" not in name and name not in QUOTA and not name.startswith(("requests.hugepages-", _HUGE)):
        out.append(invalid_value(path, name, "must be a standard resource for quota"))


def quantity_value(name: str, value: Any, path: str, out: Errors) -> None:
    """Not negative, and whole where the resource is counted (ValidateResourceQuantityValue)."""
    amount = quantity.parse(value)
    if amount < 0:
        out.append(invalid_value(path, str(value), formats.NOT_NEGATIVE))
    if amount.denominator != 1 and (name in _COUNTED or is_extended(name)):
        out.append(invalid_value(path, str(value), "must be an integer"))


def requirements(
    found: Obj,
    path: str,
    out: Errors,
    *,
    claims: frozenset[str] = frozenset(),
    name_rule: NameRule = container_resource_name,
) -> None:
    """v1.ResourceRequirements, of a container or (with another name rule) a pod or a claim."""
    limits, requests = found.get("limits") or {}, found.get("requests") or {}
    for kind, values in (("limits", limits), ("requests", requests)):
        for name, value in values.items():
            here = f"{path}.{kind}[{name}]"
            # The names everybody uses need no rule.
            if name not in ("cpu", "memory"):
                name_rule(name, here, out)
            quantity_value(name, value, here, out)
            if kind == "requests":
                _fits(name, value, limits, path, out)
            if is_huge(name):
                _whole_pages(name, value, here, out)
    everything = limits.keys() | requests.keys()
    if any(map(is_huge, everything)) and not everything & {"cpu", "memory"}:
        out.append(forbidden_field(path, "HugePages require cpu or memory"))
    if found.get("claims"):
        _claims(found["claims"], claims, f"{path}.claims", out)


def _fits(name: str, value: Any, limits: Obj, path: str, out: Errors) -> None:
    limit = limits.get(name)
    if limit is None:
        if not overcommits(name):
            message = "Limit must be set for non overcommitable resources"
            out.append(required(f"{path}.limits", message))
        return
    asked, most = quantity.parse(value), quantity.parse(limit)
    if asked != most and not overcommits(name):
        message = f"must be equal to {name} limit of {limit}"
        out.append(invalid_value(f"{path}.requests", str(value), message))
    elif asked > most:
        message = f"must be less than or equal to {name} limit of {limit}"
        out.append(invalid_value(f"{path}.requests", str(value), message))


def _whole_pages(name: str, value: Any, path: str, out: Errors) -> None:
    size = name.removeprefix(_HUGE)
    if not re.fullmatch(r"[0-9.]+[A-Za-z]*", size) or not quantity.is_valid(size):
        return
    page = quantity.parse(size)
    if page and (quantity.parse(value) % page or quantity.parse(value) < 0):
        out.append(invalid_value(path, str(value), f"{value} is not positive integer multiple of {name}"))


def _claims(found: list[Obj], known: frozenset[str], path: str, out: Errors) -> None:
    seen: set[str] = set()
    for i, claim in enumerate(found):
        here, name = f"{path}[{i}]", claim.get("name", "")
        if not name:
            out.append(required(here))
            continue
        if (request := claim.get("request")) and name not in seen:
            formats.dns_label(request, f"{here}.request", out)
        key = f"{name}/{request}" if request else name
        if name in seen or key in seen:
            out.append(duplicate(here, name if name in seen else key))
        elif not request:
            out.extend(duplicate(here, name) for other in sorted(seen) if other.startswith(f"{name}/"))
        seen.add(key)
        if name not in known:
            out.append(FieldError("FieldValueNotFound", here, name, _must_be_known(known)))


def _must_be_known(known: Iterable[str]) -> str:
    names = sorted(known)
    return "must be one of the names in pod.spec.resourceClaims" + (
        ": " + ", ".join(names) if names else " which is empty"
    )
