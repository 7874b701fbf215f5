"""Which nodes a DaemonSet's pod belongs on. Pure.

Follows `NodeShouldRunDaemonPod` and `AddOrUpdateDaemonPodTolerations` upstream.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from wherry.api import selectors
from wherry.api.schema import Obj
from wherry.controllers.nodes.eviction import tolerates

_EVERYWHERE = (
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
)
_HOST_NETWORK = ("node.kubernetes.io/network-unavailable", "NoSchedule")


class Verdict(NamedTuple):
    run: bool
    """A pod is to be made there."""

    stay: bool
    """One that is there may stay."""


def tolerations(host_network: bool) -> list[Obj]:
    """What every daemon pod tolerates."""
    pairs = (*_EVERYWHERE, _HOST_NETWORK) if host_network else _EVERYWHERE
    return [{"key": key, "operator": "Exists", "effect": effect} for key, effect in pairs]


def verdict(template: Any, node: Any) -> Verdict:
    spec = template.spec
    if spec.nodeName and spec.nodeName != node.metadata.name:
        return Verdict(False, False)
    if not selectors.from_map(spec.nodeSelector).matches(node.metadata.labels):
        return Verdict(False, False)
    affinity = spec.affinity.nodeAffinity if spec.affinity is not None else None
    required = affinity.requiredDuringSchedulingIgnoredDuringExecution if affinity is not None else None
    if required is not None and not any(_term(term, node) for term in required.nodeSelectorTerms):
        return Verdict(False, False)
    ours = {(t["key"], t["effect"]) for t in tolerations(bool(spec.hostNetwork))}
    open_taints = [
        taint
        for taint in node.spec.taints
        if taint.effect in ("NoSchedule", "NoExecute")
        and (taint.key, taint.effect) not in ours
        and not any(tolerates(toleration, taint) for toleration in spec.tolerations)
    ]
    return Verdict(not open_taints, all(taint.effect != "NoExecute" for taint in open_taints))


def _term(term: Any, node: Any) -> bool:
    if not term.matchExpressions and not term.matchFields:
        return False
    fields = {"metadata.name": node.metadata.name}
    pairs = [(e, node.metadata.labels) for e in term.matchExpressions]
    pairs += [(e, fields) for e in term.matchFields]
    return all(selectors.requirement(e.key, e.operator, e.values).matches(found) for e, found in pairs)


def pin(spec: Obj, node: str) -> None:
    """Ties a pod spec to a node, by affinity, so that the scheduler still has its say."""
    requirement = {"key": "metadata.name", "operator": "In", "values": [node]}
    affinity = spec.setdefault("affinity", {}).setdefault("nodeAffinity", {})
    known = affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    terms: list[Obj] = known.get("nodeSelectorTerms") or [{}]
    pinned = [{**term, "matchFields": [requirement]} for term in terms]
    affinity["requiredDuringSchedulingIgnoredDuringExecution"] = {"nodeSelectorTerms": pinned}


def pinned_to(pod: Any) -> str:
    """The node that a daemon pod is on, or meant for."""
    if pod.spec.nodeName:
        return str(pod.spec.nodeName)
    affinity = pod.spec.affinity.nodeAffinity if pod.spec.affinity is not None else None
    required = affinity.requiredDuringSchedulingIgnoredDuringExecution if affinity is not None else None
    for term in required.nodeSelectorTerms if required is not None else ():
        for field in term.matchFields:
            if field.key == "metadata.name" and field.operator == "In" and len(field.values) == 1:
                return str(field.values[0])
    return ""
