"""ReplicaSet and ReplicationController: as many pods as asked for.

The two differ in data only (`Replicated`). Deciding is pure: `plan` says how many pods to make or
which to delete, `status_of` what the status becomes; `ReplicaController` carries it out.
Follows upstream's `pkg/controller/replicaset/replica_set.go`. Not here: pod template validation.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from wherry.api import selectors
from wherry.api.errors import ApiError
from wherry.api.schema import Obj
from wherry.api.scheme import Resource, resource
from wherry.api.selectors import Selector
from wherry.controllers import conditions, pods
from wherry.controllers.base import Context, Controller, own_key, split_key
from wherry.controllers.expectations import Expectations
from wherry.controllers.ownership import Children, claim, controller_of, controller_reference
from wherry.controllers.podcontrol import (
    PODS,
    create_pod,
    delete_pod,
    namespace_is_going,
    slow_start,
    together,
)

BURST = 500
"""At most so many pods are created or deleted at one look."""


@dataclass(frozen=True, slots=True)
class Replicated:
    """A kind whose spec is a selector, a count and a template."""

    name: str
    resource: Resource
    selector: Callable[[Any], Selector]
    counts_terminating: bool


REPLICA_SET = Replicated(
    "replicaset-controller",
    resource("replicasets.apps"),
    lambda owner: selectors.from_label_selector(owner.spec.selector),
    counts_terminating=True,
)
REPLICATION_CONTROLLER = Replicated(
    "replication-controller",
    resource("replicationcontrollers"),
    lambda owner: selectors.from_map(owner.spec.selector) if owner.spec.selector else selectors.NOTHING,
    counts_terminating=False,
)


@dataclass(frozen=True, slots=True)
class Plan:
    create: int = 0
    delete: tuple[Any, ...] = ()

    @property
    def failure_reason(self) -> str:
        return "FailedDelete" if self.delete else "FailedCreate"


def wanted(owner: Any) -> int:
    return 1 if owner.spec.replicas is None else int(owner.spec.replicas)


def plan(owner: Any, active: list[Any], related: Iterable[Any], now: float) -> Plan:
    """Pods to create or delete. `related`: active pods of all siblings, the crowd on each node."""
    missing = wanted(owner) - len(active)
    if missing >= 0:
        return Plan(create=min(missing, BURST))
    surplus = min(-missing, BURST)
    if surplus == len(active):
        return Plan(delete=tuple(active))
    crowd = Counter(pod.spec.nodeName for pod in related)
    ordered = pods.deletion_order(active, lambda pod: crowd[pod.spec.nodeName], now)
    return Plan(delete=tuple(ordered[:surplus]))


def status_of(
    owner: Any, active: list[Any], terminating: int | None, failure: tuple[str, str] | None, now: float
) -> Obj:
    """The whole status. `failure` is (reason, message) of what could not be done at this look,
    `terminating` None for a kind that does not tell it."""
    min_ready = owner.spec.minReadySeconds or 0
    labels = selectors.from_map(owner.spec.template.metadata.labels if owner.spec.template else {})
    status: Obj = conditions.plain(owner.status)
    found: list[Obj] = list(status.get("conditions", ()))
    known = conditions.find(found, "ReplicaFailure")
    if failure is not None and known is None:
        conditions.put(found, conditions.condition("ReplicaFailure", "True", *failure, now))
    elif failure is None and known is not None:
        conditions.drop(found, "ReplicaFailure")
    counted = {
        "replicas": len(active),
        "fullyLabeledReplicas": sum(labels.matches(pod.metadata.labels) for pod in active),
        "readyReplicas": sum(pods.is_ready(pod) for pod in active),
        "availableReplicas": sum(pods.is_available(pod, min_ready, now) for pod in active),
        "observedGeneration": owner.metadata.generation or 0,
        "conditions": found,
    }
    told = {} if terminating is None else {"terminatingReplicas": terminating}
    return conditions.without_empty(counted, keep=("replicas",)) | told


class ReplicaController(Controller):
    def __init__(self, context: Context, kind: Replicated, workers: int) -> None:
        super().__init__(context)
        self.kind = kind
        self.name = kind.name
        self.workers = workers
        self._expected = Expectations()
        self._events = context.recorder(kind.name)
        self._owners = self.watch(context.informer(kind.resource), own_key)
        self._pods = Children.of_resource(context, PODS)
        self._siblings = Children.of_resource(context, kind.resource)
        self.watch(self._pods.informer, self._pods.wakers(kind.resource, self._owners, kind.selector))
        self._pods.informer.add_handler(self._expected.observer(kind.resource))

    async def reconcile(self, key: str) -> float | None:
        namespace, name = split_key(key)
        owner = self._owners.get(name, namespace)
        if owner is None:
            self._expected.forget(key)
            return None
        may_act = self._expected.satisfied(key) and owner.metadata.deletionTimestamp is None
        mine = await claim(self.client, self.kind.resource, owner, self.kind.selector(owner), self._pods)
        active = [pod for pod in mine if pods.is_active(pod)]
        terminating = sum(map(pods.is_terminating, mine)) if self.kind.counts_terminating else None
        now = self.context.now()
        failure: tuple[str, str] | None = None
        error: ApiError | None = None
        if may_act:
            todo = plan(owner, active, self._related(owner) if len(active) > wanted(owner) else (), now)
            error = await self._apply(key, owner, todo)
            failure = None if error is None else (todo.failure_reason, error.message)
        status = status_of(owner, active, terminating, failure, self.context.now())
        await conditions.write_status(self.client, self.kind.resource, owner, status)
        if error is not None:
            raise error
        return pods.next_check(active, owner.spec.minReadySeconds or 0, now)

    def _related(self, owner: Any) -> list[Any]:
        """Active pods of the owners that have the same controller as `owner`."""
        reference = controller_of(owner)
        family = [owner] if reference is None else self._siblings.of(reference.uid)
        return [pod for one in family for pod in self._pods.of(one.metadata.uid) if pods.is_active(pod)]

    async def _apply(self, key: str, owner: Any, todo: Plan) -> ApiError | None:
        if todo.create:
            return await self._create(key, owner, todo.create)
        if todo.delete:
            return await self._delete(key, owner, todo.delete)
        return None

    async def _create(self, key: str, owner: Any, count: int) -> ApiError | None:
        pod = pods.from_template(owner.spec.template, owner, controller_reference(self.kind.resource, owner))

        async def create(_: int) -> None:
            try:
                await create_pod(self.client, self._events, owner, pod)
            except ApiError as error:
                self._expected.creation_seen(key)
                if not namespace_is_going(error):
                    raise

        self._expected.expect_creations(key, count)
        tried, error = await slow_start(range(count), create)
        for _ in range(count - tried):
            self._expected.creation_seen(key)
        return error

    async def _delete(self, key: str, owner: Any, surplus: tuple[Any, ...]) -> ApiError | None:
        async def delete(pod: Any) -> None:
            try:
                await delete_pod(self.client, self._events, owner, pod)
            except ApiError as error:
                self._expected.deletion_seen(key, pod.metadata.uid)
                if error.reason not in ("NotFound", "Conflict"):
                    raise

        self._expected.expect_deletions(key, [pod.metadata.uid for pod in surplus])
        return await together(surplus, delete)
