"""What a pod asks of a node, read once from its spec and shared by all pods that ask the same.

Two pods with equal namespace, labels and scheduling stanzas get the same `Ask` object, so everything
worked out for one (which nodes fit, their scores) serves the next. An Ask is immutable and compared by
identity. It knows nothing of nodes; the plugins do.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import msgspec

from wherry.api.selectors import EVERYTHING, Requirement, Selector, from_label_selector, requirement
from wherry.scheduler.resources import Requests, pod_requests

Port: TypeAlias = tuple[str, str, int]
"""(host address or 0.0.0.0, protocol, host port)."""

HOSTNAME = "kubernetes.io/hostname"
ZONE = "topology.kubernetes.io/zone"
_REMEMBERED = 8192


@dataclass(frozen=True, slots=True)
class Toleration:
    key: str
    operator: str
    value: str
    effect: str

    def tolerates(self, key: str, value: str, effect: str) -> bool:
        if self.effect and self.effect != effect:
            return False
        if self.key and self.key != key:
            return False
        return self.operator == "Exists" or (self.operator in ("", "Equal") and self.value == value)


@dataclass(frozen=True, slots=True)
class NodeTerm:
    """A NodeSelectorTerm: all requirements on labels and all on fields hold; an empty one never does."""

    labels: tuple[Requirement, ...]
    fields: tuple[Requirement, ...]


@dataclass(frozen=True, slots=True)
class PodTerm:
    """A PodAffinityTerm of a pod: `namespaces` are named ones; a selector, if any, adds to them."""

    topology: str
    selector: Selector
    namespaces: tuple[str, ...]
    namespace_selector: Selector | None = None
    weight: int = 0

    def selects(self, namespace: str, namespace_labels: Mapping[str, str], labels: Mapping[str, str]) -> bool:
        if namespace not in self.namespaces and (
            self.namespace_selector is None or not self.namespace_selector.matches(namespace_labels)
        ):
            return False
        return self.selector.matches(labels)


@dataclass(frozen=True, slots=True)
class Spread:
    """A TopologySpreadConstraint; `min_domains` 1 when unset."""

    topology: str
    selector: Selector
    max_skew: int
    min_domains: int = 1
    honor_affinity: bool = True
    honor_taints: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Ask:
    namespace: str
    labels: Mapping[str, str]
    requests: Requests
    node_name: str = ""
    node_selector: tuple[Requirement, ...] = ()
    node_terms: tuple[NodeTerm, ...] | None = None
    preferred_nodes: tuple[tuple[int, NodeTerm], ...] = ()
    only_nodes: frozenset[str] | None = None
    tolerations: tuple[Toleration, ...] = ()
    ports: tuple[Port, ...] = ()
    images: tuple[str, ...] = ()
    spread: tuple[Spread, ...] = ()
    soft_spread: tuple[Spread, ...] = ()
    default_spread: bool = False
    affinity: tuple[PodTerm, ...] = ()
    anti_affinity: tuple[PodTerm, ...] = ()
    preferred_affinity: tuple[PodTerm, ...] = ()
    preferred_anti_affinity: tuple[PodTerm, ...] = ()

    @property
    def has_pod_terms(self) -> bool:
        return bool(
            self.affinity or self.anti_affinity or self.preferred_affinity or self.preferred_anti_affinity
        )


@dataclass(slots=True)
class Asks:
    """Gives the same Ask for pods that ask the same; the least recently used are forgotten."""

    _known: OrderedDict[bytes, Ask] = field(default_factory=OrderedDict)

    def of(self, pod: Any, default_selector: Selector | None = None) -> Ask:
        """`default_selector` selects the pods of the same Service or workload (default spreading)."""
        key = _signature(pod, default_selector)
        ask = self._known.get(key)
        if ask is None:
            ask = self._known[key] = read(pod, default_selector)
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(key)
        return ask


def _signature(pod: Any, default_selector: Selector | None) -> bytes:
    spec = pod.spec
    return msgspec.json.encode(
        (
            pod.metadata.namespace,
            pod.metadata.labels,
            # Where a placed pod is says nothing of what it asked: only its own wish counts.
            spec.nodeSelector,
            spec.affinity,
            spec.tolerations,
            spec.topologySpreadConstraints,
            spec.overhead,
            spec.resources,
            spec.hostNetwork,
            [(c.image, c.resources, c.ports) for c in spec.containers],
            [(c.image, c.resources, c.ports, c.restartPolicy) for c in spec.initContainers],
            str(default_selector) if default_selector is not None else None,
        )
    )


def read(pod: Any, default_selector: Selector | None = None) -> Ask:
    """The Ask of a typed pod."""
    spec, meta = pod.spec, pod.metadata
    affinity = spec.affinity
    nodes = affinity.nodeAffinity if affinity is not None else None
    required = nodes.requiredDuringSchedulingIgnoredDuringExecution if nodes is not None else None
    terms = tuple(_node_term(t) for t in required.nodeSelectorTerms) if required is not None else None
    near = affinity.podAffinity if affinity is not None else None
    apart = affinity.podAntiAffinity if affinity is not None else None
    hard, soft, defaulted = _spreads(spec, meta.labels, default_selector)
    return Ask(
        namespace=meta.namespace or "",
        labels=meta.labels,
        requests=pod_requests(spec),
        node_selector=tuple(Requirement(k, "=", (v,)) for k, v in sorted(spec.nodeSelector.items())),
        node_terms=terms,
        preferred_nodes=tuple(
            (p.weight or 0, _node_term(p.preference))
            for p in (nodes.preferredDuringSchedulingIgnoredDuringExecution if nodes is not None else ())
        ),
        only_nodes=_only_nodes(terms),
        tolerations=tuple(
            Toleration(t.key or "", t.operator or "", t.value or "", t.effect or "") for t in spec.tolerations
        ),
        ports=tuple(sorted(_ports(spec))),
        images=tuple(_image(c.image) for c in (*spec.initContainers, *spec.containers) if c.image),
        spread=hard,
        soft_spread=soft,
        default_spread=defaulted,
        affinity=_required(near, meta.namespace),
        anti_affinity=_required(apart, meta.namespace),
        preferred_affinity=_preferred(near, meta.namespace),
        preferred_anti_affinity=_preferred(apart, meta.namespace),
    )


def _node_term(term: Any) -> NodeTerm:
    return NodeTerm(
        tuple(requirement(e.key, e.operator, e.values) for e in term.matchExpressions),
        tuple(requirement(e.key, e.operator, e.values) for e in term.matchFields),
    )


def _only_nodes(terms: tuple[NodeTerm, ...] | None) -> frozenset[str] | None:
    """The named nodes when every term names some (as a DaemonSet's pods do), None when one does not."""
    if not terms:
        return None
    names: set[str] = set()
    for term in terms:
        named = [frozenset(r.values) for r in term.fields if r.operator == "in"]
        if not named:
            return None
        names |= frozenset.intersection(*named)
    return frozenset(names)


def _ports(spec: Any) -> set[Port]:
    sidecars = [c for c in spec.initContainers if c.restartPolicy == "Always"]
    return {
        (p.hostIP or "0.0.0.0", p.protocol or "TCP", p.hostPort)
        for container in (*spec.containers, *sidecars)
        for p in container.ports
        if p.hostPort
    }


def _image(name: str) -> str:
    return name if name.rfind(":") > name.rfind("/") else f"{name}:latest"


def _spreads(
    spec: Any, labels: Mapping[str, str], default_selector: Selector | None
) -> tuple[tuple[Spread, ...], tuple[Spread, ...], bool]:
    stated = spec.topologySpreadConstraints
    if stated:
        hard = tuple(_spread(c, labels) for c in stated if c.whenUnsatisfiable == "DoNotSchedule")
        soft = tuple(_spread(c, labels) for c in stated if c.whenUnsatisfiable == "ScheduleAnyway")
        return hard, soft, False
    if default_selector is None or not default_selector.requirements:
        return (), (), False
    defaults = (Spread(HOSTNAME, default_selector, 3), Spread(ZONE, default_selector, 5))
    return (), defaults, True


def _spread(constraint: Any, labels: Mapping[str, str]) -> Spread:
    selector = from_label_selector(constraint.labelSelector)
    if constraint.matchLabelKeys and not selector.nothing:
        same = tuple(Requirement(k, "in", (labels[k],)) for k in constraint.matchLabelKeys if k in labels)
        selector = Selector((*selector.requirements, *same))
    return Spread(
        constraint.topologyKey or "",
        selector,
        constraint.maxSkew or 1,
        constraint.minDomains or 1,
        constraint.nodeAffinityPolicy != "Ignore",
        constraint.nodeTaintsPolicy == "Honor",
    )


def _required(stanza: Any, namespace: str) -> tuple[PodTerm, ...]:
    terms: Iterable[Any] = stanza.requiredDuringSchedulingIgnoredDuringExecution if stanza is not None else ()
    return tuple(_pod_term(term, namespace, 0) for term in terms)


def _preferred(stanza: Any, namespace: str) -> tuple[PodTerm, ...]:
    terms = stanza.preferredDuringSchedulingIgnoredDuringExecution if stanza is not None else ()
    return tuple(_pod_term(t.podAffinityTerm, namespace, t.weight or 0) for t in terms)


def _pod_term(term: Any, namespace: str, weight: int) -> PodTerm:
    chosen = term.namespaceSelector
    if chosen is None:
        return PodTerm(
            term.topologyKey or "",
            from_label_selector(term.labelSelector),
            tuple(sorted(term.namespaces)) or (namespace,),
            None,
            weight,
        )
    selector = from_label_selector(chosen)
    return PodTerm(
        term.topologyKey or "",
        from_label_selector(term.labelSelector),
        tuple(sorted(term.namespaces)),
        selector if selector else EVERYTHING,
        weight,
    )
