"""Pods that were promised a node: their victims are leaving, or somebody nominated a node for them.

Until such a pod is placed, pods of the same or lower priority must leave it room there.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from wherry.scheduler.counters import PlacedPod


@dataclass(slots=True)
class Nominations:
    _by_key: dict[str, PlacedPod] = field(default_factory=dict)

    def set(self, nominated: PlacedPod) -> None:
        self._by_key[nominated.key] = nominated

    def drop(self, key: str) -> None:
        self._by_key.pop(key, None)

    def beside(self, key: str, priority: int) -> tuple[PlacedPod, ...]:
        """The nominated pods that a pod of this priority must leave room for."""
        if not self._by_key:
            return ()
        return tuple(n for n in self._by_key.values() if n.priority >= priority and n.key != key)

    def of(self, key: str) -> PlacedPod | None:
        return self._by_key.get(key)
