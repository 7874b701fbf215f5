"""The DaemonSet controller. Follows upstream's `pkg/controller/daemon`. Not here: maxSurge."""

from __future__ import annotations

from typing import Any

from wherry.api import selectors
from wherry.api.errors import ApiError
from wherry.api.schema import Obj
from wherry.api.scheme import resource
from wherry.controllers import conditions, history, pods
from wherry.controllers.base import Context, Controller, key_of, own_key, split_key
from wherry.controllers.daemonset.placement import pin, tolerations
from wherry.controllers.daemonset.plan import Plan, place, plan, status_of
from wherry.controllers.expectations import Expectations
from wherry.controllers.nodes.lifecycle import NODES
from wherry.controllers.ownership import Children, claim, controller_reference
from wherry.controllers.podcontrol import (
    PODS,
    create_pod,
    delete_pod,
    namespace_is_going,
    slow_start,
    together,
)

SETS = resource("daemonsets.apps")
_GENERATION = "pod-template-generation"


class DaemonSetController(Controller):
    name = "daemonset-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.workers = context.settings.daemonset_workers
        self._events = context.recorder(self.name)
        self._expected = Expectations()
        self._sets = self.watch(context.informer(SETS), own_key)
        self._nodes = context.informer(NODES)
        self._nodes.add_handler(self._node_changed)
        self.watch(self._nodes)
        self._pods = Children.of_resource(context, PODS)
        self._revisions = Children.of_resource(context, history.REVISIONS)
        self.watch(self._pods.informer, self._pods.wakers(SETS, self._sets, _selector))
        self._pods.informer.add_handler(self._expected.observer(SETS))
        self.watch(self._revisions.informer)

    def _node_changed(self, event: str, old: Any, new: Any) -> None:
        """Heartbeats change nothing; labels and taints do."""
        if event == "modified" and _fitness(old) == _fitness(new):
            return
        for owner in self._sets.list():
            self.queue.add(key_of(owner))

    async def reconcile(self, key: str) -> float | None:
        namespace, name = split_key(key)
        owner = self._sets.get(name, namespace)
        if owner is None:
            self._expected.forget(key)
            return None
        may_act = self._expected.satisfied(key)
        owned = await claim(self.client, SETS, owner, _selector(owner), self._pods)
        if owner.metadata.deletionTimestamp is not None:
            return None
        revisions = self._revisions.of(owner.metadata.uid)
        try:
            update = await history.current(self.client, SETS, owner, revisions)
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise
            await self._raise_collisions(owner)
            return None
        digest, now = update.metadata.labels[history.HASH], self.context.now()
        placed = place(owner, self._nodes.list(), owned)
        todo = plan(owner, placed, digest, now)
        error_met = await self._apply(key, owner, todo, digest) if may_act else None
        await conditions.write_status(self.client, SETS, owner, status_of(owner, placed, digest, now))
        in_use = {update.metadata.name} | {
            f"{name}-{pod.metadata.labels.get(history.HASH, '')}" for pod in owned
        }
        for one in history.surplus(revisions, in_use, owner.spec.revisionHistoryLimit):
            await history.delete(self.client, one)
        if error_met is not None:
            raise error_met
        return todo.wake

    async def _raise_collisions(self, owner: Any) -> None:
        status = conditions.plain(owner.status)
        status["collisionCount"] = (owner.status.collisionCount or 0) + 1
        await conditions.write_status(self.client, SETS, owner, status)

    async def _apply(self, key: str, owner: Any, todo: Plan, digest: str) -> ApiError | None:
        """Deletions first; pods of nodes that lack one come at the same look only if nothing goes."""
        for pod in todo.failed:
            where = f"{pod.metadata.namespace}/{pod.metadata.name} on node {pod.spec.nodeName}"
            message = f"Found failed daemon pod {where}, will try to kill it"
            self._events.event(owner, "Warning", "FailedDaemonPod", message)
        if todo.delete:
            self._expected.expect_deletions(key, [pod.metadata.uid for pod in todo.delete])
            return await together(todo.delete, lambda pod: self._delete(key, owner, pod))
        if not todo.create:
            return None
        self._expected.expect_creations(key, len(todo.create))
        tried, error = await slow_start(todo.create, lambda node: self._create(key, owner, node, digest))
        for _ in todo.create[tried:]:
            self._expected.creation_seen(key)
        return error

    async def _create(self, key: str, owner: Any, node: str, digest: str) -> None:
        try:
            await create_pod(self.client, self._events, owner, _pod(owner, node, digest))
        except ApiError as error:
            self._expected.creation_seen(key)
            if not namespace_is_going(error):
                raise

    async def _delete(self, key: str, owner: Any, pod: Any) -> None:
        try:
            await delete_pod(self.client, self._events, owner, pod)
        except ApiError as error:
            self._expected.deletion_seen(key, pod.metadata.uid)
            if error.reason not in ("NotFound", "Conflict"):
                raise


def _pod(owner: Any, node: str, digest: str) -> Obj:
    pod = pods.from_template(owner.spec.template, owner, controller_reference(SETS, owner))
    generation = owner.metadata.annotations.get("deprecated.daemonset.template.generation", "")
    pod["metadata"]["labels"] |= {history.HASH: digest}
    if generation:
        pod["metadata"]["labels"][_GENERATION] = generation
    spec = pod["spec"]
    pin(spec, node)
    known = spec.get("tolerations", [])
    more = [one for one in tolerations(bool(spec.get("hostNetwork"))) if one not in known]
    spec["tolerations"] = [*known, *more]
    return pod


def _fitness(node: Any) -> tuple[Any, ...]:
    return node.metadata.labels, node.spec.taints, node.spec.unschedulable


def _selector(owner: Any) -> selectors.Selector:
    return selectors.from_label_selector(owner.spec.selector)
