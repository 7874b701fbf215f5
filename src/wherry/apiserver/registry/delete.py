"""DELETE of one object and of a collection (upstream endpoints/handlers/delete.go)."""

from __future__ import annotations

import asyncio
import dataclasses
from dataclasses import dataclass
from typing import Any

import msgspec

from wherry.api import errors
from wherry.api.errors import ApiError
from wherry.api.schema import Obj
from wherry.apiserver.registry import (
    decoding,
    deletion,
    listing,
    negotiation,
    strict,
    syntax,
    writing,
    yamlin,
)
from wherry.apiserver.registry.core import Call, Core, conclude
from wherry.apiserver.registry.entry import Entry, encode
from wherry.apiserver.registry.options import DeleteOptions, delete_options, list_options
from wherry.apiserver.registry.respond import answer
from wherry.apiserver.registry.shapes import shaped
from wherry.apiserver.registry.update import ATTEMPTS, current_entry
from wherry.http.messages import Response

_RETURNS_OBJECT = frozenset(
    (
        "pods",
        "services",
        "serviceaccounts",
        "persistentvolumes",
        "persistentvolumeclaims",
        "podtemplates",
        "resourcequotas",
    )
)
"""Kinds whose DELETE answers with the deleted object rather than a Status (ReturnDeletedObject)."""


_DELETE_OPTIONS = "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions"


SIDE_BY_SIDE = 16
"""How many objects of a collection are deleted at a time."""


@dataclass(slots=True)
class Deleted:
    """`obj` encoded, in its last state; `gone`: it is no longer there."""

    body: bytes
    gone: bool
    uid: str = ""


async def delete(core: Core, call: Call) -> Response:
    request, served = call.request, call.served
    options = read_options(call)
    accept = negotiation.accept(request.headers.get("accept", ""))
    deleted = await delete_object(core, call, options)
    waiting = options.orphanDependents is False or options.propagationPolicy == "Foreground"
    status = 202 if waiting and not deleted.gone and not options.dry_run else 200
    if deleted.gone and served.resource.group_resource not in _RETURNS_OBJECT:
        return answer(request, call.query, _success(call, deleted.uid), status=status)
    body = shaped(core, served, accept, deleted.body, call.query)
    return answer(request, call.query, body, accept=accept, status=status)


def _success(call: Call, uid: str) -> bytes:
    resource = call.served.resource
    details: Obj = {"name": call.info.name}
    if resource.group:
        details["group"] = resource.group
    details |= {"kind": resource.name, "uid": uid}
    return encode(
        {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
    )


def read_options(call: Call) -> DeleteOptions:
    """DeleteOptions from the body or the query."""
    body = call.request.body
    if not body:
        return delete_options(call.query, None)
    if decoding.is_yaml(call.request.headers.get("content-type", "")):
        try:
            value: Any = yamlin.load(body).value
        except yamlin.YamlError as error:
            raise errors.bad_request(f"yaml: {error}") from None
    else:
        try:
            value = msgspec.json.decode(body)
        except (ValueError, RecursionError):
            why = f"couldn't get version/kind; json parse error: {syntax.of(body) or 'invalid text'}"
            raise errors.bad_request(why) from None
    _, found = strict.inspect(value, _DELETE_OPTIONS)
    if found.mismatch:
        raise errors.bad_request(found.mismatch)
    options = delete_options(call.query, value)
    if options.kind not in ("", "DeleteOptions"):
        scheme = 'scheme "pkg/apis/meta/internalversion/scheme/register.go:27"'
        version = options.apiVersion
        raise errors.bad_request(
            f'no kind "{options.kind}" is registered for version "{version}" in {scheme}'
        )
    return options


async def delete_object(core: Core, call: Call, options: DeleteOptions) -> Deleted:
    """Deletes, or marks, the object of the call; NotFound when there is none."""
    served = call.served
    entry = await current_entry(core, call)
    for _ in range(ATTEMPTS):
        try:
            return await _attempt(core, call, entry, options)
        except writing.Moved as moved:
            if moved.current is None:
                raise served.not_found(call.info.name) from None
            entry = writing.entry_of(served, call.namespace, call.info.name, moved.current)
    raise served.modified(call.info.name)


async def _attempt(core: Core, call: Call, entry: Entry, options: DeleteOptions) -> Deleted:
    served = call.served
    old = served.decode(entry)
    _check_preconditions(call, old, options)
    attributes = call.attributes("DELETE", None, old, options.dry_run)
    finishes = await core.admission.admit(attributes)
    written = False
    try:
        await core.admission.validate(attributes)
        decision = deletion.decide(served, served.decode(entry), options, core.now())
        deleted = await _carry_out(core, call, entry, decision, options.dry_run)
        written = not options.dry_run and decision.action != "pending"
    finally:
        conclude(finishes, written)
    deleted.uid = old["metadata"].get("uid", "")
    return deleted


def _check_preconditions(call: Call, old: Obj, options: DeleteOptions) -> None:
    metadata, resource = old["metadata"], call.served.resource
    for name, wanted, there, meaning in (
        ("UID", options.uid, metadata.get("uid", ""), "deleted and then recreated"),
        ("ResourceVersion", options.resource_version, metadata["resourceVersion"], "modified"),
    ):
        if wanted is not None and wanted != there:
            why = (
                f"the {name} in the precondition ({wanted}) does not match the {name} in record ({there}). "
                f"The object might have been {meaning}"
            )
            raise errors.conflict(resource.group, resource.kind, call.info.name, why)


async def _carry_out(
    core: Core, call: Call, entry: Entry, decision: deletion.Decision, dry_run: bool
) -> Deleted:
    served = call.served
    if decision.action == "pending":
        return Deleted(served.render(entry), gone=False)
    if dry_run:
        return Deleted(encode(decision.obj), gone=decision.action == "remove")
    if decision.action == "mark":
        return Deleted(served.render(await writing.replace(core, served, entry, decision.obj)), gone=False)
    gone = await writing.remove(core, served, entry)
    decision.obj["metadata"]["resourceVersion"] = str(gone.revision)
    return Deleted(encode(decision.obj), gone=True)


async def delete_collection(core: Core, call: Call) -> Response:
    """Deletes what a selection finds now, some side by side so that they share the store's syncs; what is
    gone meanwhile is no failure."""
    selected = list_options(call.query)
    options = read_options(call)
    found = await listing.select(core, call, selected)
    for start in range(0, len(found.entries), SIDE_BY_SIDE):
        batch = found.entries[start : start + SIDE_BY_SIDE]
        outcomes = await asyncio.gather(
            *(_delete_one(core, call, entry, options) for entry in batch), return_exceptions=True
        )
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
    return answer(call.request, call.query, listing.object_list(call.served, found))


async def _delete_one(core: Core, call: Call, entry: Entry, options: DeleteOptions) -> None:
    namespace, _, name = entry.key.rpartition("/")
    info = dataclasses.replace(call.info, namespace=namespace, name=name)
    try:
        await delete_object(core, Call(call.served, info, call.user, call.request, call.query), options)
    except ApiError as error:
        if error.reason != "NotFound":
            raise
