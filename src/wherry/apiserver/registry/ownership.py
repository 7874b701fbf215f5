"""metadata.managedFields: who set which field, kept with every write as upstream's field manager keeps it
(`k8s.io/apimachinery/pkg/util/managedfields`).

A create owns what it brought; an update owns what it changed, takes that from whoever had it, and what
it removed nobody owns any more. Only changed parts are looked at, so the cost follows the change.
Objects without managed fields stay so on update (upstream: skipNonApplied), and `[{}]` clears them.
"""

from __future__ import annotations

import functools
from typing import Any

from wherry.api import schema
from wherry.api.schema import Obj
from wherry.apiserver.kinds import wire
from wherry.apiserver.patch import fieldsets
from wherry.apiserver.patch.compare import Changes, compare
from wherry.apiserver.patch.fieldsets import FieldSet
from wherry.apiserver.patch.types import Type, metadata_type, typed
from wherry.apiserver.registry.served import Served
from wherry.clock import parse_rfc3339, rfc3339

MAX_UPDATE_MANAGERS = 10
ANCIENT = "ancient-changes"

_SYSTEM = frozenset(
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
"""Metadata nobody owns (stripMetaManager)."""


@functools.cache
def zero(definition: str | None) -> Obj:
    """What Go writes of an object nobody filled: stanzas and lists that are there from the start, so
    that setting something in them does not make them somebody's."""
    if definition is None:
        return {"metadata": {}}
    found = _zero(definition)
    found["metadata"] = {}
    return found


def _zero(definition: str) -> Obj:
    shape = wire.shape(definition)
    required = schema.definition(definition).get("required", ())
    found: Obj = dict.fromkeys(required)
    found.update(shape.written)
    for field, child in shape.stanzas:
        found[field] = {} if field == "metadata" else _zero(child.name)
    return found


def created(served: Served, obj: Obj, manager: str, now: float) -> None:
    """Notes what a new object brings. It may bring managed fields (a restored backup): they stand."""
    entries = _decoded(obj["metadata"].get("managedFields")) or []
    changes = changed(served, zero(served.definition), obj, status=not served.strategy.has_status)
    _settle(obj, entries, changes, identity(served, manager, ""), now)


def updated(served: Served, new: Obj, old: Obj, manager: str, now: float, subresource: str = "") -> None:
    """Notes what an update changes. `new` is as it will be stored, but for managed fields."""
    metadata = new["metadata"]
    given = metadata.get("managedFields")
    if not subresource and given and not any(given[0].values()) and len(given) == 1:
        metadata.pop("managedFields")
        return
    entries = (None if subresource else _decoded(given)) or _decoded(old["metadata"].get("managedFields"))
    if not entries:
        metadata.pop("managedFields", None)
        return
    changes = changed(served, old, new)
    if not any(changes):
        metadata["managedFields"] = entries
        return
    _settle(new, entries, changes, identity(served, manager, subresource), now)


def changed(served: Served, old: Obj, new: Obj, *, status: bool = True) -> Changes:
    """The changes between two states, less what is the system's, and the status where that is to be
    left out."""
    type_ = typed(served.definition)
    changes = compare(_body(old, status), _body(new, status), type_)
    meta = compare(_owned(old["metadata"]), _owned(new["metadata"]), metadata_type())
    for into, found in zip(changes, meta, strict=True):
        if found:
            into["f:metadata"] = found
    return changes


_NOT_BODY = frozenset(("kind", "apiVersion", "metadata"))
_NOT_SPEC = _NOT_BODY | {"status"}


def _body(obj: Obj, status: bool) -> Obj:
    left = _NOT_BODY if status else _NOT_SPEC
    return {key: value for key, value in obj.items() if key not in left}


def _owned(metadata: Obj) -> Obj:
    return {key: value for key, value in metadata.items() if key not in _SYSTEM}


def identity(served: Served, manager: str, subresource: str, operation: str = "Update") -> Obj:
    """What tells one managed-fields entry from another."""
    entry = {"manager": manager, "operation": operation, "apiVersion": served.resource.api_version}
    if subresource:
        entry["subresource"] = subresource
    return entry


def is_same(entry: Obj, identity: Obj) -> bool:
    return all(
        entry.get(key) == identity.get(key) for key in ("manager", "operation", "apiVersion", "subresource")
    )


def _settle(obj: Obj, entries: list[Obj], changes: Changes, who: Obj, now: float) -> None:
    touched = changes.touched
    lost = fieldsets.union(touched, changes.removed)
    mine: FieldSet = touched
    kept: list[Obj] = []
    before: Obj | None = None
    for entry in entries:
        left = fieldsets.difference(entry["fieldsV1"], lost)
        if is_same(entry, who):
            before = entry
            mine = fieldsets.union(left, touched)
        elif left is entry["fieldsV1"]:
            kept.append(entry)
        elif left:
            kept.append({**entry, "fieldsV1": left})
    if mine:
        time = rfc3339(now) if touched or before is None else before.get("time", "")
        kept.append(entry_of(who, mine, time))
    store(obj, capped(kept))


def entry_of(who: Obj, fields: FieldSet, time: str) -> Obj:
    """A managed-fields entry in upstream's order of members."""
    entry: Obj = {key: who[key] for key in ("manager", "operation", "apiVersion")}
    if time:
        entry["time"] = time
    entry |= {"fieldsType": "FieldsV1", "fieldsV1": fields}
    if "subresource" in who:
        entry["subresource"] = who["subresource"]
    return entry


def capped(entries: list[Obj]) -> list[Obj]:
    """At most ten updaters are told apart; the oldest are gathered, one entry a version."""
    updates = sorted((e for e in entries if e["operation"] == "Update"), key=_seconds)
    if len(updates) <= MAX_UPDATE_MANAGERS:
        return entries
    kept = [e for e in entries if e["operation"] != "Update"]
    buckets: dict[str, Obj] = {}
    while updates and len(updates) + len(buckets) > MAX_UPDATE_MANAGERS:
        oldest = updates.pop(0)
        version = oldest["apiVersion"]
        merged = buckets.get(version)
        fields = (
            oldest["fieldsV1"] if merged is None else fieldsets.union(merged["fieldsV1"], oldest["fieldsV1"])
        )
        who = {"manager": ANCIENT, "operation": "Update", "apiVersion": version}
        buckets[version] = entry_of(who, fields, oldest.get("time", ""))
    return [*kept, *buckets.values(), *updates]


def _seconds(entry: Obj) -> float:
    try:
        return parse_rfc3339(entry["time"])
    except (KeyError, ValueError):
        return 0.0


def store(obj: Obj, entries: list[Obj]) -> None:
    """Puts the entries into the object, in upstream's order."""
    if not entries:
        obj["metadata"].pop("managedFields", None)
        return
    if len(entries) > 1:
        entries = sorted(
            entries,
            key=lambda e: (
                e["operation"],
                e.get("time", ""),
                e["manager"],
                e["apiVersion"],
                e.get("subresource", ""),
            ),
        )
    obj["metadata"]["managedFields"] = entries


def _decoded(entries: Any) -> list[Obj] | None:
    """The entries when all are sound, else None (then those of the stored object stand)."""
    if not entries or not isinstance(entries, list):
        return None
    for entry in entries:
        sound = (
            isinstance(entry, dict)
            and entry.get("operation") in ("Apply", "Update")
            and entry.get("fieldsType") == "FieldsV1"
            and isinstance(entry.get("fieldsV1"), dict)
            and isinstance(entry.get("manager", ""), str)
            and isinstance(entry.get("apiVersion"), str)
        )
        if not sound:
            return None
    return [e if "manager" in e else {"manager": "", **e} for e in entries]


def of(obj: Obj) -> list[Obj]:
    """The entries of a stored object; none when they can't be read."""
    return _decoded(obj["metadata"].get("managedFields")) or []


def type_of(served: Served) -> Type:
    return typed(served.definition)
