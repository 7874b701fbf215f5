"""Deployment."""

from __future__ import annotations

from wherry.api.fieldpath import forbidden_field, invalid_value, not_supported
from wherry.api.schema import Obj
from wherry.apiserver.kinds.columns import AGE, NAME, at, selector_text, template_columns
from wherry.apiserver.kinds.core.pod_warnings import template_warnings
from wherry.apiserver.kinds.stanzas import formats, pod_defaults, workloads
from wherry.apiserver.kinds.stanzas.formats import Errors
from wherry.apiserver.kinds.wire import tidies
from wherry.apiserver.registry.strategy import Column, Context, Strategy

SCALE = {"spec": "spec.replicas", "status": "status.replicas", "selector": "spec.selector"}
_COUNTS = ("observedGeneration", "replicas", "updatedReplicas", "readyReplicas", "availableReplicas")


def _default(deployment: Obj) -> None:
    spec = deployment["spec"]
    pod_defaults.pod_spec(spec["template"]["spec"])
    spec.setdefault("replicas", 1)
    strategy = spec["strategy"]
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        rolling.setdefault("maxUnavailable", "25%")
        rolling.setdefault("maxSurge", "25%")
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("progressDeadlineSeconds", 600)


def _prepare_create(deployment: Obj, context: Context) -> None:
    deployment["status"] = {}


def _prepare_update(new: Obj, old: Obj, context: Context) -> None:
    new["status"] = old.get("status", {})


def _validate(deployment: Obj) -> Errors:
    out: Errors = []
    spec = deployment["spec"]
    formats.not_negative(spec.get("replicas"), "spec.replicas", out)
    workloads.selected_template(spec, "ReplicaSet", out)
    _strategy(spec["strategy"], out)
    formats.not_negative(spec.get("minReadySeconds"), "spec.minReadySeconds", out)
    formats.not_negative(spec.get("revisionHistoryLimit"), "spec.revisionHistoryLimit", out)
    deadline = spec.get("progressDeadlineSeconds")
    if deadline is not None:
        formats.not_negative(deadline, "spec.progressDeadlineSeconds", out)
        if deadline <= spec.get("minReadySeconds", 0):
            message = "must be greater than minReadySeconds"
            out.append(invalid_value("spec.progressDeadlineSeconds", deadline, message))
    return out


def _strategy(strategy: Obj, out: Errors) -> None:
    kind, rolling = strategy.get("type"), strategy.get("rollingUpdate")
    if kind == "Recreate":
        if rolling is not None:
            message = "may not be specified when strategy `type` is 'Recreate'"
            out.append(forbidden_field("spec.strategy.rollingUpdate", message))
    elif kind == "RollingUpdate":
        path = "spec.strategy.rollingUpdate"
        fewer, more = (rolling or {}).get("maxUnavailable"), (rolling or {}).get("maxSurge")
        workloads.number_or_percent(fewer, f"{path}.maxUnavailable", out)
        workloads.number_or_percent(more, f"{path}.maxSurge", out)
        if workloads.amount(fewer) == 0 and workloads.amount(more) == 0:
            message = "may not be 0 when `maxSurge` is 0"
            out.append(invalid_value(f"{path}.maxUnavailable", fewer, message))
        workloads.not_above_all(fewer, f"{path}.maxUnavailable", out)
    else:
        out.append(not_supported("spec.strategy", _go(strategy), ("Recreate", "RollingUpdate")))


def _go(strategy: Obj) -> Obj:
    rolling = strategy.get("rollingUpdate")
    shown = rolling and {"MaxUnavailable": rolling.get("maxUnavailable"), "MaxSurge": rolling.get("maxSurge")}
    return {"Type": strategy.get("type", ""), "RollingUpdate": shown}


def _validate_update(new: Obj, old: Obj) -> Errors:
    out: Errors = []
    formats.immutable(new["spec"].get("selector"), old["spec"].get("selector"), "spec.selector", out)
    return out


def _validate_status(new: Obj, old: Obj) -> Errors:
    out: Errors = []
    status = new.get("status") or {}
    workloads.status_counts(status, out, (*_COUNTS, "unavailableReplicas", "terminatingReplicas"))
    for field in ("updatedReplicas", "readyReplicas", "availableReplicas"):
        workloads.at_most(status, field, "replicas", "cannot be greater than status.replicas", out)
    workloads.at_most(
        status, "availableReplicas", "readyReplicas", "cannot be greater than readyReplicas", out
    )
    before = (old.get("status") or {}).get("collisionCount")
    after = status.get("collisionCount")
    if before is not None and (after is None or after < before):
        out.append(invalid_value("status.collisionCount", after, "cannot be decremented"))
    return out


def _ready(deployment: Obj, now: float) -> str:
    return f"{at(deployment, 'status.readyReplicas', 0)}/{at(deployment, 'spec.replicas', 0)}"


STRATEGY = Strategy(
    default=tidies("apps.v1.Deployment", _default),
    prepare_create=_prepare_create,
    prepare_update=_prepare_update,
    validate=_validate,
    validate_update=_validate_update,
    validate_status=_validate_status,
    generation=True,
    columns=(
        NAME,
        Column("Ready", _ready, description="Number of the pod with ready state"),
        Column("Up-to-date", lambda obj, now: at(obj, "status.updatedReplicas", 0)),
        Column("Available", lambda obj, now: at(obj, "status.availableReplicas", 0)),
        AGE,
        *template_columns("spec.template", lambda obj: selector_text(at(obj, "spec.selector", {}))),
    ),
    warnings=lambda new, old: template_warnings(new["spec"]["template"]),
    scale=SCALE,
)
