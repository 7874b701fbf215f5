"""PodDisruptionBudget."""

from __future__ import annotations

from wherry.api.fieldpath import invalid_value, not_supported
from wherry.api.schema import Obj
from wherry.apiserver.kinds.columns import AGE, NAME, at
from wherry.apiserver.kinds.stanzas import selectors, workloads
from wherry.apiserver.kinds.stanzas.formats import Errors
from wherry.apiserver.kinds.wire import tidies
from wherry.apiserver.registry.strategy import Column, Context, Strategy

_NOTHING = {"currentHealthy": 0, "desiredHealthy": 0, "disruptionsAllowed": 0, "expectedPods": 0}
_POLICIES = ("AlwaysAllow", "IfHealthyBudget")


def _prepare_create(budget: Obj, context: Context) -> None:
    budget["status"] = dict(_NOTHING)


def _prepare_update(new: Obj, old: Obj, context: Context) -> None:
    new["status"] = old.get("status", dict(_NOTHING))


def _validate(budget: Obj) -> Errors:
    out: Errors = []
    spec = budget["spec"]
    least, most = spec.get("minAvailable"), spec.get("maxUnavailable")
    if least is not None and most is not None:
        message = "minAvailable and maxUnavailable cannot be both set"
        shown = {"MinAvailable": least, "Selector": spec.get("selector"), "MaxUnavailable": most}
        out.append(invalid_value("spec", {**shown, "UnhealthyPodEvictionPolicy": None}, message))
    for value, field in ((least, "minAvailable"), (most, "maxUnavailable")):
        if value is not None:
            workloads.number_or_percent(value, f"spec.{field}", out)
            workloads.not_above_all(value, f"spec.{field}", out)
    selectors.label_selector(spec.get("selector"), "spec.selector", out)
    policy = spec.get("unhealthyPodEvictionPolicy")
    if policy is not None and policy not in _POLICIES:
        out.append(not_supported("spec.unhealthyPodEvictionPolicy", policy, _POLICIES))
    return out


def _validate_status(new: Obj, old: Obj) -> Errors:
    out: Errors = []
    workloads.status_counts(new.get("status") or {}, out, tuple(_NOTHING))
    return out


def _shown(budget: Obj, field: str) -> str:
    value = at(budget, f"spec.{field}", None)
    return "N/A" if value is None else str(value)


STRATEGY = Strategy(
    default=tidies("policy.v1.PodDisruptionBudget"),
    prepare_create=_prepare_create,
    prepare_update=_prepare_update,
    validate=_validate,
    validate_status=_validate_status,
    generation=True,
    unconditional_update=False,
    columns=(
        NAME,
        Column("Min Available", lambda obj, now: _shown(obj, "minAvailable")),
        Column("Max Unavailable", lambda obj, now: _shown(obj, "maxUnavailable")),
        Column(
            "Allowed Disruptions", lambda obj, now: at(obj, "status.disruptionsAllowed", 0), type="integer"
        ),
        AGE,
    ),
)
