"""The packaged schema in OpenAPI's words: components of version 3, definitions of version 2. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal

from wherry.api import schema

Dialect = Literal["v3", "v2"]
_ROOTS: dict[Dialect, str] = {"v3": "#/components/schemas/", "v2": "#/definitions/"}
_UNIONS: dict[str, dict[Dialect, dict[str, Any]]] = {
    "int-or-string": {
        "v3": {"format": "int-or-string", "oneOf": [{"type": "integer"}, {"type": "string"}]},
        "v2": {"format": "int-or-string", "type": "string"},
    },
    "quantity": {
        "v3": {"oneOf": [{"type": "string"}, {"type": "number"}]},
        "v2": {"type": "string"},
    },
}
_IDENTITY = ("apiVersion", "kind")
_TURNED = ("type", "properties", "items", "additionalProperties", "$ref")
_DROPPED: dict[Dialect, tuple[str, ...]] = {"v3": _TURNED, "v2": (*_TURNED, "default")}


def reference(name: str, dialect: Dialect = "v3") -> dict[str, Any]:
    return {"$ref": _ROOTS[dialect] + name}


def component(name: str, dialect: Dialect = "v3") -> dict[str, Any]:
    """One definition, with its descriptions."""
    texts = schema.descriptions().get(name, {})
    made = _converted(schema.definition(name), texts, texts.get("", ""), dialect)
    for key in _IDENTITY:  # the source lists the one value they can have; upstream doesn't
        made.get("properties", {}).get(key, {}).pop("enum", None)
    return made


def _converted(
    node: schema.Definition, texts: dict[str, str], description: str, dialect: Dialect
) -> dict[str, Any]:
    out: dict[str, Any] = {"description": description} if description else {}
    out |= {key: value for key, value in node.items() if key not in _DROPPED[dialect]}
    if "$ref" in node:
        pointer = reference(node["$ref"], dialect)
        return out | ({"allOf": [pointer]} if dialect == "v3" else pointer)
    kind = node.get("type")
    if kind in _UNIONS:
        out |= _UNIONS[kind][dialect]
    elif kind:
        out["type"] = kind
    if "properties" in node:
        out["properties"] = {
            name: _converted(child, {}, texts.get(name, ""), dialect)
            for name, child in node["properties"].items()
        }
    for key in ("items", "additionalProperties"):
        if key in node:
            out[key] = _converted(node[key], {}, "", dialect)
    return out


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref" and isinstance(value, str):
                yield value
            else:
                yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def closure(names: Iterable[str]) -> list[str]:
    """The definitions named and all they refer to, sorted."""
    known = schema.definitions()
    found: set[str] = set()
    rest = [name for name in names if name in known]
    while rest:
        name = rest.pop()
        if name not in found:
            found.add(name)
            rest += _references(known[name])
    return sorted(found)
