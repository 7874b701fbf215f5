"""ControllerRevisions: the templates that a StatefulSet or DaemonSet has had, numbered.

A revision holds the patch that brings its template back (`kubectl rollout undo` applies it). Going
back to an old template gives its revision the highest number again. Follows upstream's
`pkg/controller/history`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from wherry.api.errors import ApiError
from wherry.api.schema import Obj, to_obj
from wherry.api.scheme import Resource, resource
from wherry.client.rest import Client
from wherry.controllers.hashing import safe_hash
from wherry.controllers.ownership import controlled_by, controller_reference

REVISIONS = resource("controllerrevisions.apps")
HASH = "controller-revision-hash"


def data_of(template: Any) -> Obj:
    return {"spec": {"template": {**to_obj(template), "$patch": "replace"}}}


def template_of(revision: Any) -> Obj:
    """The pod template that a revision holds."""
    template = dict(revision.data["spec"]["template"])
    template.pop("$patch", None)
    return template


def ordered(revisions: Iterable[Any]) -> list[Any]:
    return sorted(revisions, key=lambda r: (r.revision, r.metadata.creationTimestamp, r.metadata.name))


def new_revision(kind: Resource, owner: Any, number: int) -> Obj:
    data = data_of(owner.spec.template)
    digest = safe_hash(data, owner.status.collisionCount)
    return {
        "metadata": {
            "name": f"{owner.metadata.name}-{digest}",
            "namespace": owner.metadata.namespace,
            "labels": {**owner.spec.template.metadata.labels, HASH: digest},
            "ownerReferences": [controller_reference(kind, owner)],
        },
        "data": data,
        "revision": number,
    }


def surplus(revisions: list[Any], in_use: set[str], limit: int | None) -> list[Any]:
    """Revisions to delete: those not in use beyond the limit, oldest first."""
    idle = [one for one in ordered(revisions) if one.metadata.name not in in_use]
    return idle[: max(0, len(idle) - (10 if limit is None else limit))]


async def current(client: Client, kind: Resource, owner: Any, revisions: list[Any]) -> Any:
    """The revision of the owner's template, created or brought forward as needed. Raises ApiError
    (AlreadyExists) when its name is taken by something else: the collision count must be raised."""
    known = ordered(revisions)
    number = known[-1].revision + 1 if known else 1
    data = data_of(owner.spec.template)
    same = [one for one in known if one.data == data]
    if not same:
        return await _create(client, new_revision(kind, owner, number), owner)
    if same[-1] is known[-1]:
        return same[-1]
    meta = same[-1].metadata
    patch = {"metadata": {"resourceVersion": meta.resourceVersion}, "revision": number}
    return await client.patch(REVISIONS, meta.name, patch, meta.namespace)


async def _create(client: Client, revision: Obj, owner: Any) -> Any:
    try:
        return await client.create(REVISIONS, revision)
    except ApiError as error:
        if error.reason != "AlreadyExists":
            raise
        live = await client.get(REVISIONS, revision["metadata"]["name"], owner.metadata.namespace)
        if live.data == revision["data"] and controlled_by(live, owner.metadata.uid):
            return live
        raise


async def delete(client: Client, revision: Any) -> None:
    meta = revision.metadata
    try:
        await client.delete(REVISIONS, meta.name, meta.namespace, uid=meta.uid)
    except ApiError as error:
        if error.reason != "NotFound":
            raise
