"""How fast nodes may be given up: a zone whose nodes mostly do not answer has another problem. Pure.

    all zones down      nothing is evicted (the fault is likely here), taints are taken back
    one zone half down  slower, or not at all in a small cluster
    else                one node in ten seconds a zone

Follows `handleDisruption` and `ReducedQPSFunc` of upstream's node lifecycle controller.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from wherry.controllers.nodes.health import ready_status
from wherry.controllers.settings import ControllersSettings

_ZONE, _REGION = "topology.kubernetes.io/zone", "topology.kubernetes.io/region"


def zone_of(node: Any) -> str:
    labels = node.metadata.labels
    return f"{labels.get(_REGION, '')}:{labels.get(_ZONE, '')}"


@dataclass(frozen=True, slots=True)
class Pace:
    """Evictions a second by zone. `disrupted`: no zone has a node that answers."""

    rates: dict[str, float]
    disrupted: bool

    def interval(self, zone: str) -> float | None:
        """Seconds between two nodes; None: no node at all."""
        rate = self.rates.get(zone, 0.0)
        return 1 / rate if rate > 0 else None


def pace(nodes: Iterable[Any], settings: ControllersSettings) -> Pace:
    total: Counter[str] = Counter()
    silent: Counter[str] = Counter()
    for node in nodes:
        zone = zone_of(node)
        total[zone] += 1
        silent[zone] += ready_status(node) != "True"
    rates: dict[str, float] = {}
    for zone, size in total.items():
        partly = silent[zone] > 2 and silent[zone] / size >= settings.unhealthy_zone
        if silent[zone] == size or not partly:
            rates[zone] = settings.eviction_rate
        else:
            rates[zone] = settings.secondary_eviction_rate if size > settings.large_cluster else 0.0
    return Pace(rates, bool(total) and all(silent[zone] == size for zone, size in total.items()))
