"""PUT, and the way every change of an existing object goes (upstream registry/generic/registry/store.go).

`change_object` reads the current state, asks `change` for the new one, prepares and validates it, and
writes it on condition that nothing came in between; when something did, it starts again from there.
Patches, scale, binding and the like bring their own `change`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from wherry.api import errors, fieldpath
from wherry.api.schema import Obj
from wherry.apiserver.registry import decoding, deletion, negotiation, objectmeta, ownership, writing
from wherry.apiserver.registry.core import Call, Core, Finish, conclude
from wherry.apiserver.registry.create import create_object
from wherry.apiserver.registry.entry import Entry, encode
from wherry.apiserver.registry.limits import FIELDS, limited
from wherry.apiserver.registry.options import WriteOptions, manager_name, write_options
from wherry.apiserver.registry.respond import answer
from wherry.apiserver.registry.shapes import shaped
from wherry.apiserver.registry.strategy import Context
from wherry.http.messages import Response

ATTEMPTS = 10
"""How often a change that names no resourceVersion may lose the race before it is a Conflict."""

Change = Callable[[Obj, Obj], Awaitable[Obj]]
"""(current, a copy of it to work on) -> the object wanted."""


@dataclass(slots=True)
class Outcome:
    body: bytes
    warnings: tuple[str, ...] = ()
    created: bool = False


async def update(core: Core, call: Call) -> Response:
    request, served = call.request, call.served
    options = write_options(call.query, "UpdateOptions")
    accept = negotiation.accept(request.headers.get("accept", ""))
    obj, warnings = decoding.decode(
        request.body,
        request.headers.get("content-type", ""),
        served.wanted,
        core.scheme,
        options.validation,
    )
    outcome = await put_object(core, call, obj, options)
    status = 201 if outcome.created else 200
    body = shaped(core, served, accept, outcome.body, call.query)
    return answer(
        request, call.query, body, accept=accept, status=status, warnings=(*warnings, *outcome.warnings)
    )


async def put_object(core: Core, call: Call, obj: Obj, options: WriteOptions) -> Outcome:
    """Replaces an object by a decoded one, or creates it where the kind allows that."""
    check_identity(call, obj)
    served = call.served
    if served.strategy.create_on_update and not call.info.subresource:
        await core.feed.current()
        if served.cache.get(served.relative(call.namespace, call.info.name)) is None:
            obj["metadata"].pop("resourceVersion", None)
            body, warnings = await create_object(core, call, obj, options)
            return Outcome(body, warnings, created=True)
    wanted = encode(obj)

    async def change(current: Obj, copy: Obj) -> Obj:
        return decoding.plain(wanted)

    return await change_object(core, call, change, options)


def check_identity(call: Call, obj: Obj) -> None:
    """Name and namespace in the body agree with the URL; the namespace may be left out."""
    metadata, info = obj["metadata"], call.info
    name = metadata.get("name")
    if not name:
        raise errors.bad_request(
            f"the name of the object ({info.name} based on URL) was undeterminable: name must be provided"
        )
    if name != info.name:
        raise errors.bad_request(
            f"the name of the object ({name}) does not match the name on the URL ({info.name})"
        )
    given = metadata.get("namespace", "")
    if call.namespace and given and given != call.namespace:
        raise errors.bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    if call.namespace:
        metadata["namespace"] = call.namespace
    else:
        metadata.pop("namespace", None)


async def current_entry(core: Core, call: Call) -> Entry:
    """What is there now; NotFound when nothing is."""
    await core.feed.current()
    served, info = call.served, call.info
    entry = served.cache.get(served.relative(call.namespace, info.name))
    if entry is None:
        raise served.not_found(info.name)
    return entry


async def change_object(
    core: Core, call: Call, change: Change, options: WriteOptions, *, manager: str = "", owned: bool = False
) -> Outcome:
    """`owned`: the change settles managed fields itself (server-side apply)."""
    entry = await current_entry(core, call)
    for _ in range(ATTEMPTS):
        try:
            return await _attempt(core, call, entry, change, options, manager, owned)
        except writing.Moved as moved:
            if moved.current is None:
                raise call.served.not_found(call.info.name) from None
            entry = writing.entry_of(call.served, call.namespace, call.info.name, moved.current)
    raise call.served.modified(call.info.name)


async def _attempt(
    core: Core, call: Call, entry: Entry, change: Change, options: WriteOptions, manager: str, owned: bool
) -> Outcome:
    served, info = call.served, call.info
    old = served.decode(entry)
    new = await change(old, served.decode(entry))
    _check_version(call, new, old)
    if limits := FIELDS.get((served.resource.group_resource, info.subresource)):
        new = limited(new, old, limits)
    objectmeta.carry_over(new["metadata"], old["metadata"])
    now = core.now()
    served.strategy.default(new)
    _keep(call, new, old)
    if not owned:
        who = manager or manager_name(options, call.agent)
        ownership.updated(served, new, old, who, now, info.subresource)
    attributes = call.attributes("UPDATE", new, old, options.dry_run)
    finishes: list[Finish] = []
    written = False
    try:
        if new != old:
            finishes = await core.admission.admit(attributes)
            _prepare(call, new, old, Context(now, call.user.name, info.subresource))
            _validate(call, new, old)
        await core.admission.validate(attributes)
        warnings = tuple(served.strategy.warnings(new, old)) if not info.subresource else ()
        body = await _write(core, call, entry, new, old, options)
        written = not options.dry_run
    finally:
        conclude(finishes, written)
    return Outcome(body, warnings)


def _check_version(call: Call, new: Obj, old: Obj) -> None:
    served, name = call.served, call.info.name
    wanted, current = new["metadata"].get("resourceVersion", ""), old["metadata"]["resourceVersion"]
    if wanted in ("", "0"):
        if not served.strategy.unconditional_update:
            field = fieldpath.invalid_value("metadata.resourceVersion", 0, "must be specified for an update")
            raise errors.invalid(served.resource.group, served.resource.name, name, [field])
    elif wanted != current:
        raise served.modified(name)
    uid = new["metadata"].get("uid")
    if uid and uid != old["metadata"].get("uid"):
        there = old["metadata"].get("uid", "")
        why = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {there}"
        raise served.conflict(name, why)
    new["metadata"]["resourceVersion"] = current


_STATUS_KEEPS_METADATA = frozenset(
    (
        "apiextensions.k8s.io",
        "apiregistration.k8s.io",
        "flowcontrol.apiserver.k8s.io",
    )
)
"""Groups whose status strategies reset all metadata (`metav1.ResetObjectMetaForStatus`)."""


def _keep(call: Call, new: Obj, old: Obj) -> None:
    """What this endpoint may not change stays as it was: the status on the object itself, all but the
    status on `/status`."""
    if call.info.subresource == "status":
        for field in list(new):
            if field not in ("kind", "apiVersion", "metadata", "status") and field not in old:
                del new[field]
        for field, value in old.items():
            if field not in ("kind", "apiVersion", "metadata", "status"):
                new[field] = value
        if call.served.definition is None or call.served.resource.group in _STATUS_KEEPS_METADATA:
            given = new["metadata"].get("managedFields")
            new["metadata"] = dict(old["metadata"])
            if given:
                new["metadata"]["managedFields"] = given
    elif call.served.strategy.has_status and call.info.subresource in ("", "scale"):
        if "status" in old:
            new["status"] = old["status"]
        else:
            new.pop("status", None)


def _prepare(call: Call, new: Obj, old: Obj, context: Context) -> None:
    strategy = call.served.strategy
    objectmeta.carry_over(new["metadata"], old["metadata"])
    _keep(call, new, old)
    if call.info.subresource == "status":
        strategy.prepare_status(new, old, context)
        return
    if call.info.subresource in ("", "scale"):
        strategy.prepare_update(new, old, context)
    strategy.default(new)
    if strategy.generation and _spec_changed(new, old):
        new["metadata"]["generation"] = old["metadata"].get("generation", 0) + 1


def _spec_changed(new: Obj, old: Obj) -> bool:
    names = [name for name in {**new, **old} if name not in ("kind", "apiVersion", "metadata", "status")]
    return any(new.get(name) != old.get(name) for name in names)


def _validate(call: Call, new: Obj, old: Obj) -> None:
    served = call.served
    resource, strategy = served.resource, served.strategy
    problems = objectmeta.validate_update(new["metadata"], old["metadata"])
    subresource = call.info.subresource
    if subresource == "status":
        problems += strategy.validate_status(new, old)
    else:
        problems += strategy.validate(new)
        if subresource in ("", "scale"):
            problems += strategy.validate_update(new, old)
    if problems:
        raise errors.invalid(resource.group, resource.kind, call.info.name, problems)


async def _write(core: Core, call: Call, entry: Entry, new: Obj, old: Obj, options: WriteOptions) -> bytes:
    served = call.served
    if deletion.ends_with(served, new, old):
        if options.dry_run:
            return encode(new)
        gone = await writing.remove(core, served, entry)
        new["metadata"]["resourceVersion"] = str(gone.revision)
        return encode(new)
    if new == old:
        return served.render(entry)
    if options.dry_run:
        return encode(new)
    return served.render(await writing.replace(core, served, entry, new))
