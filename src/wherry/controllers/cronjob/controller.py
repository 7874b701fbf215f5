"""The CronJob controller. A Job's name is its scheduled minute, so no time is served twice.

Follows upstream's `pkg/controller/cronjob`.
"""

from __future__ import annotations

from typing import Any

from wherry.api.errors import ApiError
from wherry.controllers import conditions
from wherry.controllers.base import Context, Controller, own_key, split_key
from wherry.controllers.cronjob.plan import (
    CRON_JOBS,
    MISSED_TOO_MANY,
    NoSchedule,
    Plan,
    history_surplus,
    job_of,
    plan,
    status_of,
)
from wherry.controllers.job.controller import JOBS
from wherry.controllers.job.plan import is_finished
from wherry.controllers.ownership import Children, owner_key
from wherry.controllers.podcontrol import namespace_is_going


class CronJobController(Controller):
    name = "cronjob-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.workers = context.settings.cronjob_workers
        self._events = context.recorder(self.name)
        self._cron_jobs = self.watch(context.informer(CRON_JOBS), own_key)
        self._jobs = Children.of_resource(context, JOBS)
        self.watch(self._jobs.informer, _owner)

    async def reconcile(self, key: str) -> float | None:
        namespace, name = split_key(key)
        owner = self._cron_jobs.get(name, namespace)
        if owner is None:
            return None
        jobs = self._jobs.of(owner.metadata.uid)
        try:
            todo = plan(owner, jobs, self.context.now())
        except NoSchedule as error:
            self._events.event(owner, "Warning", "InvalidSchedule", str(error))
            todo = Plan()
        self._tell_ends(owner, jobs)
        for surplus in history_surplus(owner, jobs):
            await self._delete(owner, surplus)
        if todo.skip is not None:
            self._events.event(owner, "Normal", *todo.skip)
        for running in todo.replace:
            await self._delete(owner, running)
        made = await self._start(owner, todo)
        current = [job for job in jobs if job not in todo.replace] + ([made] if made is not None else [])
        started = todo.start if made is not None else None
        await conditions.write_status(self.client, CRON_JOBS, owner, status_of(owner, current, started))
        return todo.wake

    async def _start(self, owner: Any, todo: Plan) -> Any | None:
        if todo.start is None:
            return None
        if todo.missed > MISSED_TOO_MANY:
            message = (
                f"too many missed start times: {todo.missed}. Set or decrease .spec.startingDeadlineSeconds"
                " or check clock skew"
            )
            self._events.event(owner, "Warning", "TooManyMissedTimes", message)
        try:
            made = await self.client.create(JOBS, job_of(owner, todo.start))
        except ApiError as error:
            if namespace_is_going(error):
                return None
            if error.reason == "AlreadyExists":
                name = job_of(owner, todo.start)["metadata"]["name"]
                return await self.client.get(JOBS, name, owner.metadata.namespace)
            self._events.event(owner, "Warning", "FailedCreate", f"Error creating job: {error.message}")
            raise
        self._events.event(owner, "Normal", "SuccessfulCreate", f"Created job {made.metadata.name}")
        return made

    def _tell_ends(self, owner: Any, jobs: list[Any]) -> None:
        """Jobs that the status still calls active, and that are over."""
        by_uid = {job.metadata.uid: job for job in jobs}
        for reference in owner.status.active:
            job = by_uid.get(reference.uid)
            if job is not None and is_finished(job):
                kind = next(c.type for c in job.status.conditions if c.type in ("Complete", "Failed"))
                message = f"Saw completed job: {job.metadata.name}, condition: {kind}"
                self._events.event(owner, "Normal", "SawCompletedJob", message)

    async def _delete(self, owner: Any, job: Any) -> None:
        meta = job.metadata
        try:
            await self.client.delete(
                JOBS, meta.name, meta.namespace, uid=meta.uid, propagation_policy="Background"
            )
        except ApiError as error:
            if error.reason == "NotFound":
                return
            self._events.event(owner, "Warning", "FailedDelete", f"Deleted job: {error.message}")
            raise
        self._events.event(owner, "Normal", "SuccessfulDelete", f"Deleted job {meta.name}")


def _owner(job: Any) -> tuple[str, ...]:
    key = owner_key(job, CRON_JOBS)
    return () if key is None else (key,)
