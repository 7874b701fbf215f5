"""Subresources that are an update of the object itself, but of a few fields only."""

from __future__ import annotations

from wherry.api.schema import Obj

FIELDS: dict[tuple[str, str], tuple[str, ...]] = {
    ("namespaces", "finalize"): ("spec.finalizers",),
    ("certificatesigningrequests.certificates.k8s.io", "approval"): ("status.conditions",),
    ("pods", "ephemeralcontainers"): ("spec.ephemeralContainers",),
    ("pods", "resize"): ("spec.containers[].resources", "spec.containers[].resizePolicy"),
}
"""(resource, subresource) -> what it may change; `[]` is every item of a list, matched by name."""


def limited(new: Obj, old: Obj, paths: tuple[str, ...]) -> Obj:
    """`old` with only the given fields of `new`; metadata is new's (the registry sees to that)."""
    out = {**old, "metadata": new["metadata"]}
    for path in paths:
        out = _put(out, new, path.split("."))
    return out


def _put(old: Obj, new: Obj, parts: list[str]) -> Obj:
    name, *rest = parts
    out = dict(old)
    if name.endswith("[]"):
        field = name[:-2]
        given = {item.get("name"): item for item in new.get(field) or ()}
        out[field] = [_put(item, given.get(item.get("name"), item), rest) for item in old.get(field) or ()]
    elif rest:
        out[name] = _put(old.get(name) or {}, new.get(name) or {}, rest)
    elif name in new:
        out[name] = new[name]
    else:
        out.pop(name, None)
    return out
