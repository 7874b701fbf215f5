"""Finished Jobs with `ttlSecondsAfterFinished` are deleted that long after their end.

Follows upstream's `pkg/controller/ttlafterfinished`.
"""

from __future__ import annotations

from typing import Any

from wherry.api.errors import ApiError
from wherry.clock import parse_rfc3339
from wherry.controllers.base import Context, Controller, own_key, split_key
from wherry.controllers.job.controller import JOBS


def expires_in(job: Any, now: float) -> float | None:
    """Seconds until the Job is to be deleted; None: not yet known, or never. Pure."""
    ttl = job.spec.ttlSecondsAfterFinished
    if ttl is None or job.metadata.deletionTimestamp is not None:
        return None
    for condition in job.status.conditions:
        if condition.type in ("Complete", "Failed") and condition.status == "True":
            return max(0.0, float(parse_rfc3339(condition.lastTransitionTime) + ttl - now))
    return None


class TtlAfterFinishedController(Controller):
    name = "ttl-after-finished-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.workers = context.settings.ttl_after_finished_workers
        self._jobs = self.watch(context.informer(JOBS), own_key)

    async def reconcile(self, key: str) -> float | None:
        namespace, name = split_key(key)
        job = self._jobs.get(name, namespace)
        wait = None if job is None else expires_in(job, self.context.now())
        if wait != 0.0 or job is None:
            return wait
        meta = job.metadata
        try:
            await self.client.delete(
                JOBS,
                name,
                namespace,
                uid=meta.uid,
                resource_version=meta.resourceVersion,
                propagation_policy="Foreground",
            )
        except ApiError as error:
            if error.reason != "NotFound":
                raise
        return None
