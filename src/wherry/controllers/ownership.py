"""Owner references: who controls what, and taking in or letting go of children by selector.

A controller's children are the objects whose controlling owner reference has its uid. An object
without a controller that matches the selector is adopted; a child that no longer matches is released.
Both are patches that carry the child's uid; adoption first asks the API server (not the informer)
whether the owner still exists and is not being deleted.

Follows upstream's `PodControllerRefManager` (`pkg/controller/controller_ref_manager.go`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from wherry.api.errors import ApiError
from wherry.api.schema import Obj
from wherry.api.scheme import Resource
from wherry.api.selectors import Selector
from wherry.client.informer import Informer
from wherry.client.rest import Client
from wherry.controllers.base import Context


def controller_of(obj: Any) -> Any | None:
    """The controlling owner reference."""
    for reference in obj.metadata.ownerReferences:
        if reference.controller:
            return reference
    return None


def controlled_by(obj: Any, uid: str) -> bool:
    reference = controller_of(obj)
    return reference is not None and reference.uid == uid


def controller_reference(resource: Resource, owner: Any) -> Obj:
    return {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "name": owner.metadata.name,
        "uid": owner.metadata.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def _controller_index(obj: Any) -> tuple[str]:
    reference = controller_of(obj)
    return (f"orphan:{obj.metadata.namespace}" if reference is None else reference.uid,)


def owner_key(obj: Any, resource: Resource) -> str | None:
    """The queue key of the controller of `obj` when that is a `resource`."""
    reference = controller_of(obj)
    if reference is None or reference.kind != resource.kind:
        return None
    if reference.apiVersion.partition("/")[0] != resource.api_version.partition("/")[0]:
        return None
    return f"{obj.metadata.namespace}/{reference.name}"


@dataclass(frozen=True, slots=True)
class Children:
    """Objects of one resource, found by the uid of their controller."""

    resource: Resource
    informer: Informer

    @classmethod
    def of_resource(cls, context: Context, resource: Resource) -> Children:
        return cls(resource, context.indexed(resource, "controller", _controller_index))

    def of(self, uid: str) -> list[Any]:
        return self.informer.by_index("controller", uid)

    def orphans(self, namespace: str) -> list[Any]:
        return self.informer.by_index("controller", f"orphan:{namespace}")

    def wakers(self, parent: Resource, parents: Informer, selector: Callable[[Any], Selector]) -> Any:
        """The key function for child events: the controller's key, or for an orphan the keys of all
        parents in its namespace that would adopt it."""

        def keys(child: Any) -> Iterable[str]:
            if controller_of(child) is not None:
                key = owner_key(child, parent)
                return () if key is None else (key,)
            namespace = child.metadata.namespace
            return [
                f"{namespace}/{owner.metadata.name}"
                for owner in parents.list(namespace)
                if selector(owner).matches(child.metadata.labels)
            ]

        return keys


@dataclass(frozen=True, slots=True)
class Claim:
    """Which children are the owner's already, which to adopt, which to release."""

    mine: tuple[Any, ...]
    adopt: tuple[Any, ...]
    release: tuple[Any, ...]


def plan_claim(owner: Any, selector: Selector, owned: Iterable[Any], orphans: Iterable[Any]) -> Claim:
    """Pure. An owner that is being deleted takes in and lets go of nothing."""
    owned = list(owned)
    matching = [child for child in owned if selector.matches(child.metadata.labels)]
    if owner.metadata.deletionTimestamp is not None:
        return Claim(tuple(matching), (), ())
    adopt = tuple(
        child
        for child in orphans
        if child.metadata.deletionTimestamp is None and selector.matches(child.metadata.labels)
    )
    release = tuple(child for child in owned if not selector.matches(child.metadata.labels))
    return Claim(tuple(matching), adopt, release)


async def claim(
    client: Client, resource: Resource, owner: Any, selector: Selector, children: Children
) -> list[Any]:
    """The children of `owner` after adopting and releasing."""
    uid = owner.metadata.uid
    plan = plan_claim(owner, selector, children.of(uid), children.orphans(owner.metadata.namespace))
    mine = list(plan.mine)
    may_adopt = bool(plan.adopt) and await _still_there(client, resource, owner)
    for child in plan.adopt if may_adopt else ():
        reference = controller_reference(resource, owner)
        adopted = await _patch(client, children.resource, child, {"ownerReferences": [reference]})
        if adopted is not None:
            mine.append(adopted)
    for child in plan.release:
        gone = {"ownerReferences": [{"$patch": "delete", "uid": uid}]}
        await _patch(client, children.resource, child, gone)
    return mine


async def _still_there(client: Client, resource: Resource, owner: Any) -> bool:
    meta = owner.metadata
    try:
        live = await client.get(resource, meta.name, meta.namespace)
    except ApiError as error:
        if error.reason == "NotFound":
            return False
        raise
    return bool(live.metadata.uid == meta.uid and live.metadata.deletionTimestamp is None)


async def _patch(client: Client, resource: Resource, child: Any, metadata: Obj) -> Any | None:
    meta = child.metadata
    patch = {"metadata": {**metadata, "uid": meta.uid}}
    try:
        return await client.patch(resource, meta.name, patch, meta.namespace, kind="strategic")
    except ApiError as error:
        if error.reason in ("NotFound", "Invalid"):  # gone, or another object under its name
            return None
        raise
