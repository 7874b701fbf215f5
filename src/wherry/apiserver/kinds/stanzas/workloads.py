"""What the kinds that make pods from a template share: selector, template, rolling numbers."""

from __future__ import annotations

import re
from typing import Any

from wherry.api import selectors as matching
from wherry.api.fieldpath import forbidden_field, invalid_value, not_supported, required
from wherry.api.schema import Obj
from wherry.apiserver.kinds.stanzas import formats, pod_spec, selectors
from wherry.apiserver.kinds.stanzas.formats import Errors


def selector(spec: Obj, out: Errors, *, kind: str = "deployment") -> bool:
    """The selector is there and says something; whether it can be evaluated at all."""
    found = spec.get("selector")
    if found is None:
        out.append(required("spec.selector"))
        return True
    before = len(out)
    selectors.label_selector(found, "spec.selector", out)
    good = len(out) == before
    if not found.get("matchLabels") and not found.get("matchExpressions"):
        message = f"empty selector is invalid for {kind}"
        out.append(invalid_value("spec.selector", _shown(found), message))
    if not good:
        out.append(invalid_value("spec.selector", _shown(found), "invalid label selector"))
    return good


def _shown(found: Obj) -> Obj:
    """Go shows the two fields of a selector only where they are set."""
    shown: Obj = {}
    if labels := found.get("matchLabels"):
        shown["matchLabels"] = dict(sorted(labels.items()))
    if found.get("matchExpressions"):
        shown["matchExpressions"] = found["matchExpressions"]
    return shown


def shown_labels(labels: Any) -> Any:
    return dict(sorted(labels.items())) if labels else None


def matches_template(spec: Obj, out: Errors) -> None:
    """The template's labels are what the selector selects; a missing selector selects nothing."""
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
    try:
        parsed = matching.from_label_selector(spec.get("selector"))
    except matching.SelectorError:
        return
    if parsed and not parsed.matches(labels):
        message = "`selector` does not match template `labels`"
        out.append(invalid_value("spec.template.metadata.labels", shown_labels(labels), message))


def selected_template(spec: Obj, kind: str, out: Errors, *, selector_kind: str = "deployment") -> None:
    """Selector and template together, the template only where the selector can be evaluated."""
    if selector(spec, out, kind=selector_kind):
        matches_template(spec, out)
        template(spec, out)
        always_restarts(spec, kind, out)


def always_restarts(spec: Obj, kind: str, out: Errors, *, path: str = "spec.template") -> None:
    found = spec.get("template", {}).get("spec") or {}
    if found.get("restartPolicy") != "Always":
        value = found.get("restartPolicy", "")
        out.append(not_supported(f"{path}.spec.restartPolicy", value, ("Always",)))
    if found.get("activeDeadlineSeconds") is not None:
        message = f"activeDeadlineSeconds in {kind} is not Supported"
        out.append(forbidden_field(f"{path}.spec.activeDeadlineSeconds", message))


def template(spec: Obj, out: Errors, *, path: str = "spec.template") -> None:
    pod_spec.template(spec.get("template") or {}, path, out)


def number_or_percent(value: Any, path: str, out: Errors) -> None:
    """ValidatePositiveIntOrPercent."""
    if isinstance(value, int):
        formats.not_negative(value, path, out)
    elif _percent(value) is None:
        message = (
            "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or "
            "'93%', regex used for validation is '[0-9]+%')"
        )
        out.append(invalid_value(path, value, message))


def not_above_all(value: Any, path: str, out: Errors) -> None:
    percent = _percent(value)
    if percent is not None and percent > 100:
        out.append(invalid_value(path, value, "must not be greater than 100%"))


def amount(value: Any) -> int:
    """The number before any percent sign."""
    percent = _percent(value)
    return int(percent if percent is not None else value) if value is not None else 0


_PERCENT = re.compile(r"([0-9]+)%")


def _percent(value: Any) -> int | None:
    match = _PERCENT.fullmatch(str(value))
    return int(match[1][:19]) if match else None


def status_counts(status: Obj, out: Errors, fields: tuple[str, ...]) -> None:
    for field in fields:
        formats.not_negative(status.get(field), f"status.{field}", out)


def at_most(status: Obj, low: str, high: str, message: str, out: Errors) -> None:
    if status.get(low, 0) > status.get(high, 0):
        out.append(invalid_value(f"status.{low}", status.get(low, 0), message))
