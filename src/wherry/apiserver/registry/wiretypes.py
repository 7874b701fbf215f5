"""msgspec types that accept exactly what upstream's decoders accept: unknown fields are errors.

Made on demand from the schema, like `schema.struct_named`, but strict, with the bounds of int32 and
int64, and never instantiated for use: a decode that succeeds says "nothing to complain about" in a few
microseconds. When it fails, `strict.py` goes over the object slowly and finds upstream's words.
"""

from __future__ import annotations

import functools
from typing import Annotated, Any, Optional

import msgspec

from wherry.api import quantity, schema
from wherry.api.schema import Definition
from wherry.apiserver.registry import gotime

_MICRO_TIME = "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime"
_BASE64 = r"^([A-Za-z0-9+/\r\n]|(=[\r\n]*)+$)*$"
_QUANTITY = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]{1,2})?$"

_STRINGS: dict[str, Any] = {
    "date-time": Annotated[str, msgspec.Meta(pattern=gotime.PLAIN)],
    "byte": Annotated[str, msgspec.Meta(pattern=_BASE64)],
}
_INTEGERS: dict[str, Any] = {
    "int32": Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)],
    "int64": Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)],
}
_QUANTITIES: Any = Annotated[str, msgspec.Meta(pattern=_QUANTITY, max_length=64)] | int | float

_structs: dict[str, Any] = {_MICRO_TIME: Annotated[str, msgspec.Meta(pattern=gotime.PLAIN_MICRO)]}
_in_progress: set[str] = set()


@functools.cache
def checker(definition: str) -> msgspec.json.Decoder[Any]:
    """Decodes what is wholly in order, raises ValidationError for anything else."""
    return msgspec.json.Decoder(struct(definition), strict=True)


def struct(name: str) -> Any:
    """The strict type of a definition, or Any inside itself and where the schema leaves it open."""
    made = _structs.get(name)
    if made is not None:
        return made
    if name in _in_progress:
        return Any
    _in_progress.add(name)
    try:
        made = _structs[name] = _make(name, schema.definition(name))
    finally:
        _in_progress.discard(name)
    return made


def _make(name: str, definition: Definition) -> Any:
    if "properties" not in definition:
        return _type(definition)
    fields, renames = [], {}
    for number, (wire, child) in enumerate(definition["properties"].items()):
        attribute = f"f{number}"
        renames[attribute] = wire
        kind = _type(child)
        fields.append((attribute, Any if kind is Any else Optional[kind], None))  # noqa: UP045
    return msgspec.defstruct(
        name.rsplit(".", 1)[-1], fields, rename=renames, forbid_unknown_fields=True, gc=False
    )


def _type(definition: Definition) -> Any:
    if "$ref" in definition:
        return struct(definition["$ref"])
    kind = definition.get("type")
    match kind:
        case "array":
            return list[_type(definition.get("items", {}))]  # type: ignore[misc]
        case "object":
            values = definition.get("additionalProperties")
            return dict[str, _type(values) if values else Any]  # type: ignore[misc]
        case "string":
            return _STRINGS.get(definition.get("format", ""), str)
        case "integer":
            return _INTEGERS.get(definition.get("format", "int64"), int)
        case "number":
            return float
        case "boolean":
            return bool
        case "int-or-string":
            return int | str
        case "quantity":
            return _QUANTITIES
    return Any


def is_quantity(value: Any) -> bool:
    return not isinstance(value, bool) and isinstance(value, str | int | float) and quantity.is_valid(value)
