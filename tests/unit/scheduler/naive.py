"""The filters, one node and one pod at a time, as upstream's documentation words them.

Slow and plain on purpose: the vectorised plugins are compared with it on random clusters.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from wherry.api.selectors import from_label_selector, requirement
from wherry.scheduler.resources import amounts, pod_requests


@dataclass
class NaiveCluster:
    nodes: dict[str, Any] = field(default_factory=dict)
    pods: dict[str, Any] = field(default_factory=dict)

    def on(self, name: str) -> list[Any]:
        return [p for p in self.pods.values() if p.spec.nodeName == name]

    def feasible(self, pod: Any) -> set[str]:
        return {name for name, node in self.nodes.items() if all(f(self, pod, node) for f in FILTERS)}


def tolerates(pod: Any, key: str, value: str, effect: str) -> bool:
    return any(
        (not t.effect or t.effect == effect)
        and (not t.key or t.key == key)
        and (t.operator == "Exists" or (t.value or "") == value)
        for t in pod.spec.tolerations
    )


def schedulable(cluster: NaiveCluster, pod: Any, node: Any) -> bool:
    return not node.spec.unschedulable or tolerates(pod, "node.kubernetes.io/unschedulable", "", "NoSchedule")


def taints(cluster: NaiveCluster, pod: Any, node: Any) -> bool:
    return all(
        t.effect == "PreferNoSchedule" or tolerates(pod, t.key, t.value or "", t.effect)
        for t in node.spec.taints
    )


def affinity(cluster: NaiveCluster, pod: Any, node: Any) -> bool:
    labels = node.metadata.labels
    if any(labels.get(k) != v for k, v in pod.spec.nodeSelector.items()):
        return False
    stanza = pod.spec.affinity
    if stanza is None or stanza.nodeAffinity is None:
        return True
    required = stanza.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution
    if required is None:
        return True
    return any(
        (t.matchExpressions or t.matchFields)
        and all(requirement(e.key, e.operator, e.values).matches(labels) for e in t.matchExpressions)
        and all(
            requirement(e.key, e.operator, e.values).matches({"metadata.name": node.metadata.name})
            for e in t.matchFields
        )
        for t in required.nodeSelectorTerms
    )


def _ports(pod: Any) -> list[tuple[str, str, int]]:
    return [
        (p.hostIP or "0.0.0.0", p.protocol or "TCP", p.hostPort)
        for c in pod.spec.containers
        for p in c.ports
        if p.hostPort
    ]


def ports(cluster: NaiveCluster, pod: Any, node: Any) -> bool:
    taken = [port for other in cluster.on(node.metadata.name) for port in _ports(other)]
    return not any(
        mine[1:] == its[1:] and (mine[0] == its[0] or "0.0.0.0" in (mine[0], its[0]))
        for mine in _ports(pod)
        for its in taken
    )


def resources(cluster: NaiveCluster, pod: Any, node: Any) -> bool:
    there = cluster.on(node.metadata.name)
    if len(there) + 1 > int(node.status.allocatable["pods"]):
        return False
    capacity = amounts(node.status.allocatable)
    for name, asked in pod_requests(pod.spec).amounts.items():
        used = sum(pod_requests(p.spec).amounts.get(name, 0) for p in there)
        if used + asked > capacity.get(name, 0):
            return False
    return True


def spread(cluster: NaiveCluster, pod: Any, node: Any) -> bool:
    constraints = [c for c in pod.spec.topologySpreadConstraints if c.whenUnsatisfiable == "DoNotSchedule"]
    if any(c.topologyKey not in node.metadata.labels for c in constraints):
        return False
    for c in constraints:
        selector = from_label_selector(c.labelSelector)
        domains: dict[str, int] = {}
        for name, other in cluster.nodes.items():
            if any(k.topologyKey not in other.metadata.labels for k in constraints):
                continue
            if c.nodeAffinityPolicy != "Ignore" and not affinity(cluster, pod, other):
                continue
            if c.nodeTaintsPolicy == "Honor" and not taints(cluster, pod, other):
                continue
            domain = other.metadata.labels[c.topologyKey]
            domains[domain] = domains.get(domain, 0) + sum(
                p.metadata.namespace == pod.metadata.namespace
                and p.metadata.deletionTimestamp is None
                and selector.matches(p.metadata.labels)
                for p in cluster.on(name)
            )
        fewest = min(domains.values(), default=2**31 - 1)
        if len(domains) < (c.minDomains or 1):
            fewest = 0
        itself = selector.matches(pod.metadata.labels)
        if domains.get(node.metadata.labels[c.topologyKey], 0) + itself - fewest > c.maxSkew:
            return False
    return True


def _stanza(pod: Any, name: str) -> list[Any]:
    stanza = getattr(pod.spec.affinity, name) if pod.spec.affinity is not None else None
    return stanza.requiredDuringSchedulingIgnoredDuringExecution if stanza is not None else []


def _selects(term: Any, owner: Any, pod: Any) -> bool:
    named = term.namespaces or ([owner.metadata.namespace] if term.namespaceSelector is None else [])
    if pod.metadata.namespace not in named and term.namespaceSelector is None:
        return False
    return from_label_selector(term.labelSelector).matches(pod.metadata.labels)


def between_pods(cluster: NaiveCluster, pod: Any, node: Any) -> bool:
    def same(key: str, other: Any) -> bool:
        there = cluster.nodes.get(other.spec.nodeName)
        return (
            there is not None
            and key in there.metadata.labels
            and there.metadata.labels[key] == node.metadata.labels.get(key)
        )

    near = _stanza(pod, "podAffinity")
    if any(t.topologyKey not in node.metadata.labels for t in near):
        return False
    matching = [p for p in cluster.pods.values() if all(_selects(t, pod, p) for t in near)]
    counted = [
        (t, p)
        for t in near
        for p in matching
        if p.spec.nodeName in cluster.nodes
        and t.topologyKey in cluster.nodes[p.spec.nodeName].metadata.labels
    ]
    first = not counted and all(_selects(t, pod, pod) for t in near)
    if near and not first and not all(any(same(t.topologyKey, p) for p in matching) for t in near):
        return False
    for t in _stanza(pod, "podAntiAffinity"):
        if any(_selects(t, pod, p) and same(t.topologyKey, p) for p in cluster.pods.values()):
            return False
    return not any(
        _selects(t, p, pod) and same(t.topologyKey, p)
        for p in cluster.pods.values()
        for t in _stanza(p, "podAntiAffinity")
    )


FILTERS = (schedulable, taints, affinity, ports, resources, spread, between_pods)
