"""Objects that clients write in protobuf, as the plain JSON values everything else here works on.

kubectl's typed commands (`create deployment`, `create token`, `auth can-i`) and Go controllers send
`application/vnd.kubernetes.protobuf`: four bytes of magic, then a `runtime.Unknown` with the object's
apiVersion, kind and message. `decode` reads it by the packaged table of field numbers (made by
tools/build_protobuf.py); `as_json` turns such a request into a JSON one at the server's door.

Only reading is here: answers are JSON, which every such client accepts. Scalars that hold Go's zero
value and aren't pointers are left out, as Go's JSON encoder leaves them out. Unknown fields are skipped.
"""

from __future__ import annotations

import base64
import functools
import json
import struct
import zlib
from collections.abc import Callable, Iterator
from importlib.resources import files
from typing import Any, TypeAlias

import msgspec

from wherry.api import errors, schema
from wherry.clock import rfc3339, rfc3339_micro
from wherry.http.messages import Request

CONTENT_TYPE = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\0"
_META = "io.k8s.apimachinery.pkg.apis.meta.v1."
_DEPTH = 64
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

Field: TypeAlias = tuple[int, int, Any]
"""(number, wire type, value)"""


def as_json(request: Request) -> None:
    """Makes a protobuf request a JSON one, in place. Raises ApiError 400."""
    content_type = request.headers.get("content-type", "").partition(";")[0].strip()
    if content_type != CONTENT_TYPE:
        return
    request.body = msgspec.json.encode(decode(request.body))
    request.headers = {**request.headers, "content-type": "application/json"}


def decode(data: bytes) -> schema.Obj:
    """The object in a protobuf envelope. Raises ApiError 400 when it is none we know."""
    try:
        return _enveloped(memoryview(data), 0)
    except (ValueError, IndexError, struct.error, TypeError) as error:
        raise errors.bad_request(f"the protobuf body could not be decoded: {error}") from error


def _enveloped(data: memoryview, depth: int) -> schema.Obj:
    if data[:4] != _MAGIC:
        raise ValueError("provided data does not appear to be a protobuf message, expected prefix k8s")
    parts = {number: value for number, _, value in _fields(data[4:])}
    meta = {number: _text(value) for number, _, value in _fields(parts.get(1, memoryview(b"")))}
    api_version, kind = meta.get(1, ""), meta.get(2, "")
    name = _META + kind if kind == "DeleteOptions" else schema.definition_name(api_version, kind)
    if name is None or name not in _table():
        raise ValueError(f'no kind "{kind}" is registered for version "{api_version}"')
    obj: schema.Obj = _message(name, parts.get(2, memoryview(b"")), depth)
    return {"kind": kind, "apiVersion": api_version} | obj


# --- the wire


def _fields(data: memoryview) -> Iterator[Field]:
    at, end = 0, len(data)
    while at < end:
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        value: Any
        if wire == _VARINT:
            value, at = _varint(data, at)
        elif wire == _BYTES:
            length, at = _varint(data, at)
            value, at = data[at : at + length], at + length
        elif wire == _FIXED64:
            value, at = data[at : at + 8], at + 8
        elif wire == _FIXED32:
            value, at = data[at : at + 4], at + 4
        else:
            raise ValueError(f"wire type {wire}")
        if at > end:
            raise ValueError("unexpected end")
        yield number, wire, value


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value & 0xFFFFFFFFFFFFFFFF, at
        shift += 7
        if shift > 63:
            raise ValueError("a number is too long")


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def _text(value: Any) -> str:
    return str(value, "utf-8")


# --- messages


@functools.cache
def _table() -> dict[str, dict[int, tuple[str, str]]]:
    """{definition: {number: (JSON name, code)}}"""
    packed = files("wherry.apiserver").joinpath("data/protobuf.json.z").read_bytes()
    loaded: dict[str, dict[str, str]] = json.loads(zlib.decompress(packed))
    return {
        name: {int(number): _split(text) for number, text in fields.items()}
        for name, fields in loaded.items()
    }


def _split(text: str) -> tuple[str, str]:
    name, _, code = text.partition(":")
    return name, code


def _message(name: str, data: memoryview, depth: int) -> Any:
    if depth > _DEPTH:
        raise ValueError("nested too deeply")
    special = _SPECIAL.get(name)
    if special is not None:
        return special(data, depth)
    table = _table()[name]
    out: dict[str, Any] = {}
    for number, wire, raw in _fields(data):
        entry = table.get(number)
        if entry is None:
            continue
        key, code = entry
        if code[0] == "[":
            out.setdefault(key, []).extend(_items(code[1:], wire, raw, depth))
        elif code[0] == "{":
            label, value = _pair(code[1:], raw, depth)
            out.setdefault(key, {})[label] = value
        elif code[0] == "*":
            out[key] = _value(code[1:], raw, depth)
        else:
            value = _value(code, raw, depth)
            if not key:
                out.update(value or {})
            elif value or (code[0] == "m" and value is not None):
                out[key] = value
    return out


def _value(code: str, raw: Any, depth: int) -> Any:
    kind = code[0]
    if kind == "m":
        return _message(code[1:], raw, depth + 1)
    if kind == "L":
        return [_text(value) for number, _, value in _fields(raw) if number == 1]
    return _SCALARS[kind](raw)


_SCALARS: dict[str, Callable[[Any], Any]] = {
    "s": _text,
    "i": _signed,
    "b": bool,
    "d": lambda raw: struct.unpack("<d", raw)[0],
    "B": lambda raw: base64.b64encode(raw).decode(),
}
_ZERO: dict[str, Any] = {"s": "", "i": 0, "b": False, "d": 0.0, "B": ""}


def _items(code: str, wire: int, raw: Any, depth: int) -> Iterator[Any]:
    """The elements in one occurrence of a list: one, or several packed numbers."""
    if code in "ib" and wire == _BYTES:
        at = 0
        while at < len(raw):
            number, at = _varint(raw, at)
            yield _value(code, number, depth)
    else:
        yield _value(code, raw, depth)


def _pair(code: str, raw: Any, depth: int) -> tuple[str, Any]:
    entry = {number: value for number, _, value in _fields(raw)}
    label = _text(entry.get(1, b""))
    if 2 in entry:
        return label, _value(code, entry[2], depth)
    return label, _ZERO[code] if code in _ZERO else _value(code, memoryview(b""), depth)


# --- messages that are something else in JSON


def _numbers(data: memoryview) -> dict[int, Any]:
    return {number: value for number, _, value in _fields(data)}


def _time(data: memoryview, depth: int) -> str | None:
    found = _numbers(data)
    return rfc3339(_signed(found.get(1, 0))) if found else None


def _micro_time(data: memoryview, depth: int) -> str | None:
    found = _numbers(data)
    if not found:
        return None
    return rfc3339_micro(_signed(found.get(1, 0)) + found.get(2, 0) // 1000 / 1e6)


def _quantity(data: memoryview, depth: int) -> str:
    return _text(_numbers(data).get(1, b"")) or "0"


def _int_or_string(data: memoryview, depth: int) -> int | str:
    found = _numbers(data)
    return _text(found.get(3, b"")) if found.get(1) else _signed(found.get(2, 0))


def _raw_json(data: memoryview, depth: int) -> Any:
    raw = _numbers(data).get(1)
    if not raw:
        return None
    if raw[:4] == _MAGIC:
        return _enveloped(raw, depth + 1)
    return msgspec.json.decode(raw)


_CRD = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1."
_PROPS = _CRD + "JSONSchemaProps"


def _schema_or_bool(data: memoryview, depth: int) -> Any:
    found = _numbers(data)
    return _message(_PROPS, found[2], depth + 1) if 2 in found else bool(found.get(1, 0))


def _schema_or_list(data: memoryview, depth: int) -> Any:
    found = _numbers(data)
    if 1 in found:
        return _message(_PROPS, found[1], depth + 1)
    return [_message(_PROPS, value, depth + 1) for number, _, value in _fields(data) if number == 2]


def _schema_or_strings(data: memoryview, depth: int) -> Any:
    found = _numbers(data)
    if 1 in found:
        return _message(_PROPS, found[1], depth + 1)
    return [_text(value) for number, _, value in _fields(data) if number == 2]


_SPECIAL: dict[str, Callable[[memoryview, int], Any]] = {
    _META + "Time": _time,
    _META + "MicroTime": _micro_time,
    _META + "FieldsV1": _raw_json,
    "io.k8s.apimachinery.pkg.api.resource.Quantity": _quantity,
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": _int_or_string,
    "io.k8s.apimachinery.pkg.runtime.RawExtension": _raw_json,
    _CRD + "JSON": _raw_json,
    _CRD + "JSONSchemaPropsOrBool": _schema_or_bool,
    _CRD + "JSONSchemaPropsOrArray": _schema_or_list,
    _CRD + "JSONSchemaPropsOrStringArray": _schema_or_strings,
}
