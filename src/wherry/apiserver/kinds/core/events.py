"""Event, in both groups that serve it: `v1` and `events.k8s.io/v1` are one stored object."""

from __future__ import annotations

from typing import Any

from wherry.api.fieldpath import forbidden_field, invalid_value, required
from wherry.api.schema import Obj
from wherry.apiserver.kinds.columns import NAME, at
from wherry.apiserver.kinds.durations import age
from wherry.apiserver.kinds.stanzas import formats
from wherry.apiserver.kinds.stanzas.formats import Errors
from wherry.apiserver.kinds.wire import shape
from wherry.apiserver.registry.strategy import Column, Strategy

_INVOLVED = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
_NEW_VERSION = "events.k8s.io/v1"
_MAX_WORD, _MAX_NOTE = 128, 1024


def _default(event: Obj) -> None:
    new = event.get("apiVersion") == _NEW_VERSION
    shape("events.v1.Event" if new else "core.v1.Event").tidy(event)


def involved(event: Obj) -> Obj:
    found: Obj = event.get("involvedObject") or event.get("regarding") or {}
    return found


def _source(event: Obj) -> Obj:
    found: Obj = event.get("source") or event.get("deprecatedSource") or {}
    return found


def _validate(event: Obj) -> Errors:
    out: Errors = []
    namespace, about = at(event, "metadata.namespace"), involved(event).get("namespace", "")
    if event.get("eventTime"):
        agrees = bool(about) or namespace in ("default", "kube-system", "")
    else:
        agrees = about == namespace if about else namespace in ("default", "")
    if not agrees:
        out.append(invalid_value("involvedObject.namespace", about, "does not match event.namespace"))
    if "resourceVersion" not in event["metadata"]:
        if event.get("apiVersion") == _NEW_VERSION:
            _new_version(event, out)
        elif event.get("eventTime"):
            _new_style(event, "reportingComponent", out)
    return out


def _new_style(event: Obj, reporter: str, out: Errors) -> None:
    """An event with a time of its own must say who saw it and what was done."""
    name = event.get(reporter) or ""
    if not name:
        out.append(required(reporter))
    formats.label_key(name, reporter, out)
    for field in ("reportingInstance", "action", "reason"):
        value = event.get(field) or ""
        if not value:
            out.append(required(field))
        elif len(value) > _MAX_WORD:
            out.append(invalid_value(field, "", f"can have at most {_MAX_WORD} characters"))
    if len(event.get("note") or event.get("message") or "") > _MAX_NOTE:
        out.append(invalid_value("message", "", f"can have at most {_MAX_NOTE} characters"))


def _new_version(event: Obj, out: Errors) -> None:
    """events.k8s.io/v1 takes only the new style; its errors name the stored fields all the same."""
    if not event.get("eventTime"):
        out.append(required("eventTime"))
    _new_style(event, "reportingController", out)
    kind = event.get("type", "")
    if kind not in ("Normal", "Warning"):
        out.append(invalid_value("type", "", f"has invalid value: {kind}"))
    for field in ("firstTimestamp", "lastTimestamp", "count", "source"):
        if event.get(f"deprecated{field[0].upper()}{field[1:]}"):
            out.append(invalid_value(field, "", "needs to be unset"))


def _validate_update(new: Obj, old: Obj) -> Errors:
    out: Errors = []
    if not old.get("eventTime"):
        return out
    for field in (
        "involvedObject",
        "regarding",
        "reason",
        "reportingComponent",
        "reportingController",
        "action",
        "type",
    ):
        formats.immutable(new.get(field), old.get(field), field, out)
    if new.get("eventTime") != old.get("eventTime"):
        out.append(forbidden_field("eventTime", formats.IMMUTABLE))
    return out


def _times(event: Obj) -> tuple[str | None, str | None]:
    """First and last seen; new events have one time and a series."""
    first = event.get("firstTimestamp") or event.get("deprecatedFirstTimestamp") or event.get("eventTime")
    last = event.get("lastTimestamp") or event.get("deprecatedLastTimestamp") or first
    series = event.get("series")
    return first, (series.get("lastObservedTime") or last) if series else last


def _interval(event: Obj, now: float, which: int) -> str:
    return age(_times(event)[which], now)


def _count(event: Obj) -> int:
    count = event.get("count") or event.get("deprecatedCount") or 0
    if series := event.get("series"):
        count = series.get("count", 0)
    return max(int(count), 1)


def _reporter(event: Obj) -> str:
    source = _source(event)
    component = (
        source.get("component") or event.get("reportingComponent") or event.get("reportingController") or ""
    )
    host = source.get("host") or event.get("reportingInstance") or ""
    return ", ".join(part for part in (component, host) if part)


def _object(event: Obj, now: float) -> str:
    about = involved(event)
    kind = about.get("kind", "").lower()
    return f"{kind}/{about['name']}" if about.get("name") else kind


def _text(*fields: str) -> Any:
    return lambda obj: next((str(obj[f]) for f in fields if obj.get(f)), "")


def _about(field: str) -> Any:
    return lambda obj: involved(obj).get(field, "")


FIELDS = {
    **{f"involvedObject.{field}": _about(field) for field in _INVOLVED},
    "reason": _text("reason"),
    "reportingComponent": _text("reportingComponent", "reportingController"),
    "source": lambda obj: (
        _source(obj).get("component", "") or _text("reportingComponent", "reportingController")(obj)
    ),
    "type": _text("type"),
}

STRATEGY = Strategy(
    default=_default,
    validate=_validate,
    validate_update=_validate_update,
    has_status=False,
    fields=FIELDS,
    columns=(
        Column("Last Seen", lambda obj, now: _interval(obj, now, 1)),
        Column("Type", lambda obj, now: obj.get("type", "")),
        Column("Reason", lambda obj, now: obj.get("reason", "")),
        Column("Object", _object),
        Column("Subobject", lambda obj, now: involved(obj).get("fieldPath", ""), priority=1),
        Column("Source", lambda obj, now: _reporter(obj), priority=1),
        Column("Message", lambda obj, now: (obj.get("message") or obj.get("note") or "").strip()),
        Column("First Seen", lambda obj, now: _interval(obj, now, 0), priority=1),
        Column("Count", lambda obj, now: _count(obj), priority=1),
        Column(NAME.name, NAME.value, format="name", priority=1, description=NAME.description),
    ),
    create_on_update=True,
)
