"""HorizontalPodAutoscaler, in both versions it is served in."""

from __future__ import annotations

from typing import Any

from wherry.api import quantity, validation_text
from wherry.api.fieldpath import forbidden_field, invalid_value, not_supported, required
from wherry.api.schema import Obj
from wherry.apiserver.kinds.columns import AGE, NAME, UNSET, at
from wherry.apiserver.kinds.stanzas import formats, selectors
from wherry.apiserver.kinds.stanzas.formats import Errors
from wherry.apiserver.kinds.wire import shape
from wherry.apiserver.registry.strategy import Column, Context, Strategy

_STANZAS = {
    "Resource": "resource",
    "Pods": "pods",
    "Object": "object",
    "External": "external",
    "ContainerResource": "containerResource",
}
_CPU_DEFAULT: Obj = {
    "type": "Resource",
    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
}


def _is_v1(autoscaler: Obj) -> bool:
    return bool(autoscaler.get("apiVersion") == "autoscaling/v1")


def _default(autoscaler: Obj) -> None:
    old = _is_v1(autoscaler)
    shape(f"autoscaling.{'v1' if old else 'v2'}.HorizontalPodAutoscaler").tidy(autoscaler)
    spec = autoscaler["spec"]
    if spec.get("minReplicas") is None:
        spec["minReplicas"] = 1
    if old:
        return
    if not spec.get("metrics"):
        resource = _CPU_DEFAULT["resource"]
        spec["metrics"] = [{**_CPU_DEFAULT, "resource": {**resource, "target": dict(resource["target"])}}]
    for metric in spec["metrics"]:
        stanza = metric.get(_STANZAS.get(metric.get("type", ""), "")) or {}
        target = stanza.get("target")
        if target is not None and not target.get("type"):
            known = next((k for f, k in _TARGETS if target.get(f) is not None), "")
            if known:
                target["type"] = known
    if (behavior := spec.get("behavior")) is not None:
        _default_behavior(behavior)


_TARGETS = (("averageUtilization", "Utilization"), ("averageValue", "AverageValue"), ("value", "Value"))


def _default_behavior(behavior: Obj) -> None:
    up = [
        {"type": "Pods", "value": 4, "periodSeconds": 15},
        {"type": "Percent", "value": 100, "periodSeconds": 15},
    ]
    down = [{"type": "Percent", "value": 100, "periodSeconds": 15}]
    for field, window, policies in (("scaleUp", 0, up), ("scaleDown", None, down)):
        rules = behavior.setdefault(field, {})
        if window is not None:
            rules.setdefault("stabilizationWindowSeconds", window)
        rules.setdefault("selectPolicy", "Max")
        rules.setdefault("policies", policies)


def _prepare_create(autoscaler: Obj, context: Context) -> None:
    old = _is_v1(autoscaler)
    autoscaler["status"] = {"currentReplicas": 0, "desiredReplicas": 0}
    if not old:
        autoscaler["status"] = {"currentMetrics": None, "desiredReplicas": 0}


def _prepare_update(new: Obj, old: Obj, context: Context) -> None:
    new["status"] = old.get("status", {})


def _validate(autoscaler: Obj) -> Errors:
    out: Errors = []
    spec = autoscaler["spec"]
    least, most = spec.get("minReplicas"), spec.get("maxReplicas", 0)
    metrics: list[Obj] = spec.get("metrics") or []
    if least is not None and least < 1:
        out.append(invalid_value("spec.minReplicas", least, "must be greater than or equal to 1"))
    if most < 1:
        out.append(required("spec.maxReplicas", "must be set and greater than 0"))
    if least is not None and most < least:
        message = "must be greater than or equal to `minReplicas`"
        out.append(invalid_value("spec.maxReplicas", most, message))
    _reference(spec.get("scaleTargetRef") or {}, "spec.scaleTargetRef", out)
    target = spec.get("scaleTargetRef") or {}
    if "/" not in target.get("apiVersion", "") and target.get("kind") != "ReplicationController":
        message = "apiVersion must specify API group"
        out.append(invalid_value("spec.scaleTargetRef.apiVersion", target.get("apiVersion", ""), message))
    for i, metric in enumerate(metrics):
        _metric(metric, f"spec.metrics[{i}]", out)
    if least == 0 and not any(metric.get("type") in ("Object", "External") for metric in metrics):
        message = "must specify at least one Object or External metric to support scaling to zero replicas"
        out.append(forbidden_field("spec.metrics", message))
    for field in ("scaleUp", "scaleDown"):
        if rules := (spec.get("behavior") or {}).get(field):
            _rules(rules, f"spec.behavior.{field}", out)
    return out


def _reference(found: Obj, path: str, out: Errors) -> None:
    for field in ("kind", "name"):
        value = found.get(field, "")
        if not value:
            out.append(required(f"{path}.{field}"))
        else:
            formats.name(value, validation_text.path_segment, f"{path}.{field}", out)


def _metric(metric: Obj, path: str, out: Errors) -> None:
    kind = metric.get("type", "")
    if not kind:
        out.append(required(f"{path}.type", "must specify a metric source type"))
        return
    if kind not in _STANZAS:
        out.append(not_supported(f"{path}.type", kind, tuple(sorted(_STANZAS))))
        return
    field = _STANZAS[kind]
    if field not in metric:
        message = "must populate information for the given metric source"
        out.append(required(f"{path}.{field}", message))
        return
    for other in sorted(set(_STANZAS.values()) & metric.keys() - {field}):
        message = "must populate the given metric source only"
        out.append(forbidden_field(f"{path}.{other}", message))
    stanza, here = metric[field], f"{path}.{field}"
    if kind in ("Resource", "ContainerResource") and not stanza.get("name"):
        out.append(required(f"{here}.name", "must specify a resource name"))
    if kind == "ContainerResource" and not stanza.get("container"):
        out.append(required(f"{here}.container", "must specify a container name"))
    if kind in ("Pods", "Object", "External"):
        if not (stanza.get("metric") or {}).get("name"):
            out.append(required(f"{here}.metric.name"))
        selectors.label_selector((stanza.get("metric") or {}).get("selector"), f"{here}.metric.selector", out)
    if kind == "Object":
        _reference(stanza.get("describedObject") or {}, f"{here}.describedObject", out)
    target = stanza.get("target") or {}
    _target(target, f"{here}.target", out)
    unset = target.get("averageUtilization") is None and target.get("averageValue") is None
    if kind in ("Resource", "ContainerResource") and unset:
        message = "must set either a target raw value or a target utilization"
        out.append(required(f"{here}.target.averageUtilization", message))


def _target(target: Obj, path: str, out: Errors) -> None:
    kinds = ("AverageValue", "Utilization", "Value")
    if not target.get("type"):
        out.append(required(f"{path}.type", "must specify a metric target type"))
    elif target["type"] not in kinds:
        message = "must be either Utilization, Value, or AverageValue"
        out.append(invalid_value(f"{path}.type", target["type"], message))
    for field in ("value", "averageValue"):
        if field in target and quantity.parse(target[field]) <= 0:
            out.append(invalid_value(f"{path}.{field}", str(target[field]), "must be positive"))
    if (share := target.get("averageUtilization")) is not None and share < 1:
        out.append(invalid_value(f"{path}.averageUtilization", share, "must be greater than 0"))


def _rules(rules: Obj, path: str, out: Errors) -> None:
    formats.not_negative(rules.get("stabilizationWindowSeconds"), f"{path}.stabilizationWindowSeconds", out)
    choice = rules.get("selectPolicy")
    if choice is not None and choice not in ("Disabled", "Max", "Min"):
        out.append(not_supported(f"{path}.selectPolicy", choice, ("Disabled", "Max", "Min")))
    if not rules.get("policies"):
        out.append(required(f"{path}.policies", "must specify at least one Policy"))
    for i, policy in enumerate(rules.get("policies") or ()):
        here = f"{path}.policies[{i}]"
        if policy.get("type") not in ("Percent", "Pods"):
            out.append(not_supported(f"{here}.type", policy.get("type", ""), ("Percent", "Pods")))
        for field, limit in (("value", None), ("periodSeconds", 1800)):
            value = policy.get(field, 0)
            if value <= 0:
                out.append(invalid_value(f"{here}.{field}", value, "must be greater than zero"))
            elif limit is not None and value > limit:
                out.append(invalid_value(f"{here}.{field}", value, f"must be less than or equal to {limit}"))


def _shown_reference(autoscaler: Obj, now: float) -> str:
    target = at(autoscaler, "spec.scaleTargetRef", {})
    return f"{target.get('kind', '')}/{target.get('name', '')}"


def _targets(autoscaler: Obj, now: float) -> str:
    if _is_v1(autoscaler):
        target = at(autoscaler, "spec.targetCPUUtilizationPercentage", None)
        current = at(autoscaler, "status.currentCPUUtilizationPercentage", None)
        if target is None:
            return "<none>"
        return f"cpu: {'<unknown>' if current is None else f'{current}%'}/{target}%"
    metrics = at(autoscaler, "spec.metrics", ())
    if not metrics:
        return "<none>"
    current = at(autoscaler, "status.currentMetrics", ())
    texts = [_target_text(m, current[i] if i < len(current) else {}) for i, m in enumerate(metrics[:2])]
    more = f" + {len(metrics) - 2} more..." if len(metrics) > 2 else ""
    return ", ".join(texts) + more


def _target_text(metric: Obj, status: Any) -> str:
    field = _STANZAS.get(metric.get("type", ""), "")
    stanza, seen = metric.get(field) or {}, ((status or {}).get(field) or {}).get("current") or {}
    target = stanza.get("target") or {}
    if target.get("averageValue") is not None:
        text = f"{seen.get('averageValue', '<unknown>')}/{target['averageValue']}"
        average = " (avg)" if field in ("object", "external") else ""
        text += average
    elif target.get("averageUtilization") is not None:
        now = seen.get("averageUtilization")
        text = f"{'<unknown>' if now is None else f'{now}%'}/{target['averageUtilization']}%"
    else:
        text = f"{seen.get('value', '<unknown>')}/{target.get('value', '<auto>')}"
    return f"{stanza.get('name')}: {text}" if field in ("resource", "containerResource") else text


STRATEGY = Strategy(
    default=_default,
    prepare_create=_prepare_create,
    prepare_update=_prepare_update,
    validate=_validate,
    columns=(
        NAME,
        Column("Reference", _shown_reference),
        Column("Targets", _targets),
        Column("MinPods", lambda obj, now: str(at(obj, "spec.minReplicas", UNSET))),
        Column("MaxPods", lambda obj, now: at(obj, "spec.maxReplicas", 0)),
        Column("Replicas", lambda obj, now: at(obj, "status.currentReplicas", 0)),
        AGE,
    ),
)
