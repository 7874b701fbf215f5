"""Label selectors, node selectors and their requirements: what is refused."""

from __future__ import annotations

from typing import Any

from wherry.api import validation_text
from wherry.api.fieldpath import forbidden_field, invalid_value, required
from wherry.api.schema import Obj
from wherry.apiserver.kinds.stanzas import formats
from wherry.apiserver.kinds.stanzas.formats import Errors

_SETS = ("In", "NotIn")
_PRESENCE = ("Exists", "DoesNotExist")
_BAD_OPERATOR = "not a valid selector operator"


def label_selector(selector: Any, path: str, out: Errors) -> None:
    """metav1.LabelSelector (ValidateLabelSelector); None is fine."""
    if not selector:
        return
    formats.labels(selector.get("matchLabels"), f"{path}.matchLabels", out)
    for i, term in enumerate(selector.get("matchExpressions") or ()):
        here = f"{path}.matchExpressions[{i}]"
        _requirement(term, here, out)
        _label_values(term, here, out)


def _requirement(term: Obj, path: str, out: Errors) -> None:
    operator, values = term.get("operator", ""), term.get("values") or ()
    if operator in _SETS:
        if not values:
            message = "must be specified when `operator` is 'In' or 'NotIn'"
            out.append(required(f"{path}.values", message))
    elif operator in _PRESENCE:
        if values:
            message = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            out.append(forbidden_field(f"{path}.values", message))
    else:
        out.append(invalid_value(f"{path}.operator", operator, _BAD_OPERATOR))
    formats.label_key(term.get("key", ""), f"{path}.key", out)


def _label_values(term: Obj, path: str, out: Errors) -> None:
    for i, value in enumerate(term.get("values") or ()):
        formats.name(value, validation_text.label_value, f"{path}.values[{i}]", out)


def node_selector(selector: Obj, path: str, out: Errors) -> None:
    """v1.NodeSelector: at least one term."""
    terms = selector.get("nodeSelectorTerms")
    if not terms:
        message = "must have at least one node selector term"
        out.append(required(f"{path}.nodeSelectorTerms", message))
        return
    for i, term in enumerate(terms):
        node_selector_term(term, f"{path}.nodeSelectorTerms[{i}]", out, check_values=True)


def node_selector_term(term: Obj, path: str, out: Errors, *, check_values: bool) -> None:
    for i, rule in enumerate(term.get("matchExpressions") or ()):
        here = f"{path}.matchExpressions[{i}]"
        if rule.get("operator") in ("Gt", "Lt"):
            if len(rule.get("values") or ()) != 1:
                message = "must be specified single value when `operator` is 'Lt' or 'Gt'"
                out.append(required(f"{here}.values", message))
            formats.label_key(rule.get("key", ""), f"{here}.key", out)
        else:
            _requirement(rule, here, out)
        if check_values:
            _label_values(rule, here, out)
    for i, rule in enumerate(term.get("matchFields") or ()):
        _node_field(rule, f"{path}.matchFields[{i}]", out)


def _node_field(rule: Obj, path: str, out: Errors) -> None:
    values = rule.get("values") or ()
    if rule.get("operator") not in _SETS:
        out.append(invalid_value(f"{path}.operator", rule.get("operator", ""), _BAD_OPERATOR))
    elif len(values) != 1:
        message = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"
        out.append(required(f"{path}.values", message))
    if rule.get("key") != "metadata.name":
        out.append(invalid_value(f"{path}.key", rule.get("key", ""), "not a valid field selector key"))
        return
    for i, value in enumerate(values):
        formats.name(value, validation_text.dns_subdomain, f"{path}.values[{i}]", out)
