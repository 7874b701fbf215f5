"""Pod: the whole life of one as the API server sees it (upstream registry/core/pod).

Beside this file: `pod_status.py` what `kubectl get` shows, `pod_validation.py` what is refused,
`qos.py` the quality-of-service class, `stanzas/` everything a template shares with a pod.
"""

from __future__ import annotations

from wherry.api.schema import Obj
from wherry.apiserver.kinds import wire
from wherry.apiserver.kinds.columns import AGE, NAME, NONE, at
from wherry.apiserver.kinds.core import pod_status
from wherry.apiserver.kinds.core.pod_update import validate_status, validate_update
from wherry.apiserver.kinds.core.pod_validation import validate
from wherry.apiserver.kinds.core.pod_warnings import pod_warnings
from wherry.apiserver.kinds.core.qos import qos_class
from wherry.apiserver.kinds.stanzas import pod_defaults
from wherry.apiserver.registry.strategy import Column, Context, Strategy
from wherry.clock import rfc3339

_FINISHED = ("Succeeded", "Failed")


def _default(pod: Obj) -> None:
    wire.shape("core.v1.Pod").tidy(pod)
    pod_defaults.pod_spec(pod["spec"])
    pod_defaults.pod(pod["spec"])


def _prepare_create(pod: Obj, context: Context) -> None:
    status: Obj = {"phase": "Pending", "qosClass": qos_class(pod["spec"])}
    if pod["spec"].get("schedulingGates"):
        status["conditions"] = [
            {
                "type": "PodScheduled",
                "status": "False",
                "lastProbeTime": None,
                "lastTransitionTime": rfc3339(context.time),
                "reason": "SchedulingGated",
                "message": "Scheduling is blocked due to non-empty scheduling gates",
            }
        ]
    pod["status"] = status
    _match_label_keys(pod)


def _match_label_keys(pod: Obj) -> None:
    """`matchLabelKeys` become part of the selector (upstream mutatePodAffinity and
    mutateTopologySpreadConstraints), `mismatchLabelKeys` likewise with NotIn."""
    labels = pod["metadata"].get("labels") or {}
    affinity = pod["spec"].get("affinity") or {}
    terms: list[Obj] = []
    for kind in ("podAffinity", "podAntiAffinity"):
        rules = affinity.get(kind) or {}
        terms += rules.get("requiredDuringSchedulingIgnoredDuringExecution") or ()
        for weighted in rules.get("preferredDuringSchedulingIgnoredDuringExecution") or ():
            terms.append(weighted["podAffinityTerm"])
    terms += pod["spec"].get("topologySpreadConstraints") or ()
    for term in terms:
        if (selector := term.get("labelSelector")) is None:
            continue
        for field, operator in (("matchLabelKeys", "In"), ("mismatchLabelKeys", "NotIn")):
            for key in term.get(field) or ():
                if key in labels:
                    rule = {"key": key, "operator": operator, "values": [labels[key]]}
                    if rule not in selector.setdefault("matchExpressions", []):
                        selector["matchExpressions"].append(rule)


def _prepare_update(new: Obj, old: Obj, context: Context) -> None:
    new["status"] = old.get("status", {})


def _prepare_status(new: Obj, old: Obj, context: Context) -> None:
    """Owner references and the deletion are not the kubelet's to change."""
    for field in ("ownerReferences", "deletionTimestamp", "deletionGracePeriodSeconds"):
        if field in old["metadata"]:
            new["metadata"][field] = old["metadata"][field]
        else:
            new["metadata"].pop(field, None)
    if "qosClass" not in new["status"] and "qosClass" in old.get("status", {}):
        new["status"]["qosClass"] = old["status"]["qosClass"]


def grace(pod: Obj, asked: int | None) -> int:
    """Seconds a pod is given to end: none when nothing can be running yet or any more."""
    period = asked
    if period is None:
        period = int(at(pod, "spec.terminationGracePeriodSeconds", pod_defaults.DEFAULT_GRACE))
    if not at(pod, "spec.nodeName") or at(pod, "status.phase") in _FINISHED:
        return 0
    return max(period, 1) if period < 0 else period


def _ips(pod: Obj) -> str:
    addresses = at(pod, "status.podIPs", ())
    return addresses[0].get("ip", "") if addresses else ""


FIELDS = {
    "spec.nodeName": lambda pod: at(pod, "spec.nodeName"),
    "spec.restartPolicy": lambda pod: at(pod, "spec.restartPolicy"),
    "spec.schedulerName": lambda pod: at(pod, "spec.schedulerName"),
    "spec.serviceAccountName": lambda pod: at(pod, "spec.serviceAccountName"),
    "spec.hostNetwork": lambda pod: "true" if at(pod, "spec.hostNetwork") else "false",
    "status.phase": lambda pod: at(pod, "status.phase"),
    "status.podIP": _ips,
    "status.nominatedNodeName": lambda pod: at(pod, "status.nominatedNodeName"),
}


def _ready(pod: Obj, now: float) -> str:
    found = pod_status.summarize(pod)
    return f"{found.ready}/{found.total}"


COLUMNS = (
    NAME,
    Column("Ready", _ready, description="The aggregate readiness state of this pod for accepting traffic."),
    Column(
        "Status",
        lambda pod, now: pod_status.summarize(pod).reason,
        description="The aggregate status of the containers in this pod.",
    ),
    Column(
        "Restarts",
        lambda pod, now: pod_status.summarize(pod).restarts_text(now),
        description="The number of times the containers in this pod have been restarted and when the last "
        "container in this pod has restarted.",
    ),
    AGE,
    Column("IP", lambda pod, now: _ips(pod) or NONE, priority=1),
    Column("Node", lambda pod, now: at(pod, "spec.nodeName") or NONE, priority=1),
    Column("Nominated Node", lambda pod, now: at(pod, "status.nominatedNodeName") or NONE, priority=1),
    Column("Readiness Gates", lambda pod, now: pod_status.readiness_gates(pod), priority=1),
)

STRATEGY = Strategy(
    default=_default,
    prepare_create=_prepare_create,
    prepare_update=_prepare_update,
    prepare_status=_prepare_status,
    validate=validate,
    validate_update=validate_update,
    validate_status=validate_status,
    generation=True,
    fields=FIELDS,
    columns=COLUMNS,
    warnings=pod_warnings,
    graceful=grace,
)
