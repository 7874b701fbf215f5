"""The Job controller: carries out `plan`, writes the status, then lets counted pods go.

The order matters and is explained in tracking.py. Follows upstream's `pkg/controller/job`.
"""

from __future__ import annotations

from typing import Any

from wherry.api import selectors
from wherry.api.errors import ApiError
from wherry.api.schema import Obj
from wherry.api.scheme import resource
from wherry.controllers import conditions, pods
from wherry.controllers.base import Context, Controller, own_key, split_key
from wherry.controllers.expectations import Expectations
from wherry.controllers.job import indexes
from wherry.controllers.job.backoff import Backoff
from wherry.controllers.job.plan import Plan, is_finished, plan, sealed, status_of
from wherry.controllers.job.tracking import FINALIZER, Account, account
from wherry.controllers.ownership import Children, claim, controller_reference
from wherry.controllers.podcontrol import (
    PODS,
    create_pod,
    delete_pod,
    namespace_is_going,
    slow_start,
    together,
)

JOBS = resource("jobs.batch")


class JobController(Controller):
    name = "job-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.workers = context.settings.job_workers
        self._events = context.recorder(self.name)
        self._expected = Expectations()
        self._backoffs: dict[str, Backoff] = {}
        self._jobs = self.watch(context.informer(JOBS), own_key)
        self._pods = Children.of_resource(context, PODS)
        self.watch(self._pods.informer, self._pods.wakers(JOBS, self._jobs, _selector))
        self._pods.informer.add_handler(self._expected.observer(JOBS))

    async def reconcile(self, key: str) -> float | None:
        namespace, name = split_key(key)
        job = self._jobs.get(name, namespace)
        if job is None:
            self._expected.forget(key)
            self._backoffs.pop(key, None)
            return None
        if job.spec.managedBy not in (None, "", "kubernetes.io/job-controller"):
            return None
        may_act = self._expected.satisfied(key)
        owned = await claim(self.client, JOBS, job, _selector(job), self._pods)
        if is_finished(job) or job.metadata.deletionTimestamp is not None:
            self._backoffs.pop(key, None)
            await self._let_go([pod for pod in owned if FINALIZER in pod.metadata.finalizers])
            return None
        return await self._advance(key, job, owned, may_act)

    async def _advance(self, key: str, job: Any, owned: list[Any], may_act: bool) -> float | None:
        now = self.context.now()
        counted = account(job, owned, ending=sealed(job) is not None)
        backoff = self._backoffs.setdefault(key, Backoff())
        todo = plan(job, owned, counted, self._wait(backoff, job, counted, now), now)
        if todo.fate is not None and sealed(job) is None:
            counted = account(job, owned, ending=True)
        active = sum(map(pods.is_active, owned))
        error: ApiError | None = None
        if may_act:
            active, error = await self._act(key, job, todo, active)
        elif todo.create or todo.delete:
            todo = Plan(fate=todo.fate, wake=todo.wake)
        status = status_of(job, owned, counted, todo, active, now)
        await conditions.write_status(self.client, JOBS, job, status)
        backoff.note(counted.failures, _more_succeeded(job, counted), now)
        self._tell(job, status)
        await self._let_go(counted.release)
        if error is not None:
            raise error
        return todo.wake

    def _wait(self, backoff: Backoff, job: Any, counted: Account, now: float) -> float:
        """What the back-off will be once this account is written."""
        coming = Backoff(backoff.failures, backoff.last)
        coming.note(counted.failures, _more_succeeded(job, counted), now)
        return coming.remaining(now)

    async def _act(self, key: str, job: Any, todo: Plan, active: int) -> tuple[int, ApiError | None]:
        """(active pods afterwards, what went wrong)."""
        if todo.delete:
            self._expected.expect_deletions(key, [pod.metadata.uid for pod in todo.delete])
            error = await together(todo.delete, lambda pod: self._delete(key, job, pod))
            return active - len(todo.delete), error
        if not todo.create:
            return active, None
        wanted = [self._pod(job, index) for index in todo.indexes] or [self._pod(job, None)] * todo.create
        made = 0

        async def create(pod: Obj) -> None:
            nonlocal made
            try:
                await create_pod(self.client, self._events, job, pod)
                made += 1
            except ApiError as error:
                self._expected.creation_seen(key)
                if not namespace_is_going(error):
                    raise

        self._expected.expect_creations(key, len(wanted))
        tried, error = await slow_start(wanted, create)
        for _ in wanted[tried:]:
            self._expected.creation_seen(key)
        return active + made, error

    async def _delete(self, key: str, job: Any, pod: Any) -> None:
        try:
            await delete_pod(self.client, self._events, job, pod)
        except ApiError as error:
            self._expected.deletion_seen(key, pod.metadata.uid)
            if error.reason not in ("NotFound", "Conflict"):
                raise

    def _pod(self, job: Any, index: int | None) -> Obj:
        pod = pods.from_template(job.spec.template, job, controller_reference(JOBS, job))
        metadata = pod["metadata"]
        metadata["finalizers"] = [*metadata.get("finalizers", ()), FINALIZER]
        if index is not None:
            _give_index(pod, job.metadata.name, index)
        return pod

    def _tell(self, job: Any, status: Obj) -> None:
        """Events for conditions that are new in `status`."""
        before = {(c.type, c.status) for c in job.status.conditions}
        for condition in status.get("conditions", ()):
            if (condition["type"], condition["status"]) in before:
                continue
            match condition["type"], condition["status"]:
                case "Complete", "True":
                    self._events.event(job, "Normal", "Completed", "Job completed")
                case "Failed", "True":
                    self._events.event(job, "Warning", condition["reason"], condition["message"])
                case "Suspended", "True":
                    self._events.event(job, "Normal", "Suspended", condition["message"])
                case "Suspended", "False":
                    self._events.event(job, "Normal", "Resumed", condition["message"])

    async def _let_go(self, released: list[Any]) -> None:
        """Takes the finalizer off pods that are counted."""
        error = await together(released, self._release)
        if error is not None:
            raise error

    async def _release(self, pod: Any) -> None:
        meta = pod.metadata
        left = [one for one in meta.finalizers if one != FINALIZER]
        patch = {"metadata": {"finalizers": left or None, "resourceVersion": meta.resourceVersion}}
        try:
            await self.client.patch(PODS, meta.name, patch, meta.namespace)
        except ApiError as error:
            if error.reason != "NotFound":
                raise


def _selector(job: Any) -> selectors.Selector:
    return selectors.from_label_selector(job.spec.selector)


def _more_succeeded(job: Any, counted: Account) -> bool:
    status = job.status
    before = (status.succeeded or 0) + len(
        status.uncountedTerminatedPods.succeeded if status.uncountedTerminatedPods is not None else ()
    )
    return counted.all_succeeded > before


def _give_index(pod: Obj, name: str, index: int) -> None:
    """The pod of one completion index knows it: label, annotation, host name, environment."""
    metadata, spec = pod["metadata"], pod["spec"]
    metadata["generateName"] = pods.name_prefix(f"{name}-{index}")
    for where in ("labels", "annotations"):
        metadata[where] = {**metadata[where], indexes.INDEX: str(index)}
    spec["hostname"] = f"{name}-{index}"
    field = {"fieldRef": {"fieldPath": f"metadata.labels['{indexes.INDEX}']"}}
    variable = {"name": "JOB_COMPLETION_INDEX", "valueFrom": field}
    for stanza in ("initContainers", "containers"):
        for container in spec.get(stanza, ()):
            known = container.get("env", [])
            if all(one["name"] != variable["name"] for one in known):
                container["env"] = [*known, variable]
