"""JSON Patch (RFC 6902), with the limits and words of upstream's library (evanphx/json-patch).

`apply(document, operations)` gives a new document; the one it was given is left as it was.
"""

from __future__ import annotations

import copy
import re
from typing import Any

import msgspec

MAX_OPERATIONS = 10_000
MAX_COPIED = 3 * 1024 * 1024
"""Bytes that `copy` operations may add in all; each can double the document."""


class PatchError(ValueError):
    """The patch makes no sense, by itself or for this document."""


class PatchFormatError(PatchError):
    """The patch is not one at all."""


class PatchTooLarge(PatchError):
    """What it would make is too large."""


_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")
_MISSING: Any = object()
_KINDS = {dict: "object", list: "array", str: "string", int: "number", float: "number", bool: "bool"}


def check(patch: Any) -> list[dict[str, Any]]:
    """The operations of a decoded patch; PatchFormatError when it is none."""
    if not isinstance(patch, list):
        kind = _KINDS.get(type(patch), "object")
        raise PatchFormatError(f"json: cannot unmarshal {kind} into Go value of type []handlers.jsonPatchOp")
    if len(patch) > MAX_OPERATIONS:
        raise PatchFormatError(
            f"The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {len(patch)}"
        )
    for operation in patch:
        if not isinstance(operation, dict):
            kind = _KINDS.get(type(operation), "array")
            raise PatchFormatError(
                f"json: cannot unmarshal {kind} into Go value of type handlers.jsonPatchOp"
            )
    return patch


def apply(document: Any, operations: list[dict[str, Any]]) -> Any:
    """Raises PatchError on the first operation that cannot be done; then nothing was."""
    document = copy.deepcopy(document)
    copied = 0
    for operation in operations:
        kind = operation.get("op")
        run = _OPERATIONS.get(kind) if isinstance(kind, str) else None
        if run is None:
            raise PatchError(f"Unexpected kind: {kind if isinstance(kind, str) else 'unknown'}")
        if kind == "copy":
            copied += len(msgspec.json.encode(_get(document, _path(operation, "from"), "copy")))
            if copied > MAX_COPIED:
                raise PatchTooLarge(
                    "Unable to complete the copy, the accumulated size increase of copy is "
                    f"{copied}, exceeding the limit {MAX_COPIED}"
                )
        document = run(document, operation)
    return document


def _path(operation: dict[str, Any], name: str = "path") -> list[str]:
    path = operation.get(name)
    if not isinstance(path, str) or (path and path[0] != "/"):
        raise PatchError(f"{operation.get('op')} operation: missing or bad {name}")
    return [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]


def _value(operation: dict[str, Any]) -> Any:
    if "value" not in operation:
        raise PatchError(f"{operation['op']} operation: missing value")
    return copy.deepcopy(operation["value"])


def _show(path: list[str]) -> str:
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in path)


def _parent(document: Any, path: list[str], verb: str) -> Any:
    here = document
    for part in path[:-1]:
        here = _step(here, part)
        if here is _MISSING or not isinstance(here, dict | list):
            raise PatchError(
                f'{verb} operation does not apply: doc is missing path: "{_show(path)}": missing value'
            )
    return here


def _step(here: Any, part: str) -> Any:
    if isinstance(here, dict):
        return here.get(part, _MISSING)
    if isinstance(here, list):
        at = _index(part, len(here))
        return here[at] if at is not None and at < len(here) else _MISSING
    return _MISSING


def _index(part: str, size: int) -> int | None:
    """An array index, also counted from the end as upstream allows; None when it is none."""
    digits = part[1:] if part.startswith("-") else part
    if (
        not (digits.isascii() and digits.isdigit())
        or len(digits) > 9
        or (digits[0] == "0" and len(digits) > 1)
    ):
        return None
    at = int(part)
    return at if at >= 0 else (at + size if at + size >= 0 else None)


def _add(document: Any, operation: dict[str, Any]) -> Any:
    return _put(document, _path(operation), _value(operation), "add")


def _put(document: Any, path: list[str], value: Any, verb: str) -> Any:
    if not path:
        return value
    parent, last = _parent(document, path, verb), path[-1]
    if isinstance(parent, dict):
        parent[last] = value
    elif last == "-":
        parent.append(value)
    else:
        at = _index(last, len(parent) + 1)
        if at is None or at > len(parent):
            raise PatchError(
                f'{verb} operation does not apply: doc is missing path: "{_show(path)}": missing value'
            )
        parent.insert(at, value)
    return document


def _remove(document: Any, operation: dict[str, Any]) -> Any:
    return _take(document, _path(operation), "remove")


def _take(document: Any, path: list[str], verb: str) -> Any:
    if not path:
        raise PatchError(f"{verb} operation does not apply: the whole document cannot be removed")
    parent, last = _parent(document, path, verb), path[-1]
    if _step(parent, last) is _MISSING:
        why = f"Unable to remove nonexistent key: {last}: missing value"
        raise PatchError(f'{verb} operation does not apply: doc is missing path: "{_show(path)}": {why}')
    if isinstance(parent, dict):
        del parent[last]
    else:
        del parent[_index(last, len(parent)) or 0]
    return document


def _replace(document: Any, operation: dict[str, Any]) -> Any:
    path, value = _path(operation), _value(operation)
    if not path:
        return value
    parent, last = _parent(document, path, "replace"), path[-1]
    if isinstance(parent, dict):
        parent[last] = value  # Upstream's library puts in what was not there.
    elif _step(parent, last) is _MISSING:
        raise PatchError(
            f"replace operation does not apply: doc is missing key: {_show(path)}: missing value"
        )
    else:
        parent[_index(last, len(parent)) or 0] = value
    return document


def _get(document: Any, path: list[str], verb: str) -> Any:
    here = document
    for part in path:
        here = _step(here, part)
        if here is _MISSING:
            raise PatchError(
                f'{verb} operation does not apply: doc is missing path: "{_show(path)}": missing value'
            )
    return here


def _move(document: Any, operation: dict[str, Any]) -> Any:
    source, target = _path(operation, "from"), _path(operation)
    if target[: len(source)] == source and target != source:
        raise PatchError("move operation does not apply: a value cannot be moved into itself")
    value = _get(document, source, "move")
    return _put(_take(document, source, "move"), target, value, "move")


def _copy(document: Any, operation: dict[str, Any]) -> Any:
    value = copy.deepcopy(_get(document, _path(operation, "from"), "copy"))
    return _put(document, _path(operation), value, "copy")


def _test(document: Any, operation: dict[str, Any]) -> Any:
    path = _path(operation)
    wanted = operation.get("value")
    found: Any = document
    for part in path:
        found = _step(found, part)
        if found is _MISSING:
            break
    absent = found is _MISSING or found is None
    if not (absent and wanted is None) and (absent or not _same(found, wanted)):
        raise PatchError(f"testing value {_show(path)} failed: test failed")
    return document


def _same(a: Any, b: Any) -> bool:
    """Equality of JSON values, where true is not 1."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_same(v, b[k]) for k, v in a.items())
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(_same(x, y) for x, y in zip(a, b, strict=True))
    return bool(a == b)


_OPERATIONS = {
    "add": _add,
    "remove": _remove,
    "replace": _replace,
    "move": _move,
    "copy": _copy,
    "test": _test,
}
