"""One stored object, several API versions: conversions between them, as data where they are renamings.

`conversion(stored, served)` gives the two functions, or None where both have the same shape (only
`apiVersion` differs, and for one version not even that).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from wherry.api.schema import Obj
from wherry.api.scheme import Resource


@dataclass(frozen=True, slots=True)
class Conversion:
    """`to_served` takes the stored object, `to_stored` the served one; both give a new object."""

    to_served: Callable[[Obj], Obj]
    to_stored: Callable[[Obj], Obj]
    field_labels: Mapping[str, str] = field(default_factory=dict)
    """Field labels of the served version by another name than the stored one's."""


def conversion(stored: Resource, served: Resource) -> Conversion | None:
    return _CONVERSIONS.get((f"{stored.api_version} {stored.kind}", f"{served.api_version} {served.kind}"))


_EVENT_NAMES = {
    "involvedObject": "regarding",
    "message": "note",
    "source": "deprecatedSource",
    "firstTimestamp": "deprecatedFirstTimestamp",
    "lastTimestamp": "deprecatedLastTimestamp",
    "count": "deprecatedCount",
    "reportingComponent": "reportingController",
}
"""core/v1 Event fields that events.k8s.io/v1 calls otherwise (upstream apis/events/v1/conversion.go)."""
_EVENT_NAMES_BACK = {new: old for old, new in _EVENT_NAMES.items()}


def _renamed(obj: Obj, names: dict[str, str], api_version: str) -> Obj:
    out = {names.get(key, key): value for key, value in obj.items()}
    out["apiVersion"] = api_version
    return out


def _event_to_core(obj: Obj) -> Obj:
    return _renamed(obj, _EVENT_NAMES_BACK, "v1")


def _event_from_core(obj: Obj) -> Obj:
    out = _renamed(obj, _EVENT_NAMES, "events.k8s.io/v1")
    for name in ("reportingController", "reportingInstance"):
        if out.get(name) == "":  # core/v1 writes these when empty, this version doesn't
            del out[name]
    return out


_OBJECT_FIELDS = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
_EVENT_LABELS = {f"regarding.{name}": f"involvedObject.{name}" for name in _OBJECT_FIELDS}
_EVENT_LABELS["reportingController"] = "reportingComponent"

_METRICS = "autoscaling.alpha.kubernetes.io/metrics"
_CURRENT = "autoscaling.alpha.kubernetes.io/current-metrics"
_BEHAVIOR = "autoscaling.alpha.kubernetes.io/behavior"
_CONDITIONS = "autoscaling.alpha.kubernetes.io/conditions"


def _is_cpu(metric: Obj, side: str) -> bool:
    resource = metric.get("resource") or {}
    utilization = (resource.get(side) or {}).get("averageUtilization")
    return metric.get("type") == "Resource" and resource.get("name") == "cpu" and utilization is not None


def _hpa_to_v1(obj: Obj) -> Obj:
    """What v1 has no field for goes into annotations, as upstream keeps it."""
    spec, status = dict(obj.get("spec") or {}), dict(obj.get("status") or {})
    notes: dict[str, str] = {}
    metrics = spec.pop("metrics", None) or []
    cpu = next((m for m in metrics if _is_cpu(m, "target")), None)
    if cpu is not None:
        spec["targetCPUUtilizationPercentage"] = cpu["resource"]["target"]["averageUtilization"]
    current = status.pop("currentMetrics", None) or []
    cpu_now = next((m for m in current if _is_cpu(m, "current")), None)
    if cpu_now is not None:
        status["currentCPUUtilizationPercentage"] = cpu_now["resource"]["current"]["averageUtilization"]
    for name, value in (
        (_METRICS, [m for m in metrics if m is not cpu]),
        (_CURRENT, current),
        (_BEHAVIOR, spec.pop("behavior", None)),
        (_CONDITIONS, status.pop("conditions", None)),
    ):
        if value:
            notes[name] = json.dumps(value, separators=(",", ":"))
    metadata = dict(obj["metadata"])
    if notes:
        metadata["annotations"] = {**(metadata.get("annotations") or {}), **notes}
    return {**obj, "apiVersion": "autoscaling/v1", "metadata": metadata, "spec": spec, "status": status}


def _hpa_from_v1(obj: Obj) -> Obj:
    spec, status = dict(obj.get("spec") or {}), dict(obj.get("status") or {})
    metadata = dict(obj["metadata"])
    annotations = dict(metadata.get("annotations") or {})
    notes = {
        name: _loaded(annotations.pop(name, "")) for name in (_METRICS, _CURRENT, _BEHAVIOR, _CONDITIONS)
    }
    metrics = list(notes[_METRICS] or [])
    target = spec.pop("targetCPUUtilizationPercentage", None)
    if target is not None:
        utilization = {"type": "Utilization", "averageUtilization": target}
        metrics.insert(0, {"type": "Resource", "resource": {"name": "cpu", "target": utilization}})
    status.pop("currentCPUUtilizationPercentage", None)
    for place, name, value in (
        (spec, "metrics", metrics),
        (spec, "behavior", notes[_BEHAVIOR]),
        (status, "currentMetrics", notes[_CURRENT]),
        (status, "conditions", notes[_CONDITIONS]),
    ):
        if value:
            place[name] = value
    if annotations:
        metadata["annotations"] = annotations
    else:
        metadata.pop("annotations", None)
    return {**obj, "apiVersion": "autoscaling/v2", "metadata": metadata, "spec": spec, "status": status}


def _loaded(text: str) -> Any:
    try:
        return json.loads(text) if text else None
    except ValueError:
        return None


_CONVERSIONS = {
    ("v1 Event", "events.k8s.io/v1 Event"): Conversion(_event_from_core, _event_to_core, _EVENT_LABELS),
    (
        "autoscaling/v2 HorizontalPodAutoscaler",
        "autoscaling/v1 HorizontalPodAutoscaler",
    ): Conversion(_hpa_to_v1, _hpa_from_v1),
}
