"""What to do next for a StatefulSet. Pure.

Ordered: a pod is made when all before it are ready, taken away when all after it are gone; an update
goes from the last ordinal to the first, one at a time. `Parallel` makes and takes all at once, but
updates in order too. Follows upstream's `stateful_set_control.go`. Not here: maxUnavailable, retention
of claims.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from wherry.api.schema import Obj
from wherry.controllers import conditions, pods
from wherry.controllers.history import HASH
from wherry.controllers.statefulset.identity import ordinal


@dataclass(frozen=True, slots=True)
class Plan:
    create: tuple[int, ...] = ()
    delete: tuple[Any, ...] = ()
    wake: float | None = None


def wanted(owner: Any) -> range:
    count = 1 if owner.spec.replicas is None else owner.spec.replicas
    start = owner.spec.ordinals.start or 0 if owner.spec.ordinals is not None else 0
    return range(start, start + count)


def partition(owner: Any) -> int:
    """Ordinals from here on have the new template."""
    strategy = owner.spec.updateStrategy
    rolling = strategy.rollingUpdate if strategy is not None else None
    return wanted(owner).start + ((rolling.partition or 0) if rolling is not None else 0)


def revision_for(owner: Any, number: int, current: str, update: str) -> str:
    """Which revision a pod that is made now is of."""
    return current if number < partition(owner) else update


def plan(owner: Any, owned: list[Any], update: str, now: float) -> Plan:
    """`owned`: pods of the set; `update`: the name of the revision they are to have."""
    by_ordinal = {ordinal(owner, pod): pod for pod in owned}
    inside = [(number, by_ordinal.get(number)) for number in wanted(owner)]
    outside = sorted(
        ((n, pod) for n, pod in by_ordinal.items() if n is not None and n not in wanted(owner)),
        key=lambda pair: -pair[0],
    )
    if owner.spec.podManagementPolicy == "Parallel":
        result = _parallel(inside, outside)
    else:
        result = _ordered(owner, inside, outside, now)
    if result is not None:
        return result
    return _update(owner, inside, update, now)


def _parallel(inside: list[tuple[int, Any]], outside: list[tuple[int, Any]]) -> Plan | None:
    create = tuple(number for number, pod in inside if pod is None)
    over = [pod for _, pod in inside if pod is not None and pods.is_finished(pod)]
    delete = [pod for pod in [*over, *(pod for _, pod in outside)] if not _is_going(pod)]
    return Plan(create, tuple(delete)) if create or delete else None


def _ordered(
    owner: Any, inside: list[tuple[int, Any]], outside: list[tuple[int, Any]], now: float
) -> Plan | None:
    for number, pod in inside:
        if pod is None:
            return Plan(create=(number,))
        if _is_going(pod):
            return Plan()
        if pods.is_finished(pod):
            return Plan(delete=(pod,))
        wait = _unavailable(owner, pod, now)
        if wait is not None:
            return Plan(wake=wait or None)
    for _, pod in outside:
        return Plan() if _is_going(pod) else Plan(delete=(pod,))
    return None


def _update(owner: Any, inside: list[tuple[int, Any]], update: str, now: float) -> Plan:
    strategy = owner.spec.updateStrategy
    if strategy is not None and strategy.type == "OnDelete":
        return Plan()
    for number, pod in reversed(inside):
        if number < partition(owner) or pod is None:
            break
        if pod.metadata.labels.get(HASH) != update:
            return Plan() if _is_going(pod) else Plan(delete=(pod,))
        wait = _unavailable(owner, pod, now)
        if wait is not None:
            return Plan(wake=wait or None)
    return Plan()


def _is_going(pod: Any) -> bool:
    return pod.metadata.deletionTimestamp is not None


def _unavailable(owner: Any, pod: Any, now: float) -> float | None:
    """None: the pod is available; else the seconds until it may be (0: not known)."""
    wait = pods.available_in(pod, owner.spec.minReadySeconds or 0, now)
    if wait is None:
        return 0.0
    return wait or None


def status_of(owner: Any, owned: list[Any], current: str, update: str, now: float) -> Obj:
    """The whole status; `current` is the revision that all had before the update to `update`."""
    alive = [pod for pod in owned if not _is_going(pod)]
    ready = [pod for pod in owned if pods.is_ready(pod)]
    updated = [pod for pod in alive if pod.metadata.labels.get(HASH) == update]
    before = [pod for pod in alive if pod.metadata.labels.get(HASH) == current]
    complete = len(updated) == len(ready) == len(owned) == len(wanted(owner))
    if complete:
        current, before = update, updated
    min_ready = owner.spec.minReadySeconds or 0
    counted = {
        "observedGeneration": owner.metadata.generation or 0,
        "replicas": len(owned),
        "readyReplicas": len(ready),
        "currentReplicas": len(before),
        "updatedReplicas": len(updated),
        "currentRevision": current,
        "updateRevision": update,
    }
    available = sum(pods.is_available(pod, min_ready, now) for pod in owned)
    kept = conditions.without_empty(counted, keep=("replicas",))
    return {**kept, "collisionCount": owner.status.collisionCount or 0, "availableReplicas": available}
