"""What to do next for a Deployment: one pure function from what is there to what to write.

    plan(deployment, its ReplicaSets, ...) -> Plan(create, changes, remove, status, ...)

`controller.py` carries plans out. A plan is small: applied, it leads to events that ask for the next.
Follows upstream's `syncDeployment`, with the writes of one sync gathered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from wherry.api.schema import Obj
from wherry.controllers.deployment import progress, recreate, revisions, rolling, scaling, sizes
from wherry.controllers.deployment.draft import Change, Draft


@dataclass(frozen=True, slots=True)
class Plan:
    create: Obj | None
    changes: tuple[Change, ...]
    remove: tuple[Any, ...]
    status: Obj
    revision: str
    """The revision annotation that the Deployment is to have; empty: leave it."""

    wake: float | None


def plan(deployment: Any, replica_sets: list[Any], old_pods_running: bool, now: float) -> Plan:
    """`old_pods_running`: a pod of another than the current template's ReplicaSet is there."""
    draft = Draft(deployment, replica_sets, now)
    if deployment.metadata.deletionTimestamp is not None:
        status = progress.counted(draft)
        return Plan(None, (), (), {**status, "conditions": draft.conditions}, "", None)
    progress.note_pause(draft)
    rollout = not deployment.spec.paused and not scaling.is_scaling(draft)
    if not rollout:
        scaling.scale(draft)
    elif sizes.is_rolling(deployment):
        rolling.roll(draft)
    else:
        recreate.roll(draft, old_pods_running)
    progress.note_new(draft)
    status = progress.counted(draft)
    if rollout:
        progress.judge(draft, status)
    if deployment.spec.paused or (rollout and progress.is_complete(deployment, status)):
        draft.remove = _surplus(draft)
    wake = progress.wake(draft, status) if rollout else None
    return Plan(
        draft.create,
        draft.changes(),
        tuple(draft.remove),
        {**status, "conditions": draft.conditions},
        draft.revision,
        wake,
    )


def _surplus(draft: Draft) -> list[Any]:
    """Old, empty ReplicaSets beyond revisionHistoryLimit, lowest revision first."""
    limit = draft.deployment.spec.revisionHistoryLimit
    if limit is None or limit == sizes.MAX_INT32:
        return []
    alive = [one for one in draft.old if one.metadata.deletionTimestamp is None]
    alive.sort(key=lambda one: revisions.revision(one.metadata.annotations))
    return [one for one in alive[: max(0, len(alive) - limit)] if _is_idle(one)]


def _is_idle(replica_set: Any) -> bool:
    status = replica_set.status
    settled = (replica_set.metadata.generation or 0) <= (status.observedGeneration or 0)
    return settled and sizes.replicas(replica_set) == 0 and not status.replicas
