"""What to do next for a CronJob. Pure.

Follows upstream's `syncCronJob` (`pkg/controller/cronjob/cronjob_controllerv2.go`).
"""

from __future__ import annotations

import zoneinfo
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

from wherry.api.schema import Obj, to_obj
from wherry.api.scheme import resource
from wherry.clock import parse_rfc3339, rfc3339
from wherry.controllers import pods
from wherry.controllers.cronjob.schedule import Schedule, parse
from wherry.controllers.job.plan import is_finished
from wherry.controllers.ownership import controller_reference

CRON_JOBS = resource("cronjobs.batch")
SCHEDULED = "batch.kubernetes.io/cronjob-scheduled-timestamp"
MISSED_TOO_MANY = 100


class NoSchedule(ValueError):
    """The schedule or the time zone cannot be understood."""


@dataclass(frozen=True, slots=True)
class Plan:
    start: float | None = None
    """The scheduled time of the Job to create."""

    replace: tuple[Any, ...] = ()
    """Running Jobs to delete first."""

    skip: tuple[str, str] | None = None
    """(reason, message) of the event when a time passes without a Job."""

    missed: int = 0
    wake: float | None = None


def zone_of(owner: Any) -> tzinfo:
    name = owner.spec.timeZone
    if not name:
        return UTC
    try:
        return zoneinfo.ZoneInfo(name)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError) as error:
        raise NoSchedule(f"invalid timezone: unknown time zone {name}") from error


def schedule_of(owner: Any) -> Schedule:
    try:
        return parse(owner.spec.schedule)
    except ValueError as error:
        raise NoSchedule(f"unparseable schedule: {owner.spec.schedule} : {error}") from error


def latest_and_next(owner: Any, now: float) -> tuple[float | None, int, float | None]:
    """(the latest time that is due and not yet served, how many are, the next one)."""
    schedule, zone = schedule_of(owner), zone_of(owner)
    since = pods.created(owner)
    if owner.status.lastScheduleTime:
        since = parse_rfc3339(owner.status.lastScheduleTime)
    deadline = owner.spec.startingDeadlineSeconds
    if deadline is not None:
        since = max(since, now - deadline)
    at, due, count = schedule.next(datetime.fromtimestamp(since, zone)), None, 0
    while at is not None and at.timestamp() <= now:
        due, count = at.timestamp(), count + 1
        if count > MISSED_TOO_MANY:  # far behind: only the last one before now is of interest
            due = _last_before(schedule, zone, now, due)
            at = schedule.next(datetime.fromtimestamp(now, zone))
            break
        at = schedule.next(at)
    return due, count, None if at is None else at.timestamp()


def _last_before(schedule: Schedule, zone: tzinfo, now: float, known: float) -> float:
    """The last time up to `now`, found from ever further back."""
    for span in (3600.0, 86400.0, 31 * 86400.0):
        at = schedule.next(datetime.fromtimestamp(max(known, now - span), zone))
        if at is None or at.timestamp() > now:
            continue
        while at is not None and at.timestamp() <= now:
            known = at.timestamp()
            at = schedule.next(at)
        break
    return known


def plan(owner: Any, jobs: list[Any], now: float) -> Plan:
    """Raises NoSchedule. `jobs`: those of this CronJob."""
    if owner.metadata.deletionTimestamp is not None or owner.spec.suspend:
        return Plan()
    due, missed, coming = latest_and_next(owner, now)
    wake = None if coming is None else max(0.1, coming - now + 0.1)
    if due is None or any(job.metadata.name == job_name(owner, due) for job in jobs):
        return Plan(wake=wake)
    running = tuple(job for job in jobs if not is_finished(job))
    if running and owner.spec.concurrencyPolicy == "Forbid":
        message = "Not starting job because prior execution is running and concurrency policy is Forbid"
        return Plan(skip=("JobAlreadyActive", message), wake=wake)
    replace = running if owner.spec.concurrencyPolicy == "Replace" else ()
    return Plan(start=due, replace=replace, missed=missed, wake=wake)


def job_name(owner: Any, scheduled: float) -> str:
    return f"{owner.metadata.name}-{int(scheduled) // 60}"


def job_of(owner: Any, scheduled: float) -> Obj:
    template = to_obj(owner.spec.jobTemplate)
    metadata = template.get("metadata", {})
    told = datetime.fromtimestamp(scheduled, zone_of(owner)).isoformat().replace("+00:00", "Z")
    return {
        "metadata": {
            "name": job_name(owner, scheduled),
            "namespace": owner.metadata.namespace,
            "labels": metadata.get("labels", {}),
            "annotations": {**metadata.get("annotations", {}), SCHEDULED: told},
            "ownerReferences": [controller_reference(CRON_JOBS, owner)],
        },
        "spec": template.get("spec", {}),
    }


def history_surplus(owner: Any, jobs: list[Any]) -> list[Any]:
    """Finished Jobs beyond the limits, oldest first."""
    surplus: list[Any] = []
    limits = (
        ("Complete", owner.spec.successfulJobsHistoryLimit),
        ("Failed", owner.spec.failedJobsHistoryLimit),
    )
    for type_, limit in limits:
        ended = [j for j in jobs if any(c.type == type_ and c.status == "True" for c in j.status.conditions)]
        ended.sort(key=lambda job: (job.status.startTime or "", job.metadata.name))
        surplus += ended[: max(0, len(ended) - limit)] if limit is not None else []
    return surplus


def status_of(owner: Any, jobs: list[Any], started: float | None) -> Obj:
    """The whole status. `started`: the time whose Job has just been created or passed by."""
    status: Obj = {}
    active = [job for job in jobs if not is_finished(job)]
    if active:
        status["active"] = [
            {
                "apiVersion": "batch/v1",
                "kind": "Job",
                "name": job.metadata.name,
                "namespace": job.metadata.namespace,
                "uid": job.metadata.uid,
                "resourceVersion": job.metadata.resourceVersion,
            }
            for job in active
        ]
    last = rfc3339(started) if started is not None else owner.status.lastScheduleTime
    if last:
        status["lastScheduleTime"] = last
    ends = [job.status.completionTime for job in jobs if job.status.completionTime]
    latest = max([*ends, owner.status.lastSuccessfulTime or ""])
    if latest:
        status["lastSuccessfulTime"] = latest
    return status
