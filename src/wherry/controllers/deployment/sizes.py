"""How many pods a Deployment may have: the arithmetic of replicas, surge and unavailability.

Pure. Follows upstream's `pkg/controller/deployment/util/deployment_util.go`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

MAX_INT32 = 2**31 - 1


def scaled(value: str | int | None, total: int, *, up: bool) -> int:
    """An absolute number, or a percentage of `total` rounded up or down."""
    if value is None:
        return 0
    if isinstance(value, int):
        return value
    match = re.fullmatch(r"(\d+)%", value)
    if match is None:
        raise ValueError(f"invalid value for IntOrString: invalid type: string is not a percentage: {value}")
    product = int(match[1]) * total
    return -(-product // 100) if up else product // 100


def wanted(deployment: Any) -> int:
    return 1 if deployment.spec.replicas is None else int(deployment.spec.replicas)


def is_rolling(deployment: Any) -> bool:
    strategy = deployment.spec.strategy
    return strategy is None or strategy.type in (None, "", "RollingUpdate")


def _limits(deployment: Any) -> tuple[int, int]:
    """(maxSurge, maxUnavailable) in pods; never both 0, for nothing could move then."""
    strategy = deployment.spec.strategy
    rolling = strategy.rollingUpdate if strategy is not None else None
    total = wanted(deployment)
    surge = scaled("25%" if rolling is None else rolling.maxSurge, total, up=True)
    unavailable = scaled("25%" if rolling is None else rolling.maxUnavailable, total, up=False)
    return (surge, unavailable) if surge or unavailable else (0, 1)


def max_surge(deployment: Any) -> int:
    return _limits(deployment)[0] if is_rolling(deployment) else 0


def max_unavailable(deployment: Any) -> int:
    total = wanted(deployment)
    if not is_rolling(deployment) or total == 0:
        return 0
    return min(_limits(deployment)[1], total)


def replicas(replica_set: Any) -> int:
    return 1 if replica_set.spec.replicas is None else int(replica_set.spec.replicas)


def total_replicas(replica_sets: Iterable[Any]) -> int:
    """Asked for, by spec."""
    return sum(map(replicas, replica_sets))


def actual(replica_sets: Iterable[Any]) -> int:
    return sum(one.status.replicas or 0 for one in replica_sets)


def available(replica_sets: Iterable[Any]) -> int:
    return sum(one.status.availableReplicas or 0 for one in replica_sets)


def ready(replica_sets: Iterable[Any]) -> int:
    return sum(one.status.readyReplicas or 0 for one in replica_sets)


def terminating(replica_sets: Iterable[Any]) -> int | None:
    """None when no ReplicaSet tells."""
    told = [s.status.terminatingReplicas for s in replica_sets if s.status.terminatingReplicas is not None]
    return sum(told) if told else None


def new_size(deployment: Any, all_sets: Iterable[Any], current: int) -> int:
    """To how many pods the new ReplicaSet, now `current`, may grow (NewRSNewReplicas)."""
    target = wanted(deployment)
    if not is_rolling(deployment):
        return target
    room = target + max_surge(deployment) - total_replicas(all_sets)
    return current if room <= 0 else current + min(room, target - current)
