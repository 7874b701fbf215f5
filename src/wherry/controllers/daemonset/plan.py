"""What to do next for a DaemonSet. Pure.

Follows upstream's `pkg/controller/daemon`: `podsShouldBeOnNode` and `rollingUpdate`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from wherry.api.schema import Obj
from wherry.controllers import conditions, pods
from wherry.controllers.base import soonest
from wherry.controllers.daemonset.placement import Verdict, pinned_to, verdict
from wherry.controllers.deployment.sizes import scaled
from wherry.controllers.history import HASH


@dataclass(frozen=True, slots=True)
class Plan:
    create: tuple[str, ...] = ()
    """Names of nodes."""

    delete: tuple[Any, ...] = ()
    failed: tuple[Any, ...] = ()
    """Among those to delete: pods that ended, of which one wants to know."""

    wake: float | None = None


@dataclass(frozen=True, slots=True)
class Placed:
    """The pods of each node, oldest first, and what the nodes are fit for."""

    verdicts: dict[str, Verdict]
    pods: dict[str, list[Any]]


def place(owner: Any, nodes: list[Any], owned: list[Any]) -> Placed:
    by_node: dict[str, list[Any]] = {}
    for pod in sorted(owned, key=lambda p: (pods.created(p), p.metadata.name)):
        by_node.setdefault(pinned_to(pod), []).append(pod)
    return Placed({n.metadata.name: verdict(owner.spec.template, n) for n in nodes}, by_node)


def plan(owner: Any, placed: Placed, digest: str, now: float) -> Plan:
    create: list[str] = []
    delete: list[Any] = []
    failed: list[Any] = []
    for name, fit in placed.verdicts.items():
        there = placed.pods.get(name, [])
        alive = [pod for pod in there if pod.metadata.deletionTimestamp is None]
        ended = [pod for pod in alive if pods.is_finished(pod)]
        working = [pod for pod in alive if not pods.is_finished(pod)]
        if fit.stay:
            failed += ended
            delete += working[1:]
        else:
            delete += working
        if fit.run and not there:
            create.append(name)
    delete += [
        pod
        for name, there in placed.pods.items()
        if name not in placed.verdicts
        for pod in there
        if pod.metadata.deletionTimestamp is None
    ]
    wake = _wake(owner, placed, now)
    if create or delete or failed:
        return Plan(tuple(create), (*delete, *failed), tuple(failed), wake)
    return Plan(delete=tuple(_outdated(owner, placed, digest, now)), wake=wake)


def _wake(owner: Any, placed: Placed, now: float) -> float | None:
    seconds = owner.spec.minReadySeconds or 0
    return soonest(*(pods.next_check(there, seconds, now) for there in placed.pods.values()))


def _outdated(owner: Any, placed: Placed, digest: str, now: float) -> list[Any]:
    """Old pods that may go at this time: first those that do not serve, then as many as may be missing."""
    strategy = owner.spec.updateStrategy
    if strategy is not None and strategy.type == "OnDelete":
        return []
    rolling = strategy.rollingUpdate if strategy is not None else None
    desired = [name for name, fit in placed.verdicts.items() if fit.run]
    limit = 1 if rolling is None or rolling.maxUnavailable is None else rolling.maxUnavailable
    left = max(1, scaled(limit, len(desired), up=True))
    idle: list[Any] = []
    serving: list[Any] = []
    for name in desired:
        there = [p for p in placed.pods.get(name, ()) if p.metadata.deletionTimestamp is None]
        available = [p for p in there if pods.is_available(p, owner.spec.minReadySeconds or 0, now)]
        left -= not available
        for pod in there:
            if pod.metadata.labels.get(HASH) != digest:
                (serving if pod in available else idle).append(pod)
    return idle + serving[: max(0, left)]


def status_of(owner: Any, placed: Placed, digest: str, now: float) -> Obj:
    desired = [name for name, fit in placed.verdicts.items() if fit.run]
    first = {name: there[0] for name, there in placed.pods.items() if name in placed.verdicts}
    scheduled = [first[name] for name in desired if name in first]
    seconds = owner.spec.minReadySeconds or 0
    available = sum(pods.is_available(pod, seconds, now) for pod in scheduled)
    wrong = sum(name in first for name, fit in placed.verdicts.items() if not fit.run)
    told = {
        "updatedNumberScheduled": sum(pod.metadata.labels.get(HASH) == digest for pod in scheduled),
        "numberAvailable": available,
        "numberUnavailable": len(desired) - available,
        "observedGeneration": owner.metadata.generation or 0,
        "collisionCount": owner.status.collisionCount,
    }
    return {
        **conditions.without_empty(told),
        "currentNumberScheduled": len(scheduled),
        "desiredNumberScheduled": len(desired),
        "numberMisscheduled": wrong,
        "numberReady": sum(map(pods.is_ready, scheduled)),
    }
