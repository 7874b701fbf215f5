"""The Deployment's status: counts, Available, and how the rollout gets on (Progressing).

Pure. Follows upstream's `deployment/progress.go` and `deployment/util`. The order in which conditions
are put is upstream's too, for it is the order that people see.
"""

from __future__ import annotations

from typing import Any

from wherry.api.schema import Obj, to_obj
from wherry.clock import parse_rfc3339, rfc3339
from wherry.controllers import conditions
from wherry.controllers.deployment import sizes
from wherry.controllers.deployment.draft import Draft

COMPLETE = "NewReplicaSetAvailable"
TIMED_OUT = "ProgressDeadlineExceeded"
_ENOUGH = ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
_NOT_ENOUGH = ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
_PAUSED, _RESUMED = "DeploymentPaused", "DeploymentResumed"


def condition(type_: str, status: str, reason: str, message: str, now: float) -> Obj:
    made = conditions.condition(type_, status, reason, message, now)
    made["lastUpdateTime"] = rfc3339(now)
    return made


def has_deadline(deployment: Any) -> bool:
    seconds = deployment.spec.progressDeadlineSeconds
    return seconds is not None and seconds != sizes.MAX_INT32


def note_pause(draft: Draft) -> None:
    """Pausing and resuming stop and restart the clock of the deadline."""
    if not has_deadline(draft.deployment):
        return
    known = conditions.find(draft.conditions, "Progressing")
    reason = known.get("reason") if known else None
    if reason == TIMED_OUT:
        return
    if draft.deployment.spec.paused and reason != _PAUSED:
        _put(draft, "Unknown", _PAUSED, "Deployment is paused")
    elif not draft.deployment.spec.paused and reason == _PAUSED:
        _put(draft, "Unknown", _RESUMED, "Deployment is resumed")


def note_new(draft: Draft) -> None:
    """A new ReplicaSet, or one found where no progress was noted before."""
    if draft.new is None or not has_deadline(draft.deployment):
        return
    name = draft.new.metadata.name
    if draft.create is not None:
        _put(draft, "True", "NewReplicaSetCreated", f'Created new replica set "{name}"')
    elif conditions.find(draft.conditions, "Progressing") is None:
        _put(draft, "True", "FoundNewReplicaSet", f'Found new replica set "{name}"')


def _put(draft: Draft, status: str, reason: str, message: str) -> None:
    conditions.put(draft.conditions, condition("Progressing", status, reason, message, draft.now))


def counted(draft: Draft) -> Obj:
    """The status but for progress; Available is put into the draft's conditions."""
    deployment, everything = draft.deployment, draft.all
    new = [] if draft.new is None else [draft.new]
    available = sizes.available(everything)
    enough = available >= sizes.wanted(deployment) - sizes.max_unavailable(deployment)
    reason = _ENOUGH if enough else _NOT_ENOUGH
    conditions.put(draft.conditions, condition("Available", *reason, draft.now))
    status = conditions.without_empty(
        {
            "observedGeneration": deployment.metadata.generation or 0,
            "replicas": sizes.actual(everything),
            "updatedReplicas": sizes.actual(new),
            "readyReplicas": sizes.ready(everything),
            "availableReplicas": available,
            "unavailableReplicas": max(0, sizes.total_replicas(everything) - available),
        }
    )
    terminating = sizes.terminating(everything)
    if terminating is not None:
        status["terminatingReplicas"] = terminating
    if deployment.status.collisionCount is not None:
        status["collisionCount"] = deployment.status.collisionCount
    return status


def is_complete(deployment: Any, status: Obj) -> bool:
    target = sizes.wanted(deployment)
    counts = (status.get(name, 0) for name in ("updatedReplicas", "replicas", "availableReplicas"))
    return all(count == target for count in counts)


def judge(draft: Draft, status: Obj) -> None:
    """Puts Progressing and ReplicaFailure into the draft's conditions."""
    deployment, known = draft.deployment, conditions.find(draft.conditions, "Progressing")
    if not has_deadline(deployment):
        conditions.drop(draft.conditions, "Progressing")
    elif not _was_complete(known, status):
        subject = "Deployment" if draft.new is None else "ReplicaSet"
        name = (draft.new or deployment).metadata.name
        if is_complete(deployment, status):
            _put(draft, "True", COMPLETE, f'{subject} "{name}" has successfully progressed.')
        elif _moved(deployment.status, status):
            _progressing(draft, known, f'{subject} "{name}" is progressing.')
        elif _timed_out(deployment, known, draft.now):
            _put(draft, "False", TIMED_OUT, f'{subject} "{name}" has timed out progressing.')
    failure = _failure(draft)
    if failure is None:
        conditions.drop(draft.conditions, "ReplicaFailure")
    else:
        conditions.put(draft.conditions, failure)


def _was_complete(known: Obj | None, status: Obj) -> bool:
    same = status.get("replicas", 0) == status.get("updatedReplicas", 0)
    return same and known is not None and known.get("reason") == COMPLETE


def _moved(before: Any, now: Obj) -> bool:
    def grew(name: str) -> bool:
        return bool(now.get(name, 0) > (getattr(before, name) or 0))

    old_before = (before.replicas or 0) - (before.updatedReplicas or 0)
    old_now = now.get("replicas", 0) - now.get("updatedReplicas", 0)
    return (
        grew("updatedReplicas") or old_now < old_before or grew("readyReplicas") or grew("availableReplicas")
    )


def _progressing(draft: Draft, known: Obj | None, message: str) -> None:
    """Every step forward restarts the deadline: lastUpdateTime moves, lastTransitionTime does not."""
    moved = condition("Progressing", "True", "ReplicaSetUpdated", message, draft.now)
    if known is not None:
        if known["status"] == "True":
            moved["lastTransitionTime"] = known.get("lastTransitionTime", moved["lastTransitionTime"])
        draft.conditions.remove(known)
    draft.conditions.append(moved)


def _timed_out(deployment: Any, known: Obj | None, now: float) -> bool:
    if known is None or known.get("reason") == COMPLETE:
        return False
    if known.get("reason") == TIMED_OUT:
        return True
    return _deadline(deployment, known, now) <= 0


def _deadline(deployment: Any, known: Obj, now: float) -> float:
    since = parse_rfc3339(known.get("lastUpdateTime") or known["lastTransitionTime"])
    return float(since + deployment.spec.progressDeadlineSeconds - now)


def _failure(draft: Draft) -> Obj | None:
    """The ReplicaFailure of a ReplicaSet, the new one's before the old ones'."""
    ordered = ([] if draft.new is None else [draft.new]) + draft.old
    for one in ordered:
        for known in one.status.conditions:
            if known.type == "ReplicaFailure":
                plain = to_obj(known)
                return {**plain, "lastUpdateTime": plain.get("lastTransitionTime", rfc3339(draft.now))}
    return None


def wake(draft: Draft, status: Obj) -> float | None:
    """Seconds until the deadline of a rollout under way."""
    known = conditions.find(draft.conditions, "Progressing")
    if known is None or not has_deadline(draft.deployment) or is_complete(draft.deployment, status):
        return None
    if known.get("reason") in (COMPLETE, TIMED_OUT):
        return None
    return max(1.0, _deadline(draft.deployment, known, draft.now))
