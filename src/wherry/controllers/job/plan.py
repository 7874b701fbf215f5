"""What to do next for a Job. Pure: from the Job, its pods and the account of them to a plan.

A Job's end has two steps. First its fate is sealed (SuccessCriteriaMet or FailureTarget) and running
pods are deleted; when all are gone and counted, the final condition (Complete or Failed) is added.
Follows upstream's `syncJob` and `manageJob`. Not here: success policy, a back-off limit per index.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from wherry.api.schema import Obj
from wherry.clock import parse_rfc3339, rfc3339
from wherry.controllers import conditions, pods
from wherry.controllers.base import soonest
from wherry.controllers.job import indexes
from wherry.controllers.job.tracking import Account, only_failed_are_replaced

_FINAL = {"SuccessCriteriaMet": "Complete", "FailureTarget": "Failed"}
_BATCH = 500
"""At most so many pods are created or deleted at one look."""


class Fate(NamedTuple):
    interim: str
    reason: str
    message: str


COMPLETED = Fate("SuccessCriteriaMet", "CompletionsReached", "Reached expected number of succeeded pods")
_TOO_MANY_FAILURES = Fate(
    "FailureTarget", "BackoffLimitExceeded", "Job has reached the specified backoff limit"
)
_TOO_LATE = Fate("FailureTarget", "DeadlineExceeded", "Job was active longer than specified deadline")


@dataclass(frozen=True, slots=True)
class Plan:
    create: int = 0
    indexes: tuple[int, ...] = ()
    """One for each pod to create, for an Indexed job."""

    delete: tuple[Any, ...] = ()
    fate: Fate | None = None
    wake: float | None = None


def is_finished(job: Any) -> bool:
    return any(c.type in ("Complete", "Failed") and c.status == "True" for c in job.status.conditions)


def sealed(job: Any) -> Fate | None:
    """The fate that a former look wrote down."""
    for condition in job.status.conditions:
        if condition.type in _FINAL and condition.status == "True":
            return Fate(condition.type, condition.reason or "", condition.message or "")
    return None


def parallelism(job: Any) -> int:
    return 1 if job.spec.parallelism is None else int(job.spec.parallelism)


def plan(job: Any, owned: list[Any], counted: Account, backoff: float, now: float) -> Plan:
    """`backoff`: seconds before which no pod is to be created."""
    active = [pod for pod in owned if pods.is_active(pod)]
    fate = sealed(job) or _fate(job, owned, active, counted, now)
    if fate is not None:
        return Plan(delete=tuple(active[:_BATCH]), fate=fate)
    if job.spec.suspend:
        return Plan(delete=tuple(active[:_BATCH]))
    deadline = _deadline(job, now)
    terminating = sum(map(pods.is_terminating, owned)) if only_failed_are_replaced(job) else 0
    wanted = _wanted_active(job, len(active), counted)
    if len(active) > wanted:
        ordered = pods.deletion_order(active, lambda pod: 0, now)
        return Plan(delete=tuple(ordered[: min(len(active) - wanted, _BATCH)]), wake=deadline)
    create = min(wanted - len(active) - terminating, _BATCH)
    if create <= 0:
        return Plan(wake=deadline)
    if backoff > 0:
        return Plan(wake=soonest(deadline, backoff))
    if not indexes.is_indexed(job):
        return Plan(create=create, wake=deadline)
    free = indexes.missing(create, job.spec.completions or 0, counted.done, active)
    return Plan(create=len(free), indexes=tuple(free), wake=deadline)


def _wanted_active(job: Any, active: int, counted: Account) -> int:
    limit, completions = parallelism(job), job.spec.completions
    if completions is None:
        return active if counted.all_succeeded > 0 else limit
    return max(0, min(limit, int(completions) - counted.all_succeeded))


def _fate(job: Any, owned: list[Any], active: list[Any], counted: Account, now: float) -> Fate | None:
    if counted.fail_job:
        return Fate("FailureTarget", "PodFailurePolicy", counted.fail_job)
    limit = 6 if job.spec.backoffLimit is None else job.spec.backoffLimit
    if counted.all_failed > limit or _restarted_too_often(job, owned, limit):
        return _TOO_MANY_FAILURES
    deadline = _deadline(job, now)
    if deadline is not None and deadline <= 0 and not job.spec.suspend:
        return _TOO_LATE
    if active or job.spec.suspend:
        return None
    completions = job.spec.completions
    enough = counted.all_succeeded > 0 if completions is None else counted.all_succeeded >= completions
    return COMPLETED if enough else None


def _restarted_too_often(job: Any, owned: list[Any], limit: int) -> bool:
    """With restartPolicy OnFailure the containers' restarts are the failures."""
    template = job.spec.template
    if template is None or template.spec.restartPolicy != "OnFailure":
        return False
    restarts = sum(
        status.restartCount or 0
        for pod in owned
        if pod.status.phase in ("Running", "Pending")
        for status in [*pod.status.initContainerStatuses, *pod.status.containerStatuses]
    )
    return restarts > 0 if limit == 0 else restarts >= limit


def _deadline(job: Any, now: float) -> float | None:
    seconds, start = job.spec.activeDeadlineSeconds, job.status.startTime
    if seconds is None:
        return None
    return float(seconds) if start is None else parse_rfc3339(start) + seconds - now


def status_of(job: Any, owned: list[Any], counted: Account, todo: Plan, active: int, now: float) -> Obj:
    """The whole status after the plan was carried out; `active`: pods that are there then."""
    found: list[Obj] = list(conditions.plain(job.status).get("conditions", ()))
    start = _start(job, found, now)
    terminating = sum(map(pods.is_terminating, owned)) + len(todo.delete)
    status: Obj = {
        "active": active,
        "succeeded": counted.succeeded,
        "failed": counted.failed,
        "startTime": start,
        "completedIndexes": indexes.render(counted.done),
        "completionTime": job.status.completionTime,
    }
    uncounted = {"succeeded": counted.waiting_succeeded, "failed": counted.waiting_failed}
    status["uncountedTerminatedPods"] = {name: uids for name, uids in uncounted.items() if uids}
    if todo.fate is not None:
        _put(found, todo.fate.interim, todo.fate.reason, todo.fate.message, now)
        if counted.settled and active == 0 and terminating == 0:
            _put(found, _FINAL[todo.fate.interim], todo.fate.reason, todo.fate.message, now)
            if todo.fate.interim == "SuccessCriteriaMet":
                status["completionTime"] = rfc3339(now)
    status["conditions"] = found
    ready = sum(pods.is_active(pod) and pods.is_ready(pod) for pod in owned if pod not in todo.delete)
    return {
        **conditions.without_empty(status, keep=("uncountedTerminatedPods",)),
        "ready": ready,
        "terminating": terminating,
    }


def _start(job: Any, found: list[Obj], now: float) -> str | None:
    """When the Job began to run, and with it the condition Suspended."""
    known = conditions.find(found, "Suspended")
    if job.spec.suspend:
        if known is None or known["status"] != "True":
            _put(found, "Suspended", "JobSuspended", "Job suspended", now)
        return None
    if known is not None and known["status"] == "True":
        _put(found, "Suspended", "JobResumed", "Job resumed", now, "False")
        return rfc3339(now)
    started: str | None = job.status.startTime
    return started or rfc3339(now)


def _put(found: list[Obj], type_: str, reason: str, message: str, now: float, status: str = "True") -> None:
    known = conditions.find(found, type_)
    if known is not None and known["status"] == status:
        return
    made = conditions.condition(type_, status, reason, message, now)
    made["lastProbeTime"] = made["lastTransitionTime"]
    if known is not None:
        found[found.index(known)] = made
    else:
        found.append(made)
