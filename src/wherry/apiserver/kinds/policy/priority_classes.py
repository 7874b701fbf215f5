"""PriorityClass (scheduling.k8s.io)."""

from __future__ import annotations

from wherry.api import validation_text
from wherry.api.fieldpath import forbidden_field, not_supported
from wherry.api.schema import Obj
from wherry.apiserver.kinds.columns import AGE, NAME
from wherry.apiserver.kinds.stanzas import formats
from wherry.apiserver.kinds.stanzas.formats import Errors
from wherry.apiserver.kinds.wire import tidies
from wherry.apiserver.registry.strategy import Column, Strategy

HIGHEST_USER_PRIORITY = 1_000_000_000
SYSTEM_CLASSES = {
    "system-node-critical": 2_000_001_000,
    "system-cluster-critical": 2_000_000_000,
}
_POLICIES = ("PreemptLowerPriority", "Never")


def _default(priority_class: Obj) -> None:
    if priority_class.get("preemptionPolicy") is None:
        priority_class["preemptionPolicy"] = "PreemptLowerPriority"


def _validate(priority_class: Obj) -> Errors:
    out: Errors = []
    name, value = priority_class["metadata"].get("name", ""), priority_class.get("value", 0)
    if name.startswith("system-"):
        if SYSTEM_CLASSES.get(name) != value or priority_class.get("globalDefault"):
            message = "priority class names with 'system-' prefix are reserved for system use only"
            known = name in SYSTEM_CLASSES
            detail = (
                f"{message}. error: {name} is not a known system priority class" if not known else message
            )
            out.append(forbidden_field("metadata.name", detail))
    elif value > HIGHEST_USER_PRIORITY:
        message = f"maximum allowed value of a user defined priority is {HIGHEST_USER_PRIORITY}"
        out.append(forbidden_field("value", message))
    policy = priority_class.get("preemptionPolicy")
    if policy is not None and policy not in _POLICIES:
        out.append(not_supported("preemptionPolicy", policy, _POLICIES))
    return out


def _validate_update(new: Obj, old: Obj) -> Errors:
    out: Errors = []
    if new.get("value", 0) != old.get("value", 0):
        out.append(forbidden_field("value", "may not be changed in an update."))
    formats.immutable(new.get("preemptionPolicy"), old.get("preemptionPolicy"), "preemptionPolicy", out)
    return out


STRATEGY = Strategy(
    default=tidies("scheduling.v1.PriorityClass", _default),
    validate=_validate,
    validate_update=_validate_update,
    name_rule=validation_text.dns_subdomain,
    has_status=False,
    generation=True,
    columns=(
        NAME,
        Column("Value", lambda obj, now: obj.get("value", 0), type="integer"),
        Column("Global-Default", lambda obj, now: bool(obj.get("globalDefault")), type="boolean"),
        AGE,
        Column("PreemptionPolicy", lambda obj, now: obj.get("preemptionPolicy", "")),
    ),
)
