"""A request's body to an object of the kind the URL asks for, in upstream's words when it is not one.

Fast way: one strict typed decode that proves the body right, one plain decode that gives the object.
Everything unusual (nulls, duplicate keys, unknown fields, wrong types) goes the slow way, `strict.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from wherry.api import errors
from wherry.api.errors import ApiError
from wherry.api.schema import Obj
from wherry.api.scheme import Scheme
from wherry.apiserver.registry import strict, syntax, wiretypes, yamlin
from wherry.apiserver.registry.options import FieldValidation

MAX_BODY = 3 * 1024 * 1024
_UNKNOWN_FORM = (
    "the body of the request was in an unknown format - accepted media types include: "
    "application/json, application/yaml"
)
_SCHEME = 'in scheme "pkg/api/legacyscheme/scheme.go:30"'
_NO_KIND = "couldn't get version/kind; json parse error: "
_JSON = ("", "application/json", "text/json")
_YAML = ("application/yaml", "application/x-yaml", "text/yaml")

_decode = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True)
class Wanted:
    """What kind the body should hold, and its definition in the schema (None: not built in)."""

    api_version: str
    kind: str
    definition: str | None


def plain(body: bytes) -> Obj:
    """The object in bytes that are known to hold one."""
    obj: Obj = _decode(body)
    return obj


def is_yaml(content_type: str) -> bool:
    """Whether a body is YAML rather than JSON; ApiError (UnsupportedMediaType) for other types."""
    media = content_type.partition(";")[0].strip().lower()
    if media in _JSON:
        return False
    if media in _YAML:
        return True
    raise errors.unsupported_media_type(_UNKNOWN_FORM)


def decode(
    body: bytes, content_type: str, wanted: Wanted, scheme: Scheme, validation: FieldValidation = ""
) -> tuple[Obj, tuple[str, ...]]:
    """The object, with `kind` and `apiVersion` filled in, and the warnings that go with it."""
    if len(body) > MAX_BODY:
        raise errors.too_large(f"Request entity too large: limit is {MAX_BODY}")
    yaml = is_yaml(content_type)
    value, repeated = _yaml(body, wanted) if yaml else (_json(body, wanted), [])
    if value is None:
        value = {}
    kind, api_version = _type_meta(value, body, wanted)
    if (kind, api_version) != (wanted.kind, wanted.api_version):
        raise _another_kind(kind, api_version, wanted, scheme)
    if not yaml and _in_order(body, value, wanted, validation):
        obj: Obj = value
        warnings: tuple[str, ...] = ()
    else:
        obj, warnings = checked(value if yaml else _pairs(body, wanted), wanted, validation, repeated)
    obj["kind"], obj["apiVersion"] = wanted.kind, wanted.api_version
    if not obj.get("metadata"):
        obj["metadata"] = {}
    return obj, warnings


def in_order(value: Obj, definition: str) -> bool:
    """Whether a plain value has no unknown fields and no wrong types (null fields are let pass)."""
    try:
        wiretypes.checker(definition).decode(msgspec.json.encode(value))
    except msgspec.ValidationError:
        return False
    return True


def _in_order(body: bytes, value: Any, wanted: Wanted, validation: FieldValidation) -> bool:
    """Whether the plainly decoded value can be taken as it is."""
    if b"null" in body:
        return False
    if wanted.definition is not None:
        try:
            wiretypes.checker(wanted.definition).decode(body)
        except (ValueError, RecursionError):
            return False
    return validation == "Ignore" or not _may_repeat_keys(body, value)


def _may_repeat_keys(body: bytes, value: Any) -> bool:
    """Whether decoding lost something: the value encodes shorter than the body without its blanks.
    (True also for unusual spellings of strings and numbers; then the slow way tells.)"""
    compact = body if len(body) < 64 else msgspec.json.format(body, indent=-1)
    return len(msgspec.json.encode(value)) != len(compact)


def checked(
    value: Any, wanted: Wanted, validation: FieldValidation, repeated: Sequence[str] = ()
) -> tuple[Obj, tuple[str, ...]]:
    """The slow way, for a value as plain dicts or `strict.Pairs`. `repeated` are what reading the text
    found to occur twice."""
    obj, found = strict.inspect(value, wanted.definition)
    if repeated:
        found.fields.insert(0, "\n  ".join(["yaml: unmarshal errors:", *repeated]))
    if found.mismatch:
        raise _cannot_be_handled(wanted.kind, wanted.api_version, wanted, found.mismatch)
    if not found.fields or validation == "Ignore":
        return obj, ()
    if validation == "Strict":
        text = "strict decoding error: " + ", ".join(found.fields)
        raise _cannot_be_handled(wanted.kind, wanted.api_version, wanted, text)
    return obj, tuple(found.fields)


def _cannot_be_handled(kind: str, api_version: str, wanted: Wanted, why: str) -> ApiError:
    version = api_version.rpartition("/")[2]
    return errors.bad_request(f'{kind} in version "{version}" cannot be handled as a {wanted.kind}: {why}')


def _another_kind(kind: str, api_version: str, wanted: Wanted, scheme: Scheme) -> ApiError:
    version = api_version.rpartition("/")[2]
    if scheme.for_kind(api_version, kind) is None:
        text = f'no kind "{kind}" is registered for version "{api_version}" {_SCHEME}'
    elif kind == wanted.kind:
        text = (
            f"the API version in the data ({api_version}) does not match the expected API version "
            f"({wanted.api_version})"
        )
        return errors.bad_request(text)
    else:
        group = wanted.api_version.partition("/")[0] if "/" in wanted.api_version else "core"
        short = group.partition(".")[0]
        text = f"converting ({version}.{kind}) to ({short}.{wanted.kind}): unknown conversion"
    return _cannot_be_handled(kind, api_version, wanted, text)


def _type_meta(value: Any, body: bytes, wanted: Wanted) -> tuple[str, str]:
    """`kind` and `apiVersion` as given, or as wanted where nothing is given."""
    target = (
        r'struct { APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" }'
    )
    if not isinstance(value, dict):
        what = strict.json_type(value)
        text = f"json: cannot unmarshal {what} into Go value of type {target}"
        raise _unrecognized(_NO_KIND + text, body, wanted)
    kind, api_version = value.get("kind") or wanted.kind, value.get("apiVersion") or wanted.api_version
    for name, found in (("kind", kind), ("apiVersion", api_version)):
        if not isinstance(found, str):
            what = strict.json_type(found)
            text = f"json: cannot unmarshal {what} into Go struct field .{name} of type string"
            raise _unrecognized(_NO_KIND + text, body, wanted)
    if api_version.count("/") > 1:
        raise _unrecognized(f"unexpected GroupVersion string: {api_version}", body, wanted)
    return kind, api_version


def _json(body: bytes, wanted: Wanted) -> Any:
    try:
        return _decode(body)
    except (ValueError, RecursionError):
        return _plain(_pairs(body, wanted))


def _pairs(body: bytes, wanted: Wanted) -> Any:
    """For the slow way, which also reads what the fast reader won't: numbers of any size, and text that
    is not quite UTF-8."""
    complaint = syntax.of(body)
    if complaint:
        raise _unrecognized(_NO_KIND + complaint, body, wanted)
    return strict.pairs(body.decode(errors="replace"))


def _plain(value: Any) -> Any:
    """The outermost object's members, as far as its kind is to be known."""
    return dict(value) if isinstance(value, strict.Pairs) else value


def _yaml(body: bytes, wanted: Wanted) -> tuple[Any, list[str]]:
    try:
        loaded = yamlin.load(body)
    except yamlin.YamlError as error:
        raise _unrecognized(f"yaml: {error}", body, wanted) from None
    return loaded.value, loaded.duplicates


def _unrecognized(why: str, body: bytes, wanted: Wanted) -> ApiError:
    return errors.bad_request(
        f"the object provided is unrecognized (must be of type {wanted.kind}): {why} ({_summary(body)})"
    )


def _summary(body: bytes, limit: int = 30) -> str:
    if not body:
        return "<empty>"
    more = " ..." if len(body) > limit else ""
    if body[:1] == b"{":
        return body[:limit].decode(errors="replace") + more
    return body[:limit].hex() + more
