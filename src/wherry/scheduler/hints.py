"""Which changes may help which pods: the judgement that wakes an unschedulable pod (queueing hints).

A change that cannot help must not wake a pod; one that may help must. Filters that look at the node
alone are simply asked again for the node that changed; the others are judged by the pod that came or
went. Upstream states the same per plugin as `EventsToRegister` and `QueueingHintFn`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from wherry.scheduler.asks import Ask
from wherry.scheduler.counters import PlacedPod
from wherry.scheduler.cycle import Cycle
from wherry.scheduler.plugins import interpod_affinity, topology_spread

Kind: TypeAlias = Literal["node", "node-removed", "pod-added", "pod-removed", "namespace"]
_ELSEWHERE = frozenset({topology_spread.NAME, interpod_affinity.NAME})


@dataclass(frozen=True, slots=True)
class Change:
    """Something happened: to the node of `row`, or to `pod`."""

    kind: Kind
    row: int = -1
    pod: PlacedPod | None = None


def may_help(ask: Ask | None, rejected_by: frozenset[str], change: Change, cycle: Cycle) -> bool:
    """May the change let a pod be placed that asks this and was refused by these plugins?"""
    if ask is None or not rejected_by:
        return change.kind == "node"
    local, elsewhere = rejected_by - _ELSEWHERE, rejected_by & _ELSEWHERE
    match change.kind:
        case "namespace":
            return interpod_affinity.NAME in elsewhere
        case "node-removed":
            # One domain fewer: the fewest pods in any domain may now be more.
            return topology_spread.NAME in elsewhere
        case "node":
            return cycle.row_fits(ask, change.row, local)
    pod = change.pod
    if pod is None:
        return False
    if any(_concerns(plugin, ask, pod, change.kind, cycle) for plugin in elsewhere):
        return True
    return change.kind == "pod-removed" and bool(local) and cycle.row_fits(ask, change.row, local)


def _concerns(plugin: str, ask: Ask, pod: PlacedPod, kind: Kind, cycle: Cycle) -> bool:
    """Does the pod that came or went count in what the plugin refused?"""
    if plugin == topology_spread.NAME:
        return pod.ask.namespace == ask.namespace and any(
            c.selector.matches(pod.ask.labels) for c in ask.spread
        )
    spaces = cycle.view.placed.namespaces
    own, its = spaces.get(ask.namespace, {}), spaces.get(pod.ask.namespace, {})
    if kind == "pod-added":
        return any(t.selects(pod.ask.namespace, its, pod.ask.labels) for t in ask.affinity)
    return any(t.selects(pod.ask.namespace, its, pod.ask.labels) for t in ask.anti_affinity) or any(
        t.selects(ask.namespace, own, ask.labels) for t in pod.ask.anti_affinity
    )
