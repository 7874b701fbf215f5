"""The garbage collector: asks the API server about what the graph suspects, and deletes, orphans or
lets go accordingly.

Invariant: nothing is deleted on the word of the graph alone. Every owner that the graph does not know
is asked for by name, and the object itself is read again; its deletion carries the uid and the
resourceVersion it had then. Follows upstream's `pkg/controller/garbagecollector`.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable
from typing import Any

from wherry.api.errors import ApiError
from wherry.api.schema import Obj, to_obj
from wherry.api.scheme import Resource
from wherry.client import objects
from wherry.controllers.base import Context, Controller
from wherry.controllers.garbage.graph import FOREGROUND, ORPHAN, Graph, Node, Owner, Work, node_of
from wherry.controllers.garbage.monitors import Monitors
from wherry.controllers.garbage.verdict import Delete, Keep, OwnerState, verdict

_UNSEEN_OWNER = 30.0
"""An owner that is there but not in the graph may go unnoticed: look again after that time."""
_ABSENT_MEMORY = 1000


class GarbageCollector(Controller):
    name = "garbage-collector-controller"
    late = True

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.workers = context.settings.gc_workers
        self._events = context.recorder("garbage-collector-controller")
        self._graph = Graph()
        self._monitors = Monitors(context, self._graph, self._enqueue_work)
        self._absent: OrderedDict[tuple[Owner, str], None] = OrderedDict()

    def _enqueue_work(self, work: Work) -> None:
        for uid in work.examine:
            self.queue.add(f"examine {uid}")
        for uid in work.orphan:
            self.queue.add(f"orphan {uid}")

    async def run(self) -> None:
        """Nothing is looked at before the informers have told all they have."""
        synced = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._monitors.run(synced))
            await synced.wait()
            tasks.create_task(super().run())

    async def reconcile(self, key: str) -> float | None:
        what, _, uid = key.partition(" ")
        node = self._graph.get(uid)
        if node is None:
            return None
        if what == "orphan":
            await self._orphan(node)
            return None
        return await self._examine(node)

    async def _examine(self, node: Node) -> float | None:
        if node.deleting and not node.foreground:
            return None
        if all(self._graph.is_solid(node, owner) for owner in node.owners) and not node.foreground:
            return None
        live = await self._live(node)
        if live is None:
            return None
        seen = node_of(node.resource, live)
        if seen.foreground:
            await self._finish_foreground(seen, live)
            return None
        return await self._judge(seen, live)

    async def _judge(self, node: Node, live: Any) -> float | None:
        states: dict[str, OwnerState] = {}
        unseen = False
        for owner in node.owners:
            if self._monitors.resource(owner.api_version, owner.kind) is None:
                return _UNSEEN_OWNER
            state = await self._state(node, owner)
            if state is None:
                return None
            states[owner.uid] = state
            unseen = unseen or (state == "solid" and self._graph.get(owner.uid) is None)
        decision = verdict(node.owners, states, _finalizers(live), bool(self._graph.dependents(node.uid)))
        if isinstance(decision, Keep):
            if decision.drop:
                await self._drop_owners(node, live, decision.drop)
        else:
            if decision.policy == "Foreground" and "waiting" in states.values():
                await self._unblock(node, live)
                live = await self._live(node)
            if live is not None:
                await self._delete(node, live, decision)
        return _UNSEEN_OWNER if unseen else None

    async def _state(self, node: Node, owner: Owner) -> OwnerState | None:
        """None: the reference cannot be judged (a cluster-wide object naming a namespaced owner)."""
        if self._graph.is_solid(node, owner):
            return "solid"
        resource = self._monitors.resource(owner.api_version, owner.kind)
        assert resource is not None
        if resource.namespaced and not node.namespace:
            message = f"ownerRef [{owner.api_version}/{owner.kind}, namespace: , name: {owner.name}, uid: "
            self._events.event(
                _reference(node),
                "Warning",
                "OwnerRefInvalidNamespace",
                f'{message}{owner.uid}] does not exist in namespace ""',
            )
            return None
        namespace = node.namespace if resource.namespaced else ""
        if (owner, namespace) in self._absent:
            return "absent"
        live = await self._get(resource, owner.name, namespace)
        found = None if live is None else node_of(resource, live)
        if found is None or found.uid != owner.uid:
            self._absent[owner, namespace] = None
            if len(self._absent) > _ABSENT_MEMORY:
                self._absent.popitem(last=False)
            return "absent"
        return "waiting" if found.foreground else "solid"

    async def _finish_foreground(self, node: Node, live: Any) -> None:
        """The owner may go when nothing that blocks it is left; what is left is looked at."""
        blockers = self._graph.blockers(node.uid)
        if not blockers:
            await self._drop_finalizer(node, live, FOREGROUND)
        for blocker in blockers:
            if not blocker.foreground:
                self.queue.add(f"examine {blocker.uid}")

    async def _orphan(self, node: Node) -> None:
        """Lets all dependents go, then the object itself."""
        for dependent in self._graph.dependents(node.uid):
            live = await self._live(dependent)
            if live is not None:
                await self._drop_owners(dependent, live, (node.uid,))
        live = await self._live(node)
        if live is not None:
            await self._drop_finalizer(node, live, ORPHAN)

    async def _delete(self, node: Node, live: Any, decision: Delete) -> None:
        await self._tolerating(
            self.client.delete(
                node.resource,
                node.name,
                node.namespace,
                uid=node.uid,
                resource_version=objects.resource_version(live),
                propagation_policy=decision.policy,
            )
        )

    async def _unblock(self, node: Node, live: Any) -> None:
        """Owner and dependent that wait for each other would wait for ever: a dependent that is itself
        waiting shows that, and then this object blocks nobody any more."""
        if any(dependent.foreground for dependent in self._graph.dependents(node.uid)):
            references = [{**one, "blockOwnerDeletion": False} for one in _metadata(live)["ownerReferences"]]
            await self._patch(node, live, {"ownerReferences": references})

    async def _drop_owners(self, node: Node, live: Any, uids: tuple[str, ...]) -> None:
        references = _metadata(live).get("ownerReferences", [])
        left = [one for one in references if one["uid"] not in uids]
        if len(left) != len(references):
            await self._patch(node, live, {"ownerReferences": left or None})

    async def _drop_finalizer(self, node: Node, live: Any, finalizer: str) -> None:
        finalizers = _finalizers(live)
        if finalizer in finalizers:
            left = [one for one in finalizers if one != finalizer]
            await self._patch(node, live, {"finalizers": left or None})

    async def _patch(self, node: Node, live: Any, metadata: Obj) -> None:
        """A merge patch, for custom resources know no other; lists are replaced whole, so it carries
        the resourceVersion at which they were read."""
        conditional = {**metadata, "resourceVersion": objects.resource_version(live)}
        await self._tolerating(
            self.client.patch(node.resource, node.name, {"metadata": conditional}, node.namespace)
        )

    async def _tolerating(self, request: Awaitable[Any]) -> None:
        """What is gone already is fine."""
        try:
            await request
        except ApiError as error:
            if error.reason != "NotFound":
                raise

    async def _live(self, node: Node) -> Any | None:
        """The object as the API server has it, None when it is gone."""
        live = await self._get(node.resource, node.name, node.namespace)
        return live if live is not None and objects.uid(live) == node.uid else None

    async def _get(self, resource: Resource, name: str, namespace: str) -> Any | None:
        try:
            return await self.client.get(resource, name, namespace)
        except ApiError as error:
            if error.reason == "NotFound":
                return None
            raise


def _metadata(obj: Any) -> Obj:
    meta: Obj = obj["metadata"] if isinstance(obj, dict) else to_obj(obj.metadata)
    return meta


def _finalizers(obj: Any) -> tuple[str, ...]:
    return tuple(_metadata(obj).get("finalizers") or ())


def _reference(node: Node) -> Obj:
    return {
        "apiVersion": node.resource.api_version,
        "kind": node.resource.kind,
        "namespace": node.namespace,
        "name": node.name,
        "uid": node.uid,
    }
