"""The namespace controller: empties a namespace that is being deleted, then lets it go.

Each look deletes the contents of every namespaced resource that the API server serves, counts what is
still there (metadata only), and says so in the namespace's conditions. When nothing is left it takes
`kubernetes` off `spec.finalizers`. Follows upstream's `pkg/controller/namespace/deletion`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from wherry.api.errors import ApiError
from wherry.api.schema import Obj, to_obj
from wherry.api.scheme import Resource, resource
from wherry.client.rest import Client
from wherry.controllers import conditions
from wherry.controllers.base import Context, Controller, own_key
from wherry.controllers.discovery import preferred_resources

NAMESPACES = resource("namespaces")
FINALIZER = "kubernetes"
_NEVER = frozenset({("", "bindings"), ("authorization.k8s.io", "localsubjectaccessreviews")})
_LOOK_AGAIN = 1.0
_LOOK_AGAIN_FINALIZERS = 5.0
"""Pods end by themselves soon; other finalizers wait for somebody."""


@dataclass(slots=True)
class Remains:
    """What is left after a look: objects by resource, finalizers by name, and what went wrong."""

    resources: Counter[str] = field(default_factory=Counter)
    kinds: list[Resource] = field(default_factory=list)
    finalizers: Counter[str] = field(default_factory=Counter)
    discovery_failure: str = ""
    deletion_failures: list[str] = field(default_factory=list)
    grace: float = 0.0

    @property
    def nothing(self) -> bool:
        return not (self.resources or self.finalizers or self.discovery_failure or self.deletion_failures)


def conditions_of(known: list[Obj], remains: Remains, now: float) -> list[Obj]:
    """The namespace's conditions, upstream's texts. Pure."""
    found = [dict(condition) for condition in known]
    for condition in _told(remains, now):
        old = conditions.find(found, condition["type"])
        if old is None:
            found.append(condition)
        elif (old["status"], old.get("message")) != (condition["status"], condition["message"]):
            if old["status"] == condition["status"] and "lastTransitionTime" in old:
                condition["lastTransitionTime"] = old["lastTransitionTime"]
            found[found.index(old)] = condition
    return found


def _told(remains: Remains, now: float) -> list[Obj]:
    resources = ", ".join(
        f"{name} has {count} resource instances" for name, count in sorted(remains.resources.items())
    )
    finalizers = ", ".join(
        f"{name} in {count} resource instances" for name, count in sorted(remains.finalizers.items())
    )
    table = (
        (
            "NamespaceDeletionDiscoveryFailure",
            ("DiscoveryFailed", remains.discovery_failure),
            ("ResourcesDiscovered", "All resources successfully discovered"),
        ),
        (
            "NamespaceDeletionGroupVersionParsingFailure",
            ("GroupVersionParsingFailed", ""),
            ("ParsedGroupVersions", "All legacy kube types successfully parsed"),
        ),
        (
            "NamespaceDeletionContentFailure",
            ("ContentDeletionFailed", _failures(remains.deletion_failures)),
            ("ContentDeleted", "All content successfully deleted, may be waiting on finalization"),
        ),
        (
            "NamespaceContentRemaining",
            ("SomeResourcesRemain", resources and f"Some resources are remaining: {resources}"),
            ("ContentRemoved", "All content successfully removed"),
        ),
        (
            "NamespaceFinalizersRemaining",
            (
                "SomeFinalizersRemain",
                finalizers and f"Some content in the namespace has finalizers remaining: {finalizers}",
            ),
            ("ContentHasNoFinalizers", "All content-preserving finalizers finished"),
        ),
    )
    return [
        conditions.condition(type_, "True", *bad, now)
        if bad[1]
        else conditions.condition(type_, "False", *good, now)
        for type_, bad, good in table
    ]


def _failures(texts: list[str]) -> str:
    if not texts:
        return ""
    joined = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    return f"Failed to delete all resource types, {len(texts)} remaining: {joined}"


class NamespaceController(Controller):
    name = "namespace-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.workers = context.settings.namespace_workers
        self._namespaces = self.watch(context.informer(NAMESPACES), _terminating)
        self._left: dict[str, list[Resource]] = {}
        """What the last look left: the next looks there first, and at everything only when it is gone."""

    async def reconcile(self, key: str) -> float | None:
        namespace = self._namespaces.get(key)
        if namespace is None or namespace.metadata.deletionTimestamp is None:
            return None
        if FINALIZER not in namespace.spec.finalizers:
            return None
        live = await self._live(key)
        if live is None or live.metadata.deletionTimestamp is None:
            return None
        namespace = live
        remains = await self._empty(key, self._left.pop(key, []))
        if remains.nothing:
            remains = await self._empty_everything(key)
        self._left[key] = remains.kinds
        if remains.nothing:
            self._left.pop(key)
            await self._finalize(namespace)
            return None
        status: Obj = {**conditions.plain(namespace.status), "phase": "Terminating"}
        status["conditions"] = conditions_of(status.get("conditions", []), remains, self.context.now())
        await conditions.write_status(self.client, NAMESPACES, namespace, status)
        return _LOOK_AGAIN if remains.grace else _LOOK_AGAIN_FINALIZERS

    async def _live(self, name: str) -> Any | None:
        try:
            return await self.client.get(NAMESPACES, name)
        except ApiError as error:
            if error.reason == "NotFound":
                return None
            raise

    async def _empty_everything(self, namespace: str) -> Remains:
        try:
            served = await preferred_resources(self.client)
        except ApiError as error:
            return Remains(discovery_failure=error.message)
        return await self._empty(namespace, served)

    async def _empty(self, namespace: str, resources: list[Resource]) -> Remains:
        remains = Remains()
        for res in resources:
            if res.namespaced and (res.group, res.name) not in _NEVER and "delete" in res.verbs:
                try:
                    await self._empty_resource(res, namespace, remains)
                except ApiError as error:
                    if error.reason not in ("NotFound", "MethodNotAllowed"):
                        remains.deletion_failures.append(error.message)
        return remains

    async def _empty_resource(self, res: Resource, namespace: str, remains: Remains) -> None:
        left = await _items(self.client, res, namespace)
        if left:
            await self._delete_all(res, namespace, left)
            left = await _items(self.client, res, namespace)
        name = f"{res.name}.{res.group}"
        if left:
            remains.resources[name] += len(left)
            remains.kinds.append(res)
        for item in left:
            remains.finalizers.update(item.metadata.finalizers)
            remains.grace = max(remains.grace, item.metadata.deletionGracePeriodSeconds or 0)

    async def _delete_all(self, res: Resource, namespace: str, items: list[Any]) -> None:
        if "deletecollection" in res.verbs:
            await self.client.delete_collection(res, namespace)
            return
        for item in items:
            if item.metadata.deletionTimestamp is None:
                meta = item.metadata
                await self.client.delete(
                    res, meta.name, namespace, uid=meta.uid, propagation_policy="Background"
                )

    async def _finalize(self, namespace: Any) -> None:
        body = to_obj(namespace)
        left = [one for one in namespace.spec.finalizers if one != FINALIZER]
        body["spec"] = {**body.get("spec", {}), "finalizers": left}
        try:
            await self.client.update(NAMESPACES, body, subresource="finalize")
        except ApiError as error:
            if error.reason != "NotFound":
                raise


async def _items(client: Client, res: Resource, namespace: str) -> list[Any]:
    return (await client.list(res, namespace, metadata_only=True)).items if "list" in res.verbs else []


def _terminating(namespace: Any) -> tuple[str, ...]:
    return own_key(namespace) if namespace.metadata.deletionTimestamp is not None else ()
