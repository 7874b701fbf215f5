"""Query parameters and delete bodies, checked at the door (metav1 *Options and their validation)."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args
from urllib.parse import parse_qsl

import msgspec

from wherry.api import errors, fieldpath, selectors
from wherry.api.errors import ApiError
from wherry.api.fieldpath import FieldError
from wherry.api.selectors import Selector, SelectorError

Query: TypeAlias = Mapping[str, str]
FieldValidation: TypeAlias = Literal["", "Ignore", "Strict", "Warn"]
_MAX_QUERY = 64 * 1024
_MANAGER_LENGTH = 128


def parse(raw: str) -> Query:
    """The query's parameters, the first of each name."""
    if not raw:
        return _NONE
    if len(raw) > _MAX_QUERY:
        raise errors.bad_request("the query is too long")
    return _parse(raw) if len(raw) < 512 else _parse.__wrapped__(raw)


_NONE: Query = {}


@functools.lru_cache(1024)
def _parse(raw: str) -> Query:
    found: dict[str, str] = {}
    for name, value in parse_qsl(raw, keep_blank_values=True):
        if name == "dryRun" and name in found:
            found[name] += "," + value
        else:
            found.setdefault(name, value)
    return found


def truth(text: str) -> bool:
    """A boolean parameter: anything but `false` and `0` is true."""
    return text.lower() not in ("false", "0")


def integer(query: Query, name: str) -> int | None:
    text = query.get(name, "")
    if not text:
        return None
    try:
        return go_integer(text)
    except ValueError as error:
        raise errors.bad_request(f"strconv.ParseInt: parsing {json.dumps(text)}: {error}") from None


_INTEGER = re.compile(r"[+-]?[0-9]+")


def go_integer(text: str) -> int:
    """strconv.ParseInt(text, 10, 64); ValueError with its reason."""
    if not _INTEGER.fullmatch(text):
        raise ValueError("invalid syntax")
    number = int(text) if len(text) < 30 else 2**64
    if not -(2**63) <= number < 2**63:
        raise ValueError("value out of range")
    return number


def _invalid(kind: str, problems: list[FieldError]) -> ApiError:
    return errors.invalid("meta.k8s.io", kind, "", problems)


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """CreateOptions, UpdateOptions and PatchOptions."""

    dry_run: bool = False
    manager: str = ""
    validation: FieldValidation = ""
    force: bool = False


def apply_options(query: Query) -> WriteOptions:
    """PatchOptions of a server-side apply."""
    options = write_options(query, "ApplyOptions")
    if not options.manager:
        problem = fieldpath.required("fieldManager", "is required for apply patch")
        raise _invalid("PatchOptions", [problem])
    return options


def write_options(query: Query, kind: str) -> WriteOptions:
    """`kind` is CreateOptions, UpdateOptions or PatchOptions."""
    if not query:
        return _PLAIN_WRITE
    problems = _dry_run_problems(query.get("dryRun", ""))
    validation = query.get("fieldValidation", "")
    if validation not in get_args(FieldValidation):
        problems.append(fieldpath.not_supported("fieldValidation", validation, get_args(FieldValidation)))
    manager = query.get("fieldManager", "")
    problems += _manager_problems(manager)
    force = truth(query["force"]) if "force" in query else False
    if "force" in query and kind == "PatchOptions":
        problems.append(fieldpath.forbidden_field("force", "may not be specified for non-apply patch"))
    if problems:
        raise _invalid("PatchOptions" if kind == "ApplyOptions" else kind, problems)
    return WriteOptions(bool(query.get("dryRun")), manager, validation, force)  # type: ignore[arg-type]


_PLAIN_WRITE = WriteOptions()


def _dry_run_problems(text: str) -> list[FieldError]:
    values = text.split(",") if text else []
    if any(v != "All" for v in values):
        return [fieldpath.not_supported("dryRun", values, ["All"])]
    return []


def _manager_problems(manager: str) -> list[FieldError]:
    problems = []
    if len(manager) > _MANAGER_LENGTH:
        problems.append(fieldpath.too_long("fieldManager", _MANAGER_LENGTH))
    for at, letter in enumerate(manager):
        if not letter.isprintable():
            detail = f"invalid character U+{ord(letter):04X} (at position {at})"
            problems.append(fieldpath.invalid_value("fieldManager", manager, detail))
            break
    return problems


def manager_name(options: WriteOptions, agent: str) -> str:
    """Who owns what this request changes: its fieldManager, else the program of its user agent."""
    return options.manager or _program(agent)


@functools.lru_cache(1024)
def _program(agent: str) -> str:
    return "".join(c for c in agent.partition("/")[0] if c.isprintable())[:_MANAGER_LENGTH]


@dataclass(frozen=True, slots=True)
class ListOptions:
    labels: Selector = selectors.EVERYTHING
    fields: Selector = selectors.EVERYTHING
    limit: int = 0
    continue_: str = ""
    resource_version: str = ""
    match: str = ""
    watch: bool = False
    bookmarks: bool = False
    timeout: int | None = None
    initial_events: bool | None = None


EVERYTHING = ListOptions()


def list_options(query: Query) -> ListOptions:
    if not query:
        return EVERYTHING
    try:
        labels = _labels(query.get("labelSelector", ""))
    except SelectorError as error:
        raise errors.bad_request(str(error)) from None
    try:
        fields = selectors.parse_fields(query.get("fieldSelector", ""))
    except SelectorError as error:
        raise errors.bad_request(str(error)) from None
    initial = query.get("sendInitialEvents")
    found = ListOptions(
        labels=labels,
        fields=fields,
        limit=max(0, integer(query, "limit") or 0),
        continue_=query.get("continue", ""),
        resource_version=query.get("resourceVersion", ""),
        match=query.get("resourceVersionMatch", ""),
        watch=truth(query["watch"]) if "watch" in query else False,
        bookmarks=truth(query["allowWatchBookmarks"]) if "allowWatchBookmarks" in query else False,
        timeout=integer(query, "timeoutSeconds"),
        initial_events=None if initial is None else truth(initial),
    )
    if problems := _list_problems(found):
        raise _invalid("ListOptions", problems)
    return found


@functools.lru_cache(1024)
def _labels(text: str) -> Selector:
    return selectors.parse_labels(text)


_MATCHES = ("Exact", "NotOlderThan")


def _list_problems(options: ListOptions) -> list[FieldError]:
    field = "resourceVersionMatch"
    match = options.match
    if options.watch:
        return _watch_problems(field, match, options.initial_events)
    problems = []
    if options.initial_events is not None:
        detail = "sendInitialEvents is forbidden for list"
        problems.append(fieldpath.forbidden_field("sendInitialEvents", detail))
    if not match:
        return problems
    if options.continue_:
        problems.append(fieldpath.forbidden_field(field, f"{field} is forbidden when continue is provided"))
    if match not in _MATCHES:
        problems.append(fieldpath.not_supported(field, match, [*_MATCHES, ""]))
    if not options.resource_version:
        detail = f"{field} is forbidden unless resourceVersion is provided"
        problems.append(fieldpath.forbidden_field(field, detail))
    elif match == "Exact" and options.resource_version == "0":
        detail = f'{field} "{match.lower()}" is forbidden for resourceVersion "0"'
        problems.append(fieldpath.forbidden_field(field, detail))
    return problems


def _watch_problems(field: str, match: str, initial: bool | None) -> list[FieldError]:
    problems = []
    if initial is None and match:
        detail = f"{field} is forbidden for watch unless sendInitialEvents is provided"
        problems.append(fieldpath.forbidden_field(field, detail))
    if initial is not None and match != "NotOlderThan":
        detail = f"sendInitialEvents requires setting {field} to NotOlderThan"
        problems.append(fieldpath.forbidden_field(field, detail))
    if match not in ("", "NotOlderThan"):
        problems.append(fieldpath.not_supported(field, match, ["NotOlderThan"]))
    return problems


class _Preconditions(msgspec.Struct):
    uid: str | None = None
    resourceVersion: str | None = None


class DeleteOptions(msgspec.Struct):
    """metav1.DeleteOptions, by its wire names."""

    gracePeriodSeconds: int | None = None
    preconditions: _Preconditions | None = None
    orphanDependents: bool | None = None
    propagationPolicy: str | None = None
    dryRun: list[str] | None = None
    kind: str = ""
    apiVersion: str = ""

    @property
    def uid(self) -> str | None:
        return self.preconditions.uid if self.preconditions else None

    @property
    def resource_version(self) -> str | None:
        return self.preconditions.resourceVersion if self.preconditions else None

    @property
    def dry_run(self) -> bool:
        return bool(self.dryRun)


def delete_options(query: Query, body: Any) -> DeleteOptions:
    """From the body (a decoded DeleteOptions, or None) and, where that is silent, the query."""
    try:
        options = msgspec.convert(body, DeleteOptions) if body is not None else DeleteOptions()
    except msgspec.ValidationError as error:
        raise errors.bad_request(f"DeleteOptions cannot be decoded: {error}") from None
    if body is None and query:
        options.gracePeriodSeconds = integer(query, "gracePeriodSeconds")
        options.propagationPolicy = query.get("propagationPolicy") or None
        if "orphanDependents" in query:
            options.orphanDependents = truth(query["orphanDependents"])
        if query.get("dryRun"):
            options.dryRun = query["dryRun"].split(",")
    if problems := _delete_problems(options):
        raise _invalid("DeleteOptions", problems)
    return options


_POLICIES = ("Foreground", "Background", "Orphan")


def _delete_problems(options: DeleteOptions) -> list[FieldError]:
    problems = _dry_run_problems(",".join(options.dryRun or ()))
    policy = options.propagationPolicy
    if policy is not None and options.orphanDependents is not None:
        detail = "orphanDependents and deletionPropagation cannot be both set"
        problems.append(fieldpath.invalid_value("propagationPolicy", policy, detail))
    if policy is not None and policy not in _POLICIES:
        problems.append(fieldpath.not_supported("propagationPolicy", policy, [*_POLICIES, "nil"]))
    return problems
