"""Status conditions as plain JSON values, and status writes as the smallest merge patch.

Two rules, as upstream has them: a condition whose status and reason did not change is left alone
(workload conditions, which also carry lastUpdateTime), and lastTransitionTime moves only with status.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from wherry.api.errors import ApiError
from wherry.api.schema import Obj, to_obj
from wherry.api.scheme import Resource
from wherry.client.rest import Client
from wherry.clock import rfc3339


def find(conditions: Iterable[Obj], type_: str) -> Obj | None:
    return next((c for c in conditions if c["type"] == type_), None)


def has(conditions: Iterable[Any], type_: str, status: str = "True") -> bool:
    """For typed conditions."""
    return any(c.type == type_ and c.status == status for c in conditions)


def condition(type_: str, status: str, reason: str, message: str, now: float) -> Obj:
    return {
        "type": type_,
        "status": status,
        "lastTransitionTime": rfc3339(now),
        "reason": reason,
        "message": message,
    }


def put(conditions: list[Obj], new: Obj) -> None:
    """Replaces the condition of that type unless status and reason are the same; the replaced one goes
    to the end of the list."""
    old = find(conditions, new["type"])
    if old is not None:
        if old["status"] == new["status"] and old.get("reason") == new.get("reason"):
            return
        if old["status"] == new["status"] and "lastTransitionTime" in old:
            new["lastTransitionTime"] = old["lastTransitionTime"]
        conditions.remove(old)
    conditions.append(new)


def drop(conditions: list[Obj], type_: str) -> None:
    conditions[:] = [c for c in conditions if c["type"] != type_]


def plain(status: Any) -> Obj:
    """A typed status as plain values."""
    return to_obj(status)


def without_empty(status: Obj, keep: Iterable[str] = ()) -> Obj:
    """As Go writes `omitempty`: no zeros, no empty lists, except the fields in `keep`."""
    kept = frozenset(keep)
    return {k: v for k, v in status.items() if k in kept or v not in (0, None, "", [], {})}


def merge_patch(old: Obj, new: Obj) -> Obj:
    """The RFC 7386 patch that makes `new` of `old`; empty when they are the same."""
    patch: Obj = {}
    for name in sorted(old.keys() | new.keys()):
        if name not in new:
            patch[name] = None
        elif name not in old:
            patch[name] = new[name]
        elif old[name] != new[name]:
            both = isinstance(old[name], dict) and isinstance(new[name], dict)
            patch[name] = merge_patch(old[name], new[name]) if both else new[name]
    return patch


async def write_status(
    client: Client, resource: Resource, obj: Any, status: Obj, *, metadata: Obj | None = None
) -> Any:
    """Makes `status` the status of `obj` when it is not that already, on the condition that `obj` did
    not change meanwhile. Gives the object as it then is."""
    patch = merge_patch(plain(obj.status), status)
    if not patch and not metadata:
        return obj
    body = {
        "metadata": {**(metadata or {}), "resourceVersion": obj.metadata.resourceVersion},
        "status": patch,
    }
    meta = obj.metadata
    try:
        return await client.patch(resource, meta.name, body, meta.namespace or "", subresource="status")
    except ApiError as error:
        if error.reason == "NotFound":  # gone meanwhile: nobody is left to be told
            return obj
        raise
