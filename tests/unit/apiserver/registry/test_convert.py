from __future__ import annotations

from wherry.api.scheme import builtin, resource
from wherry.apiserver.registry.convert import conversion

EVENT = {
    "kind": "Event",
    "apiVersion": "v1",
    "metadata": {"name": "e"},
    "involvedObject": {"kind": "Pod", "name": "p"},
    "reason": "R",
    "message": "M",
    "source": {"component": "c"},
    "firstTimestamp": "2026-01-01T00:00:00Z",
    "lastTimestamp": "2026-01-01T00:00:00Z",
    "count": 2,
    "type": "Normal",
    "reportingComponent": "c",
    "reportingInstance": "i",
}


def test_events() -> None:
    both = conversion(resource("events"), resource("events.events.k8s.io"))
    assert both is not None
    newer = both.to_served(EVENT)
    assert newer["apiVersion"] == "events.k8s.io/v1"
    assert (newer["note"], newer["regarding"]["name"], newer["deprecatedCount"]) == ("M", "p", 2)
    assert "message" not in newer
    assert both.to_stored(newer) == EVENT
    assert both.field_labels["regarding.name"] == "involvedObject.name"


def test_scalers() -> None:
    newer = resource("horizontalpodautoscalers.autoscaling")
    older = builtin().find("autoscaling", "v1", "horizontalpodautoscalers")
    assert older is not None
    both = conversion(newer, older)
    assert both is not None
    spec = {"maxReplicas": 3, "targetCPUUtilizationPercentage": 50}
    old = {
        "kind": "HorizontalPodAutoscaler",
        "apiVersion": "autoscaling/v1",
        "metadata": {"name": "h"},
        "spec": spec,
    }
    stored = both.to_stored(old)
    target = {"type": "Utilization", "averageUtilization": 50}
    assert stored["spec"] == {
        "maxReplicas": 3,
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
    }
    assert both.to_served(stored)["spec"] == spec


def test_what_the_older_version_has_no_field_for_is_kept_aside() -> None:
    newer = resource("horizontalpodautoscalers.autoscaling")
    older = builtin().find("autoscaling", "v1", "horizontalpodautoscalers")
    assert older is not None
    both = conversion(newer, older)
    assert both is not None
    metric = {"type": "Pods", "pods": {"metric": {"name": "m"}}}
    spec = {"maxReplicas": 3, "metrics": [metric], "behavior": {"scaleDown": {}}}
    status = {"conditions": [{"type": "AbleToScale"}]}
    stored = {
        "kind": "HorizontalPodAutoscaler",
        "apiVersion": "autoscaling/v2",
        "metadata": {"name": "h", "annotations": {"mine": "1"}},
        "spec": spec,
        "status": status,
    }
    old = both.to_served(stored)
    assert old["spec"] == {"maxReplicas": 3}
    assert len(old["metadata"]["annotations"]) == 4
    assert both.to_stored(old) == stored


def test_most_resources_need_none() -> None:
    assert conversion(resource("pods"), resource("pods")) is None
