"""DaemonSet."""

from __future__ import annotations

import re

from wherry.api.fieldpath import invalid_value, not_supported, required
from wherry.api.schema import Obj
from wherry.apiserver.kinds.columns import AGE, NAME, at, labels_text, selector_text, template_columns
from wherry.apiserver.kinds.core.pod_warnings import template_warnings
from wherry.apiserver.kinds.stanzas import formats, pod_defaults, workloads
from wherry.apiserver.kinds.stanzas.formats import Errors
from wherry.apiserver.kinds.wire import tidies
from wherry.apiserver.registry.strategy import Column, Context, Strategy

_COUNTS = (
    "currentNumberScheduled",
    "numberMisscheduled",
    "desiredNumberScheduled",
    "numberReady",
    "observedGeneration",
    "updatedNumberScheduled",
    "numberAvailable",
    "numberUnavailable",
)
_NOTHING = {
    "currentNumberScheduled": 0,
    "desiredNumberScheduled": 0,
    "numberMisscheduled": 0,
    "numberReady": 0,
}
_TYPES = ("RollingUpdate", "OnDelete")
_TEMPLATE_GENERATION = "deprecated.daemonset.template.generation"


def _default(daemon_set: Obj) -> None:
    spec = daemon_set["spec"]
    pod_defaults.pod_spec(spec["template"]["spec"])
    strategy = spec["updateStrategy"]
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        rolling.setdefault("maxUnavailable", 1)
        rolling.setdefault("maxSurge", 0)
    spec.setdefault("revisionHistoryLimit", 10)
    daemon_set["metadata"].setdefault("annotations", {}).setdefault(_TEMPLATE_GENERATION, "0")


def _prepare_create(daemon_set: Obj, context: Context) -> None:
    daemon_set["status"] = dict(_NOTHING)
    daemon_set["metadata"]["annotations"][_TEMPLATE_GENERATION] = "1"


def _prepare_update(new: Obj, old: Obj, context: Context) -> None:
    new["status"] = old.get("status", dict(_NOTHING))
    key = _TEMPLATE_GENERATION
    given = (old["metadata"].get("annotations") or {}).get(key, "0")
    count = int(given) if re.fullmatch("[0-9]{1,18}", given) else 0
    if new["spec"].get("template") != old["spec"].get("template"):
        count += 1
    new["metadata"].setdefault("annotations", {})[key] = str(count)


def _validate(daemon_set: Obj) -> Errors:
    out: Errors = []
    spec = daemon_set["spec"]
    if workloads.selector(spec, out, kind="daemonset"):
        workloads.matches_template(spec, out)
    workloads.template(spec, out)
    workloads.always_restarts(spec, "DaemonSet", out)
    formats.not_negative(spec.get("minReadySeconds"), "spec.minReadySeconds", out)
    _strategy(spec["updateStrategy"], out)
    formats.not_negative(spec.get("revisionHistoryLimit"), "spec.revisionHistoryLimit", out)
    return out


def _strategy(strategy: Obj, out: Errors) -> None:
    kind, path = strategy.get("type"), "spec.updateStrategy"
    if kind == "OnDelete":
        return
    if kind != "RollingUpdate":
        out.append(not_supported(path, _go(strategy), _TYPES))
        return
    rolling = strategy.get("rollingUpdate")
    if rolling is None:
        out.append(required(f"{path}.rollingUpdate"))
        return
    fewer, more = rolling.get("maxUnavailable", 0), rolling.get("maxSurge", 0)
    here = f"{path}.rollingUpdate"
    for value, field in ((fewer, "maxUnavailable"), (more, "maxSurge")):
        workloads.number_or_percent(value, f"{here}.{field}", out)
        workloads.not_above_all(value, f"{here}.{field}", out)
    some_fewer, some_more = workloads.amount(fewer) != 0, workloads.amount(more) != 0
    if some_fewer and some_more:
        message = "may not be set when maxUnavailable is non-zero"
        out.append(invalid_value(f"{here}.maxSurge", more, message))
    elif not some_fewer and not some_more:
        out.append(required(f"{here}.maxUnavailable", "cannot be 0 when maxSurge is 0"))


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
    workloads.status_counts(new.get("status") or {}, out, _COUNTS)
    return out


def _count(name: str, field: str) -> Column:
    return Column(name, lambda obj, now: at(obj, f"status.{field}", 0), type="integer")


STRATEGY = Strategy(
    default=tidies("apps.v1.DaemonSet", _default),
    prepare_create=_prepare_create,
    prepare_update=_prepare_update,
    validate=_validate,
    validate_update=_validate_update,
    validate_status=_validate_status,
    generation=True,
    columns=(
        NAME,
        _count("Desired", "desiredNumberScheduled"),
        _count("Current", "currentNumberScheduled"),
        _count("Ready", "numberReady"),
        _count("Up-to-date", "updatedNumberScheduled"),
        _count("Available", "numberAvailable"),
        Column("Node Selector", lambda obj, now: labels_text(at(obj, "spec.template.spec.nodeSelector", {}))),
        AGE,
        *template_columns("spec.template", lambda obj: selector_text(at(obj, "spec.selector", {}))),
    ),
    warnings=lambda new, old: template_warnings(new["spec"]["template"]),
)
