"""Server-side apply on the wire: from a configuration to the object, its managers, or the conflicts
(`k8s.io/apimachinery/pkg/util/managedfields`, endpoints/handlers/patch.go `applyPatcher`)."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from wherry.api import errors
from wherry.api.errors import ApiError
from wherry.api.schema import Obj
from wherry.apiserver.patch import compare, fieldsets, typedvalue
from wherry.apiserver.patch.apply import Applied, Conflict, Conflicts, Manager
from wherry.apiserver.patch.apply import apply as apply_fields
from wherry.apiserver.patch.fieldsets import FieldSet
from wherry.apiserver.patch.typedvalue import TypedError
from wherry.apiserver.registry import decoding, ownership, strict, yamlin
from wherry.apiserver.registry.core import Call, Core
from wherry.apiserver.registry.create import NO_MANAGER, create_object
from wherry.apiserver.registry.options import WriteOptions, apply_options
from wherry.apiserver.registry.update import Outcome, change_object, check_identity
from wherry.clock import rfc3339

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_KUBECTL = "kubectl"
_BEFORE = "before-first-apply"


async def apply(core: Core, call: Call) -> Outcome:
    """Applies the request's configuration; makes the object when it is not there."""
    served, info = call.served, call.info
    options = apply_options(call.query)
    config = _configuration(core, call)
    await core.feed.current()
    key = served.relative(call.namespace, info.name)
    if served.cache.get(key) is None and not info.subresource:
        try:
            return await _create(core, call, config, options)
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise
    now = rfc3339(core.now())

    async def change(current: Obj, copy: Obj) -> Obj:
        return _applied(call, copy, config, options, now)

    return await change_object(core, call, change, options, owned=True)


async def _create(core: Core, call: Call, config: Obj, options: WriteOptions) -> Outcome:
    served = call.served
    check_identity(call, config)
    if config["metadata"].get("uid"):
        raise served.conflict(
            call.info.name,
            "uid mismatch: the provided object specified uid "
            f"{config['metadata']['uid']}, and no existing object was found",
        )
    obj = decoding.plain(msgspec.json.encode(config))
    obj["metadata"].pop("resourceVersion", None)
    fields = _owned_fields(call, config)
    who = ownership.identity(served, options.manager, call.info.subresource, "Apply")
    ownership.store(obj, [ownership.entry_of(who, fields, rfc3339(core.now()))] if fields else [])
    body, warnings = await create_object(core, call, obj, options, manager=NO_MANAGER)
    return Outcome(body, warnings, created=True)


def _configuration(core: Core, call: Call) -> Obj:
    """The applied object, found to be of the kind and name the URL says."""
    served, body = call.served, call.request.body
    if len(body) > decoding.MAX_BODY:
        raise errors.too_large(f"Request entity too large: limit is {decoding.MAX_BODY}")
    try:
        value: Any = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        value = _yaml(body)
    if value is None:
        value = {}
    if not isinstance(value, dict):
        what = strict.json_type(value)
        why = f"json: cannot unmarshal {what} into Go value of type map[string]interface {{}}"
        raise errors.bad_request(f"error decoding YAML: error unmarshaling JSON: while decoding JSON: {why}")
    _check_kind(core, call, value)
    if not isinstance(value.setdefault("metadata", {}), dict):
        raise errors.bad_request("metadata must be an object")
    if value["metadata"].get("managedFields") is not None:
        raise errors.bad_request("metadata.managedFields must be nil")
    checked, found = strict.inspect(value, served.definition)
    obj: Obj = checked
    if obj["metadata"].get("name"):
        check_identity(call, obj)
    elif call.namespace and obj["metadata"].get("namespace", call.namespace) != call.namespace:
        raise errors.bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    problem = found.mismatch
    if not problem and found.fields:
        names = [text.partition('"')[2].rstrip('"') for text in found.fields]
        problem = ", ".join(f".{name}: field not declared in schema" for name in names)
    if problem:
        raise _cannot_type(call, obj, problem)
    return obj


def _yaml(body: bytes) -> Any:
    try:
        return yamlin.load(body).value
    except yamlin.YamlError as error:
        text = f"error decoding YAML: error converting YAML to JSON: yaml: {error}"
        raise errors.bad_request(text) from None


def _check_kind(core: Core, call: Call, value: Obj) -> None:
    resource = call.served.resource
    kind, version = (
        text if isinstance(text := value.get(key), str) else "" for key in ("kind", "apiVersion")
    )
    if (kind, version) == (resource.kind, resource.api_version):
        return
    group, _, short = version.rpartition("/")
    if (kind, group) == (resource.kind, resource.group) and core.scheme.for_kind(version, kind):
        raise errors.bad_request(
            f"incorrect version specified in apply patch. Specified patch version: {version}, expected: "
            f"{resource.api_version}"
        )
    raise errors.bad_request(f"invalid object type: {group}/{short}, Kind={kind}")


def _cannot_type(call: Call, config: Obj, why: str) -> ApiError:
    resource, metadata = call.served.resource, config["metadata"]
    place = f"{metadata.get('namespace', '')}/{metadata.get('name', '')}"
    of = f"{resource.group}/{resource.version}, Kind={resource.kind}"
    return errors.bad_request(f"failed to create typed patch object ({place}; {of}): {why}")


def _owned_fields(call: Call, config: Obj) -> FieldSet:
    try:
        fields = typedvalue.field_set(_body(config, call), ownership.type_of(call.served))
    except TypedError as error:
        raise _cannot_type(call, config, str(error)) from None
    return fields


_NOT_OWNED = frozenset(
    (
        "name",
        "namespace",
        "uid",
        "creationTimestamp",
        "selfLink",
        "generation",
        "managedFields",
        "resourceVersion",
    )
)


def _body(obj: Obj, call: Call) -> Obj:
    """What of an object can be owned through this endpoint."""
    out = {key: value for key, value in obj.items() if key not in ("kind", "apiVersion", "metadata")}
    metadata = {key: value for key, value in obj["metadata"].items() if key not in _NOT_OWNED}
    if call.info.subresource == "status":
        out = {"status": out["status"]} if "status" in out else {}
    elif call.served.strategy.has_status:
        out.pop("status", None)
    if metadata:
        out["metadata"] = metadata
    return out


def _applied(call: Call, live: Obj, config: Obj, options: WriteOptions, now: str) -> Obj:
    """The live object with the configuration applied; ApiError (Conflict) in upstream's words."""
    served = call.served
    who = ownership.identity(served, options.manager, call.info.subresource, "Apply")
    mine = _key(who)
    entries = {_key(entry): entry for entry in _entries(call, live, now)}
    managers = [Manager(k, e["fieldsV1"]) for k, e in entries.items()]
    body, wanted = _body(live, call), _body(config, call)
    type_ = ownership.type_of(served)
    try:
        try:
            done = apply_fields(body, wanted, type_, managers, mine, force=options.force)
        except Conflicts as conflicts:
            if options.manager != _KUBECTL:
                raise
            left = _not_from_client_side(call, live, conflicts.found)
            if left:
                raise Conflicts(left) from None
            done = apply_fields(body, wanted, type_, managers, mine, force=True)
    except Conflicts as conflicts:
        raise _conflict(conflicts.found, entries) from None
    except TypedError as error:
        raise _cannot_type(call, config, str(error)) from None
    out = _assembled(call, live, config, done, entries, who, now)
    notes = out["metadata"].get("annotations") or {}
    if options.manager == _KUBECTL and _LAST_APPLIED in notes:
        text = json.dumps(config, separators=(",", ":")) + "\n"
        out["metadata"]["annotations"] = {**notes, _LAST_APPLIED: text}
    return out


def _assembled(
    call: Call, live: Obj, config: Obj, done: Applied, entries: dict[str, Obj], who: Obj, now: str
) -> Obj:
    system = {key: value for key, value in live["metadata"].items() if key in _NOT_OWNED}
    out: Obj = {"kind": live["kind"], "apiVersion": live["apiVersion"], "metadata": system}
    body = _body(live, call)
    for key, value in live.items():
        if key not in out and key not in body:
            out[key] = value
    for key, value in done.value.items():
        if key == "metadata":
            system.update(value)
        else:
            out[key] = value
    if config["metadata"].get("resourceVersion"):
        system["resourceVersion"] = config["metadata"]["resourceVersion"]
    mine, same = _key(who), done.value == body
    kept: list[Obj] = []
    for manager in done.managers:
        entry = entries.get(manager.key)
        if manager.key == mine:
            # An apply that changes nothing leaves its entry's time alone, even when there is none yet.
            time = now if not same else (entry or {}).get("time", "")
            kept.append(ownership.entry_of(who, manager.fields, time))
        elif entry is not None:
            kept.append({**entry, "fieldsV1": manager.fields})
    ownership.store(out, kept)
    return out


def _entries(call: Call, live: Obj, now: str) -> list[Obj]:
    """The managed fields; of an object that has none, all its fields belong to before the first apply."""
    entries = ownership.of(live)
    if entries:
        return entries
    changes = ownership.changed(call.served, ownership.zero(call.served.definition), live)
    who = ownership.identity(call.served, _BEFORE, "")
    return [ownership.entry_of(who, changes.touched, now)] if changes.touched else []


def _key(entry: Obj) -> str:
    return "\0".join(entry.get(k, "") for k in ("manager", "operation", "apiVersion", "subresource"))


def _not_from_client_side(call: Call, live: Obj, found: list[Conflict]) -> list[Conflict]:
    """Conflicts over fields other than those `kubectl apply` set before it applied server-side, as long as
    they are what it set them to."""
    annotation = (live["metadata"].get("annotations") or {}).get(_LAST_APPLIED, "")
    try:
        last: Any = msgspec.json.decode(annotation.encode())
        type_ = ownership.type_of(call.served)
        changes = compare.compare(live, last, type_)
        allowed = fieldsets.difference(typedvalue.field_set(last, type_), changes.touched)
    except (msgspec.DecodeError, TypedError):
        return found
    return [c for c in found if not fieldsets.has(allowed, c.path)]


def _conflict(found: list[Conflict], entries: dict[str, Obj]) -> ApiError:
    shown = [(_name(entries[c.key]), fieldsets.show(c.path)) for c in found]
    causes = [
        {"reason": "FieldManagerConflict", "message": f"conflict with {name}", "field": path}
        for name, path in shown
    ]
    if len(shown) == 1:
        text = f"Apply failed with 1 conflict: conflict with {shown[0][0]}: {shown[0][1]}"
    else:
        lines = []
        for name in sorted({name for name, _ in shown}):
            lines.append(f"conflicts with {name}:")
            lines += [f"- {path}" for other, path in shown if other == name]
        text = f"Apply failed with {len(shown)} conflicts: " + "\n".join(lines)
    return ApiError("Conflict", text, details={"causes": causes})


def _name(entry: Obj) -> str:
    shown = json.dumps(entry["manager"], ensure_ascii=False)
    if entry.get("subresource"):
        shown += f" with subresource {json.dumps(entry['subresource'])}"
    return f"{shown} using {entry['apiVersion']}" if entry["operation"] == "Update" else shown
