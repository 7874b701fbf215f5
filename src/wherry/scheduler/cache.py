"""The cluster as the scheduler believes it to be: what informers said, and what it has decided since.

A pod is *assumed* on a node from the decision until the informer shows it there (confirmed) or the
binding fails (forgotten), so the next pod sees the place taken. Methods are called in the loop and
return what changed, for the queue to judge whom it may help.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from wherry.scheduler.asks import Ask, Asks
from wherry.scheduler.columns import Columns, facts
from wherry.scheduler.counters import Placed, PlacedPod


def key_of(pod: Any) -> str:
    return f"{pod.metadata.namespace}/{pod.metadata.name}"


def priority_of(pod: Any) -> int:
    return pod.spec.priority or 0


def finished(pod: Any) -> bool:
    return pod.status.phase in ("Succeeded", "Failed")


@dataclass(slots=True)
class Cache:
    nodes: Columns = field(default_factory=Columns)
    asks: Asks = field(default_factory=Asks)
    placed: Placed = field(init=False)
    _assumed: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.placed = Placed(self.nodes)

    def set_node(self, node: Any) -> int | None:
        """The node's row when something changed that matters to placing."""
        return self.nodes.set_node(node.metadata.name, facts(node))

    def remove_node(self, name: str) -> None:
        row = self.nodes.rows.get(name)
        self.nodes.remove_node(name)
        if row is not None:
            self.nodes.release(row)

    def set_pod(self, pod: Any) -> tuple[PlacedPod | None, PlacedPod | None]:
        """Takes in a pod that has a node. (before, now); equal places and asks give (None, None)."""
        key, row = key_of(pod), self.nodes.row(pod.spec.nodeName)
        known = self.placed.pods.get(key)
        self._assumed.discard(key)
        if known is not None and known.row == row and _same(known, pod):
            self.placed.replace(replace(known, pod=pod))
            return None, None
        before = self.placed.remove(key)
        # Removing may have given the row back, when nothing else held it.
        row = self.nodes.row(pod.spec.nodeName)
        now = placed_pod(pod, self.asks.of(pod), row)
        self.placed.add(now)
        return before, now

    def remove_pod(self, key: str) -> PlacedPod | None:
        self._assumed.discard(key)
        return self.placed.remove(key)

    def assume(self, pod: Any, ask: Ask, row: int) -> None:
        self.placed.add(placed_pod(pod, ask, row))
        self._assumed.add(key_of(pod))

    def forget(self, key: str, uid: str) -> PlacedPod | None:
        """Undoes an assumption; None when it was confirmed, or replaced, meanwhile."""
        known = self.placed.pods.get(key)
        if known is None or known.uid != uid or key not in self._assumed:
            return None
        return self.remove_pod(key)

    def assumed(self, key: str, uid: str) -> bool:
        known = self.placed.pods.get(key)
        return known is not None and known.uid == uid and key in self._assumed


def placed_pod(pod: Any, ask: Ask, row: int) -> PlacedPod:
    return PlacedPod(key_of(pod), pod.metadata.uid, row, ask, priority_of(pod), _leaving(pod), pod)


def _leaving(pod: Any) -> bool:
    return pod.metadata.deletionTimestamp is not None


def _same(known: PlacedPod, new: Any) -> bool:
    """The same pod, counting the same. (An assumed pod's spec lacks the node, so specs differ.)"""
    old = known.pod
    return bool(
        known.uid == new.metadata.uid
        and known.leaving == _leaving(new)
        and old.metadata.labels == new.metadata.labels
        and old.spec.containers == new.spec.containers
        and old.spec.resources == new.spec.resources
    )
