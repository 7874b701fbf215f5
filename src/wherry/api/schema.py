"""The shape of every built-in kind, and typed objects made from it on demand.

`definition("io.k8s.api.core.v1.Pod")` is a plain schema: `type` is one of object, array, string,
integer, number, boolean, int-or-string, quantity, or absent (any JSON); beside it `properties`,
`items`, `additionalProperties`, `required`, `enum`, `format`, `default`, `$ref` (the name of another
definition) and the `x-kubernetes-*` markers.

`struct_type("v1", "Pod")` is a frozen msgspec Struct: `pod.spec.nodeName`. Absent scalars and
stanzas are None, absent lists and maps are empty, `metadata`, `spec` and `status` are always there.
A field named like a Python keyword gets a trailing underscore (`from_`). Typed objects are for
reading; what a component sends is built as plain JSON values or a patch.
"""

from __future__ import annotations

import functools
import json
import keyword
import zlib
from pathlib import Path
from typing import Any, Optional, TypeAlias

import msgspec

Definition: TypeAlias = dict[str, Any]
Obj: TypeAlias = dict[str, Any]
"""A Kubernetes object as plain JSON values."""

_DATA = Path(__file__).with_name("data")
_ALWAYS_THERE = ("metadata", "spec", "status")
_SCALARS: dict[str, Any] = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": float,
    "int-or-string": int | str,
    "quantity": str | int | float,
}


@functools.cache
def definitions() -> dict[str, Definition]:
    packed = _DATA.joinpath("schema.json.z").read_bytes()
    loaded: dict[str, Definition] = msgspec.json.decode(zlib.decompress(packed))
    return loaded


def definition(name: str) -> Definition:
    return definitions()[name]


@functools.cache
def _by_kind() -> dict[tuple[str, str], str]:
    found: dict[tuple[str, str], str] = {}
    for name, schema in definitions().items():
        for gvk in schema.get("x-kubernetes-group-version-kind", ()):
            group, version = gvk["group"], gvk["version"]
            found.setdefault((f"{group}/{version}" if group else version, gvk["kind"]), name)
    return found


def definition_name(api_version: str, kind: str) -> str | None:
    """The definition that describes a kind, None when it is not a built-in one."""
    return _by_kind().get((api_version, kind))


@functools.cache
def descriptions() -> dict[str, dict[str, str]]:
    """{definition: {"": text of the type, field: text}}; slow to load, wanted by OpenAPI only."""
    import lzma

    packed = _DATA.joinpath("descriptions.json.xz").read_bytes()
    loaded: dict[str, dict[str, str]] = json.loads(lzma.decompress(packed))
    return loaded


_structs: dict[str, Any] = {}
_in_progress: set[str] = set()


def struct_named(name: str) -> Any:
    """The Struct type of a definition. A definition that contains itself stays plain JSON inside."""
    made = _structs.get(name)
    if made is not None:
        return made
    if name in _in_progress:
        return Any
    _in_progress.add(name)
    try:
        made = _structs[name] = _make(name, definition(name))
    finally:
        _in_progress.discard(name)
    return made


def struct_type(api_version: str, kind: str) -> Any:
    """The Struct type of a built-in kind; KeyError when there is none."""
    name = definition_name(api_version, kind)
    if name is None:
        raise KeyError(f"{api_version} {kind} is not a built-in kind")
    return struct_named(name)


def _make(name: str, schema: Definition) -> Any:
    if "properties" not in schema:
        return _field_type(schema)
    fields: list[tuple[str, Any, Any]] = []
    renames: dict[str, str] = {}
    for wire, child in schema["properties"].items():
        attribute = wire.replace("$", "").replace("-", "_")
        if keyword.iskeyword(attribute):
            attribute += "_"
        if attribute != wire:
            renames[attribute] = wire
        kind = _field_type(child)
        if wire in _ALWAYS_THERE and isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            fields.append((attribute, kind, msgspec.field(default_factory=kind)))
        elif child.get("type") == "array":
            fields.append((attribute, kind, msgspec.field(default_factory=list)))
        elif child.get("type") == "object" and "$ref" not in child:
            fields.append((attribute, kind, msgspec.field(default_factory=dict)))
        elif kind is Any:
            fields.append((attribute, Any, None))
        else:
            fields.append((attribute, Optional[kind], None))  # noqa: UP045 - Any | None is refused
    return msgspec.defstruct(
        name.rsplit(".", 1)[-1],
        fields,
        rename=renames or None,
        frozen=True,
        omit_defaults=True,
        gc=False,
        namespace={"__doc__": name},
    )


def _field_type(schema: Definition) -> Any:
    if "$ref" in schema:
        target = definition(schema["$ref"])
        return struct_named(schema["$ref"]) if "properties" in target else _field_type(target)
    kind = schema.get("type")
    if kind == "array":
        return list[_field_type(schema.get("items", {}))]  # type: ignore[misc]
    if kind == "object":
        values = schema.get("additionalProperties")
        return dict[str, _field_type(values) if values else Any]  # type: ignore[misc]
    return _SCALARS.get(kind, Any) if kind else Any


@functools.cache
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind, strict=True)


def decode(kind: Any, data: bytes) -> Any:
    """Bytes to the given type. Nulls where the type has none count as absent (Go writes them)."""
    try:
        return _decoder(kind).decode(data)
    except msgspec.ValidationError:
        return msgspec.convert(without_nulls(msgspec.json.decode(data)), kind)


def convert(kind: Any, value: Any) -> Any:
    """Plain JSON values to the given type, with the same leniency as `decode`."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return msgspec.convert(without_nulls(value), kind)


def to_obj(struct: Any) -> Obj:
    """A typed object as plain JSON values (unknown fields are gone: build patches, not round trips)."""
    value: Obj = msgspec.to_builtins(struct)
    return value


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: without_nulls(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [without_nulls(v) for v in value]
    return value
