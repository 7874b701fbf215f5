"""Which pods stand where, counted for the selectors somebody asks about, and kept up to date.

A `Counter` holds, per node row, how many placed pods match a question ("same namespace and this
selector"). It is made by one pass over all pods when first asked, then follows each pod that comes or
goes. `Placed.terms` is the other direction: the affinity terms that placed pods themselves carry,
each once, with the number of its bearers per row.

Invariant: for every counter and row, `rows[row]` equals the number of matching pods in `Placed.pods`.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from wherry.api.selectors import Selector
from wherry.scheduler.asks import Ask, PodTerm
from wherry.scheduler.columns import Columns, Ints

Family: TypeAlias = Literal["affinity", "anti_affinity", "preferred_affinity", "preferred_anti_affinity"]
FAMILIES: tuple[Family, ...] = (
    "affinity",
    "anti_affinity",
    "preferred_affinity",
    "preferred_anti_affinity",
)
_COUNTERS = 512


@dataclass(frozen=True, slots=True, eq=False)
class PlacedPod:
    """A pod on a node, assumed there or bound. `pod` is the typed object as last seen."""

    key: str
    uid: str
    row: int
    ask: Ask
    priority: int
    leaving: bool
    pod: Any


@dataclass(frozen=True, slots=True)
class Question:
    """Pods that all `terms` select (leaving ones too), or, with `selector`, pods of one namespace that
    are not being deleted: the two ways upstream's plugins count."""

    terms: tuple[PodTerm, ...] = ()
    namespace: str = ""
    selector: Selector | None = None

    def matches(self, placed: PlacedPod, namespaces: Mapping[str, Mapping[str, str]]) -> bool:
        ask = placed.ask
        if self.selector is not None:
            return (
                ask.namespace == self.namespace and not placed.leaving and self.selector.matches(ask.labels)
            )
        own = namespaces.get(ask.namespace, {})
        return all(term.selects(ask.namespace, own, ask.labels) for term in self.terms)

    @property
    def by_namespace_label(self) -> bool:
        return any(term.namespace_selector is not None for term in self.terms)


class Counter:
    def __init__(self, capacity: int) -> None:
        self.rows: Ints = np.zeros(capacity, np.int64)
        self.total = 0

    def change(self, row: int, by: int, capacity: int) -> None:
        if len(self.rows) < capacity:
            self.rows = np.concatenate((self.rows, np.zeros(capacity - len(self.rows), np.int64)))
        self.rows[row] += by
        self.total += by

    def read(self, size: int) -> Ints:
        """The counts of the first `size` rows."""
        if len(self.rows) < size:
            self.rows = np.concatenate((self.rows, np.zeros(size - len(self.rows), np.int64)))
        return self.rows[:size]


class Placed:
    """All placed pods, and what is counted about them. Keeps the columns' sums in step."""

    def __init__(self, nodes: Columns) -> None:
        self.nodes = nodes
        self.pods: dict[str, PlacedPod] = {}
        self.by_row: dict[int, dict[str, PlacedPod]] = {}
        self.priorities: Tally[int] = Tally()
        self.namespaces: dict[str, Mapping[str, str]] = {}
        self.terms: dict[Family, dict[PodTerm, Counter]] = {family: {} for family in FAMILIES}
        self._counters: OrderedDict[Question, Counter] = OrderedDict()

    def add(self, placed: PlacedPod) -> None:
        ask, row = placed.ask, placed.row
        self.pods[placed.key] = placed
        self.by_row.setdefault(row, {})[placed.key] = placed
        self.priorities[placed.priority] += 1
        self.nodes.add_pod(row, ask.requests.amounts, ask.requests.scored, ask.ports)
        self._count(placed, 1)

    def remove(self, key: str) -> PlacedPod | None:
        placed = self.pods.pop(key, None)
        if placed is None:
            return None
        ask, row = placed.ask, placed.row
        del self.by_row[row][key]
        if not self.by_row[row]:
            del self.by_row[row]
        self.priorities[placed.priority] -= 1
        if not self.priorities[placed.priority]:
            del self.priorities[placed.priority]
        self.nodes.remove_pod(row, ask.requests.amounts, ask.requests.scored, ask.ports)
        self._count(placed, -1)
        self.nodes.release(row)
        return placed

    def replace(self, placed: PlacedPod) -> None:
        """A newer object of a pod that asks the same in the same place: nothing to recount."""
        self.pods[placed.key] = placed
        self.by_row[placed.row][placed.key] = placed

    def on(self, row: int) -> list[PlacedPod]:
        return list(self.by_row.get(row, {}).values())

    def set_namespace(self, name: str, labels: Mapping[str, str] | None) -> bool:
        """A namespace's labels, None when it is gone. True when they changed."""
        if self.namespaces.get(name) == labels:
            return False
        if labels is None:
            del self.namespaces[name]
        else:
            self.namespaces[name] = labels
        self.nodes.generation += 1
        for question in [q for q in self._counters if q.by_namespace_label]:
            del self._counters[question]
        return True

    def counter(self, question: Question) -> Counter:
        """The counts that answer a question; kept from then on, unless not asked for long."""
        counter = self._counters.get(question)
        if counter is not None:
            self._counters.move_to_end(question)
            return counter
        capacity = len(self.nodes.live)
        counter = self._counters[question] = Counter(capacity)
        for placed in self.pods.values():
            if question.matches(placed, self.namespaces):
                counter.change(placed.row, 1, capacity)
        if len(self._counters) > _COUNTERS:
            self._counters.popitem(last=False)
        return counter

    def terms_selecting(self, ask: Ask, family: Family) -> Iterator[tuple[PodTerm, Counter]]:
        """The terms of placed pods that select a pod with this ask, with their bearers per row."""
        own = self.namespaces.get(ask.namespace, {})
        for term, bearers in self.terms[family].items():
            if term.selects(ask.namespace, own, ask.labels):
                yield term, bearers

    def _count(self, placed: PlacedPod, by: int) -> None:
        capacity = len(self.nodes.live)
        for question, counter in self._counters.items():
            if question.matches(placed, self.namespaces):
                counter.change(placed.row, by, capacity)
        if not placed.ask.has_pod_terms:
            return
        for family in FAMILIES:
            known = self.terms[family]
            for term in getattr(placed.ask, family):
                bearers = known.get(term)
                if bearers is None:
                    bearers = known[term] = Counter(capacity)
                bearers.change(placed.row, by, capacity)
                if not bearers.total:
                    del known[term]
