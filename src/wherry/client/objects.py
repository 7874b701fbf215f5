"""Reading the metadata of an object, typed or plain, the same way.

Kinds that are not built in (custom resources) come as plain dicts; everything else as Structs.
"""

from __future__ import annotations

from typing import Any

import msgspec


def identity(obj: Any) -> tuple[str, str]:
    """(namespace, name)."""
    if isinstance(obj, dict):
        meta = obj.get("metadata") or {}
        return meta.get("namespace") or "", meta.get("name") or ""
    meta = obj.metadata
    return meta.namespace or "", meta.name or ""


def resource_version(obj: Any) -> str:
    if isinstance(obj, dict):
        return (obj.get("metadata") or {}).get("resourceVersion") or ""
    return obj.metadata.resourceVersion or ""


def uid(obj: Any) -> str:
    if isinstance(obj, dict):
        return (obj.get("metadata") or {}).get("uid") or ""
    return obj.metadata.uid or ""


def set_type(obj: Any, api_version: str, kind: str) -> None:
    """Says what the object is, as items of a list do not. Sharing the two strings saves memory too."""
    if isinstance(obj, dict):
        obj["apiVersion"], obj["kind"] = api_version, kind
        return
    msgspec.structs.force_setattr(obj, "apiVersion", api_version)
    msgspec.structs.force_setattr(obj, "kind", kind)


def reference(obj: Any, field_path: str = "") -> dict[str, str]:
    """core/v1 ObjectReference to an object; one given as a plain reference already is kept."""
    if isinstance(obj, dict) and "metadata" not in obj:
        found = {key: obj.get(key) or "" for key in _REFERENCE}
    else:
        plain = isinstance(obj, dict)
        namespace, name = identity(obj)
        found = {
            "kind": (obj.get("kind") if plain else obj.kind) or "",
            "namespace": namespace,
            "name": name,
            "uid": uid(obj),
            "apiVersion": (obj.get("apiVersion") if plain else obj.apiVersion) or "",
            "resourceVersion": resource_version(obj),
        }
    if field_path:
        found["fieldPath"] = field_path
    return {key: value for key, value in found.items() if value}


_REFERENCE = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
