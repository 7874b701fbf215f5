"""Goes over an object by its schema, in document order, and says what upstream's decoders say.

The slow half of decoding: used when the fast check (`wiretypes.py`) refused, when there are nulls, and
when keys occur twice. The result is the object as Go would hold it: unknown fields gone, null fields
gone, null list items and map values turned into the type's zero value.

Field problems (unknown, duplicate) are collected; the first value of a wrong type ends the walk's
worth, as upstream reports only that.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from typing import Any

from wherry.api import quantity, schema
from wherry.api.schema import Definition
from wherry.apiserver.registry import gotime, wiretypes

_MICRO_TIME = "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime"
MAX_FINDINGS = 100
"""Upstream's decoder reports no more (`sigs.k8s.io/json`)."""
_DIGITS = 300
"""Integers longer than this are not worth reading."""


class Pairs(list[tuple[str, Any]]):
    """An object's members in document order, duplicates and all."""


class Huge(float):
    """A number that nothing here can hold: infinite, and known by its text."""

    def __new__(cls, text: str) -> Huge:
        made = super().__new__(cls, math.inf)
        made.text = text
        return made

    text: str


@dataclass(slots=True)
class Findings:
    fields: list[str] = field(default_factory=list)
    """`unknown field "spec.foo"`, `duplicate field "spec.bar"`, in document order."""
    mismatch: str = ""
    """The first value of a wrong type, in Go's words."""


def pairs(text: str | bytes) -> Any:
    """JSON text with `Pairs` for objects; ValueError when it is not JSON."""
    if isinstance(text, bytes):
        text = text.decode()
    return json.loads(
        _SURROGATES.sub(_paired, text) if "\\u" in text else text,
        object_pairs_hook=Pairs,
        parse_constant=_no_constant,
        parse_int=lambda digits: int(digits) if len(digits) < _DIGITS else Huge(digits),
        parse_float=lambda digits: found if math.isfinite(found := float(digits)) else Huge(digits),
    )


_SURROGATES = re.compile(
    r"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[dD][89a-fA-F][0-9a-fA-F]{2}"
)


def _paired(match: re.Match[str]) -> str:
    """Half of a surrogate pair is no character; Go reads U+FFFD instead."""
    return r"\ufffd" if len(match[0]) == 6 else match[0]


def _no_constant(text: str) -> Any:
    raise ValueError(f"invalid character '{text[0]}' looking for beginning of value")


def inspect(value: Any, definition: str | None) -> tuple[Any, Findings]:
    """The cleaned object and what was found. `value` may be `Pairs` or plain dicts."""
    found = Findings()
    if definition is None:
        cleaned = _open(value, "", found)
    else:
        name = definition.rsplit(".", 1)[-1]
        cleaned = _walk(value, {"$ref": definition}, "", "", name, found)
    del found.fields[MAX_FINDINGS:]
    return cleaned, found


def _members(value: Any, path: str, found: Findings) -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return list(value.items())
    seen: dict[str, int] = {}
    members: list[tuple[str, Any]] = []
    for key, child in value:
        if key in seen:
            found.fields.append(f'duplicate field "{_join(path, key)}"')
            members[seen[key]] = (key, child)
        else:
            seen[key] = len(members)
            members.append((key, child))
    return members


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _open(value: Any, path: str, found: Findings) -> Any:
    """A value the schema says nothing about: kept as it is, nulls included."""
    if isinstance(value, Pairs | dict):
        return {k: _open(v, _join(path, k), found) for k, v in _members(value, path, found)}
    if isinstance(value, list):
        return [_open(v, f"{path}[{i}]", found) for i, v in enumerate(value)]
    if isinstance(value, Huge):
        _complain(f"json: cannot unmarshal number {value.text} into Go value of type float64", found)
    return value


def _walk(value: Any, node: Definition, path: str, go_path: str, owner: str, found: Findings) -> Any:
    """`path` is the strict decoder's (with indices), `go_path` the type error's (without), `owner` the
    Go struct the value is a field of."""
    if "$ref" in node:
        name = node["$ref"]
        target = schema.definition(name)
        if "properties" in target:
            return _struct(value, name, target, path, go_path, owner, found)
        node = {**target, "format": "micro-time" if name == _MICRO_TIME else target.get("format", "")}
    kind = node.get("type")
    if kind == "array":
        return _list(value, node, path, go_path, owner, found)
    if kind == "object" and node.get("additionalProperties"):
        return _map(value, node, path, go_path, owner, found)
    if kind is None or kind == "object":
        return _open(value, path, found)
    return _scalar(value, node, go_path, owner, found)


def _struct(
    value: Any, name: str, target: Definition, path: str, go_path: str, owner: str, found: Findings
) -> Any:
    if value is None:
        return {}
    if not isinstance(value, Pairs | dict):
        return _wrong(value, go_type({"$ref": name}), go_path, owner, found, {})
    short, known = name.rsplit(".", 1)[-1], target["properties"]
    out: dict[str, Any] = {}
    seen: set[str] = set()
    duplicates = not isinstance(value, dict)
    for key, child in value.items() if isinstance(value, dict) else value:
        where = _join(path, key)
        if duplicates and key in seen:
            found.fields.append(f'duplicate field "{where}"')
        seen.add(key)
        if key not in known:
            found.fields.append(f'unknown field "{where}"')
        elif child is None:
            out.pop(key, None)
        else:
            out[key] = _walk(child, known[key], where, _join(go_path, key), short, found)
    return out


def _list(value: Any, node: Definition, path: str, go_path: str, owner: str, found: Findings) -> Any:
    if value is None:
        return []
    if not isinstance(value, list) or isinstance(value, Pairs):
        return _wrong(value, go_type(node), go_path, owner, found, [])
    items = node.get("items", {})
    return [
        _zero(items) if v is None else _walk(v, items, f"{path}[{i}]", go_path, owner, found)
        for i, v in enumerate(value)
    ]


def _map(value: Any, node: Definition, path: str, go_path: str, owner: str, found: Findings) -> Any:
    if not isinstance(value, Pairs | dict):
        return _wrong(value, go_type(node), go_path, owner, found, {})
    values = node["additionalProperties"]
    return {
        k: _zero(values) if v is None else _walk(v, values, _join(path, k), go_path, owner, found)
        for k, v in _members(value, path, found)
    }


_PYTHON = {"string": str, "boolean": bool}
_ZERO: dict[str, Any] = {"string": "", "boolean": False, "integer": 0, "number": 0, "quantity": "0"}


def _zero(node: Definition) -> Any:
    if "$ref" in node:
        node = schema.definition(node["$ref"])
    if "properties" in node:
        return {}
    return _ZERO.get(node.get("type", ""))


def _scalar(value: Any, node: Definition, go_path: str, owner: str, found: Findings) -> Any:
    kind = node["type"]
    if kind == "quantity":
        if not wiretypes.is_quantity(value):
            _complain(quantity.INVALID, found)
        return value
    if kind == "int-or-string":
        if isinstance(value, bool) or not isinstance(value, int | str):
            return _wrong(value, "intstr.IntOrString", go_path, owner, found, 0)
        return value
    if kind in _PYTHON:
        if not isinstance(value, _PYTHON[kind]):
            return _wrong(value, go_type(node), go_path, owner, found, _ZERO[kind])
        return _text(str(value), node, found) if kind == "string" else value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return _wrong(value, go_type(node), go_path, owner, found, 0)
    if kind == "integer" and not _fits(value, node.get("format", "int64")):
        return _wrong(value, go_type(node), go_path, owner, found, 0, number=True)
    return value


def _fits(value: Any, form: str) -> bool:
    bits = 31 if form == "int32" else 63
    return isinstance(value, int) and -(2**bits) <= value < 2**bits


_BASE64 = re.compile(r"[A-Za-z0-9+/\r\n]*=*[\r\n]*")


def _text(value: str, node: Definition, found: Findings) -> str:
    form = node.get("format", "")
    if form in ("date-time", "micro-time"):
        if problem := gotime.problem(value, micro=form == "micro-time"):
            _complain(problem, found)
    elif form == "byte" and not _BASE64.fullmatch(value):
        bad = next(i for i, c in enumerate(value) if not _BASE64.fullmatch(c))
        _complain(f"illegal base64 data at input byte {bad}", found)
    return value


def _complain(text: str, found: Findings) -> None:
    if not found.mismatch:
        found.mismatch = text


def _wrong(
    value: Any, wanted: str, go_path: str, owner: str, found: Findings, instead: Any, *, number: bool = False
) -> Any:
    what = f"number {_digits(value)}" if number else json_type(value)
    place = f"Go struct field {owner}.{go_path}" if go_path else "Go value"
    _complain(f"json: cannot unmarshal {what} into {place} of type {wanted}", found)
    return instead


def _digits(value: Any) -> str:
    return value.text if isinstance(value, Huge) else json.dumps(value)


def json_type(value: Any) -> str:
    """A value's type as Go's decoder calls it."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, str):
        return "string"
    if isinstance(value, int | float):
        return "number"
    return "object" if isinstance(value, Pairs | dict) else "array"


_GO = {"string": "string", "boolean": "bool", "number": "float64", "quantity": "resource.Quantity"}


def go_type(node: Definition) -> str:
    """The Go type of a schema node, as error messages print it."""
    if "$ref" in node:
        target = schema.definition(node["$ref"])
        if "properties" not in target:
            return go_type(target)
        return f"v1.{node['$ref'].rsplit('.', 1)[-1]}"
    kind = node.get("type", "")
    if kind == "array":
        return "[]" + go_type(node.get("items", {}))
    if kind == "object":
        return "map[string]" + go_type(node.get("additionalProperties") or {})
    if kind == "integer":
        kind = str(node.get("format", "int64"))
    found: str = _GO.get(kind, kind if kind.startswith("int") else "interface {}")
    return found
