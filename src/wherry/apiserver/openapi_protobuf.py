"""The OpenAPI v2 document in protobuf, for kubectl and client-go, which ask for nothing else.

The message is `openapi.v2.Document` of gnostic (openapiv2/OpenAPIv2.proto); numbers below are from
there. What is in a JSON document and not named in a table here is left out, but keys that begin with
`x-`, which go along as YAML text. Pure; field order is by number, as Go writes them.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeAlias

Encoder: TypeAlias = Callable[[Any], bytes]
"""The bytes of a value, without key and length."""

_VARINT, _FIXED64, _BYTES = 0, 1, 2
_PLAIN = re.compile(r"[A-Za-z]([A-Za-z0-9./_ -]*[A-Za-z0-9])?")
_WORDS = ("true", "false", "null", "yes", "no", "on", "off", "y", "n")


class Message:
    """A message by its JSON keys. `extensions` is the number of `vendor_extension`."""

    def __init__(self, fields: dict[str, tuple[int, Field]], extensions: int = 0) -> None:
        self.fields = fields
        self.extensions = extensions

    def __call__(self, value: dict[str, Any]) -> bytes:
        parts: list[tuple[int, bytes]] = []
        for key, content in value.items():
            if key in self.fields:
                number, field = self.fields[key]
                parts.append((number, field(number, content)))
            elif self.extensions and key.startswith("x-"):
                parts.append((self.extensions, bytes_field(self.extensions, named(key, any_value(content)))))
        parts.sort(key=lambda part: part[0])
        return b"".join(part for _, part in parts)


Field: TypeAlias = Callable[[int, Any], bytes]
"""A whole field: key, length and value."""


def varint(value: int) -> bytes:
    out = bytearray()
    value &= 0xFFFFFFFFFFFFFFFF
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def bytes_field(number: int, value: bytes) -> bytes:
    return varint(number << 3 | _BYTES) + varint(len(value)) + value


def named(name: str, value: bytes) -> bytes:
    """One entry of a map: the NamedX messages."""
    return bytes_field(1, name.encode()) + bytes_field(2, value)


# --- fields


def _string(number: int, value: str) -> bytes:
    return bytes_field(number, value.encode()) if value else b""


def _strings(number: int, value: Iterable[str]) -> bytes:
    return b"".join(bytes_field(number, item.encode()) for item in value)


def _integer(number: int, value: int) -> bytes:
    return varint(number << 3 | _VARINT) + varint(value) if value else b""


def _double(number: int, value: float) -> bytes:
    return varint(number << 3 | _FIXED64) + struct.pack("<d", value) if value else b""


def _one(encoder: Encoder) -> Field:
    return lambda number, value: bytes_field(number, encoder(value))


def _each(encoder: Encoder) -> Field:
    return lambda number, value: b"".join(bytes_field(number, encoder(item)) for item in value)


def _map(encoder: Encoder, entries: int = 1) -> Encoder:
    """A message that is nothing but a map: its entries are field `entries`."""
    return lambda value: b"".join(
        bytes_field(entries, named(name, encoder(item))) for name, item in value.items()
    )


# --- messages


def any_value(value: Any) -> bytes:
    return bytes_field(2, (_yaml(value) + "\n").encode())


def _yaml(value: Any, indent: str = "") -> str:
    """Block style, without a line break at the end."""
    inner = indent + "  "
    if isinstance(value, list) and value:
        return f"\n{indent}".join("- " + _yaml(item, indent + "  ") for item in value)
    if isinstance(value, dict) and value:
        nested = (dict, list)
        return f"\n{indent}".join(
            f"{_yaml(key)}:"
            + (f"\n{inner}{_yaml(item, inner)}" if isinstance(item, nested) else f" {_yaml(item)}")
            for key, item in value.items()
        )
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return json.dumps(value, ensure_ascii=not str(value).isprintable())


def _type(value: str | list[str]) -> bytes:
    return _strings(1, [value] if isinstance(value, str) else value)


def _schema(value: dict[str, Any]) -> bytes:
    return SCHEMA(value)


def _additional(value: dict[str, Any] | bool) -> bytes:
    if isinstance(value, bool):
        return varint(2 << 3 | _VARINT) + varint(value)
    return bytes_field(1, _schema(value))


def _items(value: dict[str, Any] | list[dict[str, Any]]) -> bytes:
    return _each(_schema)(1, value if isinstance(value, list) else [value])


def _parameter(value: dict[str, Any]) -> bytes:
    """ParametersItem; Parameter and NonBodyParameter are layers of `oneof` around what is meant."""
    if "$ref" in value:
        return bytes_field(2, _string(1, value["$ref"]))
    if value["in"] == "body":
        return bytes_field(1, bytes_field(1, _BODY(value)))
    number, message = _PLACES[value["in"]]
    return bytes_field(1, bytes_field(2, bytes_field(number, message(value))))


def _response(value: dict[str, Any]) -> bytes:
    return bytes_field(1, _RESPONSE(value))


def _security(value: dict[str, Any]) -> bytes:
    return bytes_field(2, _API_KEY(value))


SCHEMA: Final = Message(
    {
        "$ref": (1, _string),
        "format": (2, _string),
        "title": (3, _string),
        "description": (4, _string),
        "default": (5, _one(any_value)),
        "multipleOf": (6, _double),
        "maximum": (7, _double),
        "exclusiveMaximum": (8, _integer),
        "minimum": (9, _double),
        "exclusiveMinimum": (10, _integer),
        "maxLength": (11, _integer),
        "minLength": (12, _integer),
        "pattern": (13, _string),
        "maxItems": (14, _integer),
        "minItems": (15, _integer),
        "uniqueItems": (16, _integer),
        "maxProperties": (17, _integer),
        "minProperties": (18, _integer),
        "required": (19, _strings),
        "enum": (20, _each(any_value)),
        "additionalProperties": (21, _one(_additional)),
        "type": (22, _one(_type)),
        "items": (23, _one(_items)),
        "allOf": (24, _each(_schema)),
        "properties": (25, _one(_map(_schema))),
        "discriminator": (26, _string),
        "readOnly": (27, _integer),
        "example": (30, _one(any_value)),
    },
    extensions=31,
)
_BODY = Message(
    {
        "description": (1, _string),
        "name": (2, _string),
        "in": (3, _string),
        "required": (4, _integer),
        "schema": (5, _one(_schema)),
    },
    extensions=6,
)
_PATH_PARAMETER = Message(
    {
        "required": (1, _integer),
        "in": (2, _string),
        "description": (3, _string),
        "name": (4, _string),
        "type": (5, _string),
        "format": (6, _string),
        "uniqueItems": (19, _integer),
    },
    extensions=22,
)
_QUERY_PARAMETER = Message(
    {
        "required": (1, _integer),
        "in": (2, _string),
        "description": (3, _string),
        "name": (4, _string),
        "type": (6, _string),
        "format": (7, _string),
        "uniqueItems": (20, _integer),
    },
    extensions=23,
)
_PLACES = {"query": (3, _QUERY_PARAMETER), "path": (4, _PATH_PARAMETER)}
_RESPONSE = Message(
    {
        "description": (1, _string),
        "schema": (2, _one(lambda value: bytes_field(1, _schema(value)))),
    },
    extensions=5,
)
_OPERATION = Message(
    {
        "tags": (1, _strings),
        "summary": (2, _string),
        "description": (3, _string),
        "operationId": (5, _string),
        "produces": (6, _strings),
        "consumes": (7, _strings),
        "parameters": (8, _each(_parameter)),
        "responses": (9, _one(_map(_response))),
        "schemes": (10, _strings),
        "deprecated": (11, _integer),
    },
    extensions=13,
)
PATH_ITEM: Final = Message(
    {
        "get": (2, _one(_OPERATION)),
        "put": (3, _one(_OPERATION)),
        "post": (4, _one(_OPERATION)),
        "delete": (5, _one(_OPERATION)),
        "options": (6, _one(_OPERATION)),
        "head": (7, _one(_OPERATION)),
        "patch": (8, _one(_OPERATION)),
        "parameters": (9, _each(_parameter)),
    },
    extensions=10,
)
_API_KEY = Message(
    {"type": (1, _string), "name": (2, _string), "in": (3, _string), "description": (4, _string)},
    extensions=5,
)
_INFO = Message({"title": (1, _string), "version": (2, _string), "description": (3, _string)}, extensions=7)
_FRAME = Message(
    {
        "swagger": (1, _string),
        "info": (2, _one(_INFO)),
        "security": (12, _each(_map(lambda value: _strings(1, value)))),
        "securityDefinitions": (13, _one(_map(_security))),
    },
    extensions=16,
)


def document(
    frame: dict[str, Any],
    paths: Iterable[tuple[str, dict[str, Any]]],
    definitions: Iterable[tuple[str, dict[str, Any]]],
) -> bytes:
    """openapi.v2.Document. Paths and definitions are taken one at a time."""
    items = b"".join(bytes_field(2, named(path, PATH_ITEM(item))) for path, item in paths)
    schemas = b"".join(bytes_field(1, named(name, SCHEMA(item))) for name, item in definitions)
    return _FRAME(frame) + bytes_field(8, items) + bytes_field(9, schemas)
