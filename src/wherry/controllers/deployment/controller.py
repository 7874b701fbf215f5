"""The Deployment controller: gathers what `plan` needs, and writes what it decided.

Every write is conditional: changes of a ReplicaSet on its resourceVersion, the creation of one on its
name (the template's hash), the status on the Deployment's resourceVersion. A name that is taken by
another template's ReplicaSet raises the collision count, which gives another name.
"""

from __future__ import annotations

from typing import Any

from wherry.api import selectors
from wherry.api.errors import ApiError
from wherry.api.schema import Obj
from wherry.controllers import conditions, pods
from wherry.controllers.base import Context, Controller, own_key, split_key
from wherry.controllers.deployment import progress, revisions, sizes
from wherry.controllers.deployment.draft import Change
from wherry.controllers.deployment.plan import Plan, plan
from wherry.controllers.deployment.revisions import DEPLOYMENTS, REPLICA_SETS
from wherry.controllers.ownership import Children, claim, controlled_by, controller_of
from wherry.controllers.podcontrol import PODS, namespace_is_going


class DeploymentController(Controller):
    name = "deployment-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.workers = context.settings.deployment_workers
        self._events = context.recorder(self.name)
        self._deployments = self.watch(context.informer(DEPLOYMENTS), own_key)
        self._sets = Children.of_resource(context, REPLICA_SETS)
        self._pods = Children.of_resource(context, PODS)
        self.watch(self._sets.informer, self._sets.wakers(DEPLOYMENTS, self._deployments, _selector))
        self.watch(self._pods.informer)
        self._pods.informer.add_handler(self._pod_gone)

    def _pod_gone(self, event: str, old: Any, new: Any) -> None:
        """Recreate waits for the last old pod; its ReplicaSet may have been told already."""
        if event != "deleted":
            return
        reference = controller_of(old if new is None else new)
        if reference is None or reference.kind != REPLICA_SETS.kind:
            return
        namespace = (old if new is None else new).metadata.namespace
        parent = self._sets.informer.get(reference.name, namespace)
        owner = None if parent is None else controller_of(parent)
        if owner is not None and owner.kind == DEPLOYMENTS.kind:
            self.queue.add(f"{namespace}/{owner.name}")

    async def reconcile(self, key: str) -> float | None:
        namespace, name = split_key(key)
        deployment = self._deployments.get(name, namespace)
        if deployment is None:
            return None
        selector = _selector(deployment)
        if not selector:
            await self._refuse(deployment)
            return None
        replica_sets = await claim(self.client, DEPLOYMENTS, deployment, selector, self._sets)
        others = self._old_pods_running(deployment, replica_sets)
        todo = plan(deployment, replica_sets, others, self.context.now())
        if todo.create is not None and not await self._created(deployment, todo.create):
            return None
        for change in todo.changes:
            await self._change(deployment, change)
        for surplus in todo.remove:
            await self._remove(surplus)
        await self._tell(deployment, todo)
        return todo.wake

    async def _refuse(self, deployment: Any) -> None:
        message = "This deployment is selecting all pods. A non-empty selector is required."
        self._events.event(deployment, "Warning", "SelectingAll", message)
        status = conditions.plain(deployment.status)
        status["observedGeneration"] = deployment.metadata.generation or 0
        await conditions.write_status(self.client, DEPLOYMENTS, deployment, status)

    def _old_pods_running(self, deployment: Any, replica_sets: list[Any]) -> bool:
        new = revisions.find_new(deployment, replica_sets)
        old = (one for one in replica_sets if new is None or one.metadata.uid != new.metadata.uid)
        return any(not pods.is_finished(pod) for one in old for pod in self._pods.of(one.metadata.uid))

    async def _created(self, deployment: Any, wanted: Obj) -> bool:
        """False: the name is taken, and what follows from that will wake this key again."""
        name, namespace = wanted["metadata"]["name"], deployment.metadata.namespace
        try:
            await self.client.create(REPLICA_SETS, wanted, namespace)
        except ApiError as error:
            if error.reason == "AlreadyExists":
                await self._meet(deployment, name)
                return False
            if not namespace_is_going(error):
                await self._tell_failure(deployment, name, error)
            raise
        count = wanted["spec"]["replicas"]
        if count > 0:
            self._scaled(deployment, name, 0, count)
        return True

    async def _meet(self, deployment: Any, name: str) -> None:
        """The name is taken: by what this controller made a moment ago (the informer will tell of it),
        or by something else, and then the next name is tried."""
        live = await self.client.get(REPLICA_SETS, name, deployment.metadata.namespace)
        same = revisions.same_template(live.spec.template, deployment.spec.template)
        if same and controlled_by(live, deployment.metadata.uid):
            return
        status = conditions.plain(deployment.status)
        status["collisionCount"] = (deployment.status.collisionCount or 0) + 1
        await conditions.write_status(self.client, DEPLOYMENTS, deployment, status)

    async def _tell_failure(self, deployment: Any, name: str, error: ApiError) -> None:
        message = f'Failed to create new replica set "{name}": {error.message}'
        self._events.event(deployment, "Warning", "ReplicaSetCreateError", message)
        if not progress.has_deadline(deployment):
            return
        status = conditions.plain(deployment.status)
        found = list(status.get("conditions", ()))
        now = self.context.now()
        failed = progress.condition("Progressing", "False", "ReplicaSetCreateError", message, now)
        conditions.put(found, failed)
        await conditions.write_status(self.client, DEPLOYMENTS, deployment, {**status, "conditions": found})

    async def _change(self, deployment: Any, change: Change) -> None:
        before, after = change.before, change.after
        meta = before.metadata
        patch = conditions.merge_patch(_parts(before), _parts(after))
        patch.setdefault("metadata", {})["resourceVersion"] = meta.resourceVersion
        await self.client.patch(REPLICA_SETS, meta.name, patch, meta.namespace)
        was, becomes = sizes.replicas(before), sizes.replicas(after)
        if was != becomes:
            self._scaled(deployment, meta.name, was, becomes)

    def _scaled(self, deployment: Any, name: str, was: int, becomes: int) -> None:
        way = "up" if becomes > was else "down"
        message = f"Scaled {way} replica set {name} from {was} to {becomes}"
        self._events.event(deployment, "Normal", "ScalingReplicaSet", message)

    async def _remove(self, replica_set: Any) -> None:
        meta = replica_set.metadata
        try:
            await self.client.delete(
                REPLICA_SETS,
                meta.name,
                meta.namespace,
                uid=meta.uid,
                resource_version=meta.resourceVersion,
                propagation_policy="Background",
            )
        except ApiError as error:
            if error.reason != "NotFound":
                raise

    async def _tell(self, deployment: Any, todo: Plan) -> None:
        metadata = {}
        if todo.revision and deployment.metadata.annotations.get(revisions.REVISION) != todo.revision:
            metadata = {"annotations": {revisions.REVISION: todo.revision}}
        await conditions.write_status(self.client, DEPLOYMENTS, deployment, todo.status, metadata=metadata)


def _selector(deployment: Any) -> selectors.Selector:
    return selectors.from_label_selector(deployment.spec.selector)


def _parts(replica_set: Any) -> Obj:
    """What a plan may change."""
    spec: Obj = {"replicas": sizes.replicas(replica_set)}
    if replica_set.spec.minReadySeconds is not None:
        spec["minReadySeconds"] = replica_set.spec.minReadySeconds
    return {"metadata": {"annotations": dict(replica_set.metadata.annotations)}, "spec": spec}
