"""Pods as controllers see them: made from a template, counted, and ranked for deletion.

Pure but for nothing: all functions take what they need, `now` included.
Follows upstream's `pkg/controller/controller_utils.go` and `pkg/api/v1/pod`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from wherry.api.schema import Obj, to_obj
from wherry.api.validation_text import dns_subdomain
from wherry.clock import parse_rfc3339

DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"


def from_template(template: Any, owner: Any, reference: Obj) -> Obj:
    """A pod that `owner` is to create (GetPodFromTemplate); the name is left to the server."""
    meta = template.metadata
    metadata: Obj = {
        "generateName": name_prefix(owner.metadata.name),
        "namespace": owner.metadata.namespace,
        "labels": dict(meta.labels),
        "annotations": dict(meta.annotations),
        "ownerReferences": [reference],
    }
    if meta.finalizers:
        metadata["finalizers"] = list(meta.finalizers)
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": to_obj(template.spec)}


def name_prefix(owner_name: str) -> str:
    """The owner's name and a dash, as long as the two make the beginning of a valid name."""
    prefix = f"{owner_name}-"
    return owner_name if dns_subdomain(f"{prefix}x") else prefix


def is_finished(pod: Any) -> bool:
    return pod.status.phase in ("Succeeded", "Failed")


def is_active(pod: Any) -> bool:
    return not is_finished(pod) and pod.metadata.deletionTimestamp is None


def is_terminating(pod: Any) -> bool:
    return not is_finished(pod) and pod.metadata.deletionTimestamp is not None


def ready_condition(pod: Any) -> Any | None:
    return next((c for c in pod.status.conditions if c.type == "Ready"), None)


def is_ready(pod: Any) -> bool:
    found = ready_condition(pod)
    return found is not None and found.status == "True"


def ready_since(pod: Any) -> float | None:
    """When the pod became ready; None when it is not."""
    found = ready_condition(pod)
    if found is None or found.status != "True" or not found.lastTransitionTime:
        return None
    return parse_rfc3339(found.lastTransitionTime)


def available_in(pod: Any, min_ready_seconds: int, now: float) -> float | None:
    """Seconds until a ready pod counts as available, 0 when it does, None when it is not ready."""
    if not is_ready(pod):
        return None
    if min_ready_seconds == 0:
        return 0.0
    since = ready_since(pod)
    return None if since is None else max(0.0, since + min_ready_seconds - now)


def is_available(pod: Any, min_ready_seconds: int, now: float) -> bool:
    return available_in(pod, min_ready_seconds, now) == 0.0


def next_check(pods: list[Any], min_ready_seconds: int, now: float) -> float | None:
    """Seconds until the next of the ready pods becomes available."""
    waits = (available_in(pod, min_ready_seconds, now) for pod in pods)
    return min((wait for wait in waits if wait), default=None)


def created(obj: Any) -> float:
    stamp = obj.metadata.creationTimestamp
    return parse_rfc3339(stamp) if stamp else 0.0


def deletion_cost(pod: Any) -> int:
    text = pod.metadata.annotations.get(DELETION_COST, "0")
    try:
        return int(text)
    except ValueError:
        return 0


def _restarts(pod: Any) -> int:
    return max((s.restartCount or 0 for s in pod.status.containerStatuses), default=0)


_PHASES: Mapping[str, int] = {"Pending": 0, "Unknown": 1, "Running": 2}


def _age_bucket(then: float, now: float) -> int:
    """Ages of the same power of two (in nanoseconds) count as the same, so that scaling down does not
    always take the youngest; LogarithmicScaleDown."""
    age = int((now - then) * 1e9)
    return age.bit_length() - 1 if age > 0 else -1


def _by_age(a: Any, b: Any, time_a: float | None, time_b: float | None, now: float) -> int:
    """Younger first; 0 when the times are the same."""
    if time_a == time_b:
        return 0
    if time_a is None or time_b is None:
        return -1 if time_a is None else 1
    difference = _age_bucket(time_a, now) - _age_bucket(time_b, now)
    if difference == 0:
        return -1 if a.metadata.uid < b.metadata.uid else 1
    return -1 if difference < 0 else 1


def deletion_order(pods: list[Any], rank: Callable[[Any], int], now: float) -> list[Any]:
    """The pods, those to be deleted first at the beginning (ActivePodsWithRanks): unassigned, pending,
    not ready, cheap, crowded (`rank`: related pods on the same node), lately ready, often restarted,
    young."""

    def compare(a: Any, b: Any) -> int:
        for left, right in (
            (bool(a.spec.nodeName), bool(b.spec.nodeName)),
            (_PHASES.get(a.status.phase or "", 0), _PHASES.get(b.status.phase or "", 0)),
            (is_ready(a), is_ready(b)),
            (deletion_cost(a), deletion_cost(b)),
            (-rank(a), -rank(b)),
        ):
            if left != right:
                return -1 if left < right else 1
        if is_ready(a):
            by_ready = _by_age(a, b, ready_since(a), ready_since(b), now)
            if by_ready:
                return by_ready
        if _restarts(a) != _restarts(b):
            return -1 if _restarts(a) > _restarts(b) else 1
        return _by_age(a, b, created(a), created(b), now)

    return sorted(pods, key=functools.cmp_to_key(compare))
