"""The StatefulSet controller. Pods have fixed names, so none is ever made twice: the API server says
AlreadyExists. Follows upstream's `pkg/controller/statefulset`."""

from __future__ import annotations

from typing import Any

from wherry.api import selectors
from wherry.api.errors import ApiError
from wherry.api.scheme import resource
from wherry.controllers import conditions, history
from wherry.controllers.base import Context, Controller, own_key, split_key
from wherry.controllers.ownership import Children, claim
from wherry.controllers.podcontrol import PODS, namespace_is_going
from wherry.controllers.statefulset.identity import SETS, claims, ordinal, pod_of
from wherry.controllers.statefulset.plan import plan, revision_for, status_of

CLAIMS = resource("persistentvolumeclaims")


class StatefulSetController(Controller):
    name = "statefulset-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.workers = context.settings.statefulset_workers
        self._events = context.recorder(self.name)
        self._sets = self.watch(context.informer(SETS), own_key)
        self._pods = Children.of_resource(context, PODS)
        self._revisions = Children.of_resource(context, history.REVISIONS)
        self.watch(self._pods.informer, self._pods.wakers(SETS, self._sets, _selector))
        self.watch(self._revisions.informer)

    async def reconcile(self, key: str) -> float | None:
        namespace, name = split_key(key)
        owner = self._sets.get(name, namespace)
        if owner is None:
            return None
        found = await claim(self.client, SETS, owner, _selector(owner), self._pods)
        owned = [pod for pod in found if ordinal(owner, pod) is not None]
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
        known = {one.metadata.name: one for one in [*revisions, update]}
        current = known.get(owner.status.currentRevision or "", update)
        now = self.context.now()
        todo = plan(owner, owned, update.metadata.name, now)
        status = status_of(owner, owned, current.metadata.name, update.metadata.name, now)
        await conditions.write_status(self.client, SETS, owner, status)
        for number in todo.create:
            chosen = known[revision_for(owner, number, current.metadata.name, update.metadata.name)]
            await self._create(owner, number, chosen)
        for pod in todo.delete:
            await self._delete(owner, pod)
        await self._forget(owner, revisions, owned, {current.metadata.name, update.metadata.name})
        return todo.wake

    async def _raise_collisions(self, owner: Any) -> None:
        status = conditions.plain(owner.status)
        status["collisionCount"] = (owner.status.collisionCount or 0) + 1
        await conditions.write_status(self.client, SETS, owner, status)

    async def _create(self, owner: Any, number: int, revision: Any) -> None:
        pod = pod_of(owner, number, revision.metadata.name, history.template_of(revision))
        name, of = pod["metadata"]["name"], owner.metadata.name
        try:
            await self._create_claims(owner, number, name)
            await self.client.create(PODS, pod)
        except ApiError as error:
            if error.reason == "AlreadyExists" or namespace_is_going(error):
                return
            text = f"Create Pod {name} in StatefulSet {of} failed error: {error.message}"
            self._events.event(owner, "Warning", "FailedCreate", text)
            raise
        text = f"Create Pod {name} in StatefulSet {of} successful"
        self._events.event(owner, "Normal", "SuccessfulCreate", text)

    async def _create_claims(self, owner: Any, number: int, pod: str) -> None:
        for wanted in claims(owner, number):
            try:
                await self.client.create(CLAIMS, wanted)
            except ApiError as error:
                if error.reason != "AlreadyExists":
                    raise
                continue
            name = wanted["metadata"]["name"]
            text = f"Create Claim {name} Pod {pod} in StatefulSet {owner.metadata.name} success"
            self._events.event(owner, "Normal", "SuccessfulCreate", text)

    async def _delete(self, owner: Any, pod: Any) -> None:
        meta, of = pod.metadata, owner.metadata.name
        try:
            await self.client.delete(PODS, meta.name, meta.namespace, uid=meta.uid)
        except ApiError as error:
            if error.reason in ("NotFound", "Conflict"):
                return
            text = f"Delete Pod {meta.name} in StatefulSet {of} failed error: {error.message}"
            self._events.event(owner, "Warning", "FailedDelete", text)
            raise
        text = f"Delete Pod {meta.name} in StatefulSet {of} successful"
        self._events.event(owner, "Normal", "SuccessfulDelete", text)

    async def _forget(self, owner: Any, revisions: list[Any], owned: list[Any], in_use: set[str]) -> None:
        in_use = in_use | {pod.metadata.labels.get(history.HASH, "") for pod in owned}
        for one in history.surplus(revisions, in_use, owner.spec.revisionHistoryLimit):
            await history.delete(self.client, one)


def _selector(owner: Any) -> selectors.Selector:
    return selectors.from_label_selector(owner.spec.selector)
