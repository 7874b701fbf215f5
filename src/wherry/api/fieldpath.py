"""Field errors, as validation collects them (`k8s.io/apimachinery/pkg/util/validation/field`).

A path is a plain string grown with f-strings: `f"{path}.containers[{i}].name"`, or
`f"{path}[{key}]"` for a map key. Constructors give upstream's wording.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class FieldError:
    type: str
    path: str
    bad_value: Any
    detail: str

    def body(self) -> str:
        head = _HEADS[self.type]
        if self.type in _WITHOUT_VALUE or self.bad_value is OMIT:
            return head if not self.detail else f"{head}: {self.detail}"
        text = f"{head}: {_value(self.bad_value)}"
        return f"{text}: {self.detail}" if self.detail else text

    def text(self) -> str:
        return f"{self.path}: {self.body()}"


_HEADS = {
    "FieldValueRequired": "Required value",
    "FieldValueInvalid": "Invalid value",
    "FieldValueTypeInvalid": "Invalid value",
    "FieldValueDuplicate": "Duplicate value",
    "FieldValueNotSupported": "Unsupported value",
    "FieldValueForbidden": "Forbidden",
    "FieldValueNotFound": "Not found",
    "FieldValueTooLong": "Too long",
    "FieldValueTooMany": "Too many",
    "InternalError": "Internal error",
}
_WITHOUT_VALUE = {
    "FieldValueRequired",
    "FieldValueForbidden",
    "FieldValueTooLong",
    "InternalError",
}

OMIT: Any = object()
"""A bad value that is not worth showing (`field.OmitValueType`)."""


_GO_ESCAPES = {"\\u0007": "\\a", "\\u000b": "\\v"}


def quoted(text: str) -> str:
    """strconv.Quote: as JSON has it, but for control characters."""
    shown = json.dumps(text, ensure_ascii=False)
    if text.isprintable():
        return shown
    shown = re.sub(r"(?<!\\)((?:\\\\)*)(\\u00[01][0-9a-f])", _control, shown)
    return shown.replace("\x7f", r"\x7f")


def _control(match: re.Match[str]) -> str:
    return match[1] + _GO_ESCAPES.get(match[2], r"\x" + match[2][-2:])


def _value(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, str):
        return quoted(value)
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def required(path: str, detail: str = "") -> FieldError:
    return FieldError("FieldValueRequired", path, "", detail)


def invalid_value(path: str, value: Any, detail: str) -> FieldError:
    return FieldError("FieldValueInvalid", path, value, detail)


def duplicate(path: str, value: Any) -> FieldError:
    return FieldError("FieldValueDuplicate", path, value, "")


def not_supported(path: str, value: Any, supported: Iterable[str]) -> FieldError:
    """A list or tuple is shown in its order, anything else sorted."""
    shown = supported if isinstance(supported, list | tuple) else sorted(supported)
    quoted = ", ".join(json.dumps(s) for s in shown)
    return FieldError("FieldValueNotSupported", path, value, f"supported values: {quoted}")


def forbidden_field(path: str, detail: str) -> FieldError:
    return FieldError("FieldValueForbidden", path, "", detail)


def not_found_value(path: str, value: Any) -> FieldError:
    return FieldError("FieldValueNotFound", path, value, "")


def too_long(path: str, limit: int) -> FieldError:
    return FieldError("FieldValueTooLong", path, "", f"may not be more than {limit} bytes")


def too_many(path: str, actual: int, limit: int) -> FieldError:
    return FieldError("FieldValueTooMany", path, actual, f"must have at most {limit} items")
