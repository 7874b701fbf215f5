"""ResourceQuota and LimitRange."""

from __future__ import annotations

from typing import Any

from wherry.api import quantity, validation_text
from wherry.api.fieldpath import duplicate, forbidden_field, invalid_value, required
from wherry.api.schema import Obj
from wherry.apiserver.kinds.columns import AGE, NAME, at
from wherry.apiserver.kinds.stanzas import formats, resources
from wherry.apiserver.kinds.stanzas.formats import Errors
from wherry.apiserver.kinds.wire import tidies
from wherry.apiserver.registry.strategy import Column, Context, Strategy

_SCOPES = (
    "BestEffort",
    "CrossNamespacePodAffinity",
    "NotBestEffort",
    "NotTerminating",
    "PriorityClass",
    "Terminating",
    "VolumeAttributesClass",
)
_OPPOSITES = (("BestEffort", "NotBestEffort"), ("Terminating", "NotTerminating"))
_PODS_ONLY = frozenset(
    [
        "pods",
        "cpu",
        "memory",
        "ephemeral-storage",
        "requests.cpu",
        "requests.memory",
        "limits.cpu",
        "limits.memory",
    ]
)


def _prepare_quota(quota: Obj, context: Context) -> None:
    quota["status"] = {}


def _prepare_quota_update(new: Obj, old: Obj, context: Context) -> None:
    new["status"] = old.get("status", {})


def _validate_quota(quota: Obj) -> Errors:
    out: Errors = []
    spec = quota["spec"]
    for name, value in (spec.get("hard") or {}).items():
        resources.quota_resource_name(name, f"spec.hard[{name}]", out)
        resources.quantity_value(name, value, f"spec.hard[{name}]", out)
    scopes = spec.get("scopes") or []
    for scope in scopes:
        if scope not in _SCOPES:
            out.append(invalid_value("spec.scopes", scopes, "unsupported scope"))
        elif (scope == "BestEffort" and set(spec.get("hard") or ()) & (resources.QUOTA - {"pods"})) or (
            scope != "BestEffort" and set(spec.get("hard") or ()) & (resources.QUOTA - _PODS_ONLY)
        ):
            out.append(invalid_value("spec.scopes", scopes, "unsupported scope applied to resource"))
    if any(set(pair) <= set(scopes) for pair in _OPPOSITES):
        out.append(invalid_value("spec.scopes", scopes, "conflicting scopes"))
    for rule in (spec.get("scopeSelector") or {}).get("matchExpressions") or ():
        _scope_rule(rule, "spec.scopeSelector.matchExpressions", out)
    return out


def _scope_rule(rule: Obj, path: str, out: Errors) -> None:
    scope, operator, values = rule.get("scopeName", ""), rule.get("operator", ""), rule.get("values") or ()
    if scope not in _SCOPES:
        out.append(invalid_value(f"{path}.scopeName", scope, "unsupported scope"))
    if operator in ("In", "NotIn"):
        if not values:
            message = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"
            out.append(required(f"{path}.values", message))
    elif operator in ("Exists", "DoesNotExist"):
        if values:
            message = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"
            out.append(invalid_value(f"{path}.values", values, message))
    else:
        out.append(invalid_value(f"{path}.operator", operator, "not a valid selector operator"))


def _validate_quota_update(new: Obj, old: Obj) -> Errors:
    after, before = new["spec"].get("scopes") or [], old["spec"].get("scopes") or []
    if set(after) == set(before):
        return []
    return [invalid_value("spec.scopes", after, formats.IMMUTABLE)]


def _used(quota: Obj, limits: bool) -> str:
    hard, used = at(quota, "status.hard", {}), at(quota, "status.used", {})
    names = sorted(name for name in hard if name.startswith("limits.") == limits)
    return ", ".join(f"{name}: {used.get(name, '0')}/{hard[name]}" for name in names)


QUOTA = Strategy(
    default=tidies("core.v1.ResourceQuota"),
    prepare_create=_prepare_quota,
    prepare_update=_prepare_quota_update,
    validate=_validate_quota,
    validate_update=_validate_quota_update,
    columns=(
        NAME,
        Column("Request", lambda obj, now: _used(obj, limits=False)),
        Column("Limit", lambda obj, now: _used(obj, limits=True)),
        AGE,
    ),
)


def _default_limits(limit_range: Obj) -> None:
    for item in limit_range["spec"].get("limits") or ():
        if item.get("type") != "Container":
            continue
        default = {**(item.get("max") or {}), **(item.get("default") or {})}
        request = {**(item.get("min") or {}), **default, **(item.get("defaultRequest") or {})}
        for field, values in (("default", default), ("defaultRequest", request)):
            if values:
                item[field] = values


_KINDS = ("max", "min", "default", "defaultRequest", "maxLimitRequestRatio")


def _validate_limits(limit_range: Obj) -> Errors:
    out: Errors = []
    seen: set[str] = set()
    for i, item in enumerate(limit_range["spec"].get("limits") or ()):
        path, kind = f"spec.limits[{i}]", item.get("type", "")
        if problems := validation_text.qualified_name(kind):
            formats.complain(problems, f"{path}.type", kind, out)
        elif "/" not in kind and kind not in ("Pod", "Container", "PersistentVolumeClaim"):
            out.append(
                invalid_value(f"{path}.type", kind, "must be a standard limit type or fully qualified")
            )
        if kind in seen:
            out.append(duplicate(f"{path}.type", kind))
        seen.add(kind)
        for field in _KINDS:
            if kind == "Pod" and field in ("default", "defaultRequest"):
                if item.get(field):
                    message = "may not be specified when `type` is 'Pod'"
                    out.append(forbidden_field(f"{path}.{field}", message))
                continue
            for name in item.get(field) or ():
                rule = (
                    resources.container_resource_name
                    if kind in ("Pod", "Container")
                    else resources.resource_name
                )
                rule(name, f"{path}.{field}[{name}]", out)
        if kind == "PersistentVolumeClaim" and not any(
            "storage" in (item.get(f) or {}) for f in ("min", "max")
        ):
            message = "either minimum or maximum storage value is required, but neither was provided"
            out.append(required(f"{path}.limits", message))
        _consistent(item, path, out)
    return out


# (lower, higher, field complained about, which of the two is shown, wording)
_ORDER = (
    ("min", "max", "min", "min", "min value {} is greater than max value {}"),
    (
        "min",
        "defaultRequest",
        "defaultRequest",
        "defaultRequest",
        "min value {} is greater than default request value {}",
    ),
    (
        "defaultRequest",
        "max",
        "defaultRequest",
        "defaultRequest",
        "default request value {} is greater than max value {}",
    ),
    (
        "defaultRequest",
        "default",
        "defaultRequest",
        "defaultRequest",
        "default request value {} is greater than default limit value {}",
    ),
    ("min", "default", "default", "min", "min value {} is greater than default value {}"),
    ("default", "max", "default", "max", "default value {} is greater than max value {}"),
)


def _consistent(item: Obj, path: str, out: Errors) -> None:
    values: dict[str, Any] = {field: item.get(field) or {} for field in _KINDS}
    for name in sorted({name for found in values.values() for name in found}):
        for lower, higher, field, shown, wording in _ORDER:
            low, high = values[lower].get(name), values[higher].get(name)
            if low is not None and high is not None and quantity.parse(low) > quantity.parse(high):
                where = f"{path}.{field}[{name}]"
                out.append(invalid_value(where, str(values[shown][name]), wording.format(low, high)))
        ratio = values["maxLimitRequestRatio"].get(name)
        if ratio is not None and quantity.parse(ratio) < 1:
            where = f"{path}.maxLimitRequestRatio[{name}]"
            out.append(invalid_value(where, str(ratio), f"ratio {ratio} is less than 1"))


LIMIT_RANGE = Strategy(
    default=tidies("core.v1.LimitRange", _default_limits),
    validate=_validate_limits,
    has_status=False,
)
