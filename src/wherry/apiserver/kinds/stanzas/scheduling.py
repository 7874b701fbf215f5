"""What a pod says about where it may run: affinity, tolerations, topology spread, taints."""

from __future__ import annotations

from wherry.api import validation_text
from wherry.api.fieldpath import (
    FieldError,
    duplicate,
    forbidden_field,
    invalid_value,
    not_supported,
    required,
)
from wherry.api.schema import Obj
from wherry.apiserver.kinds.stanzas import formats, selectors
from wherry.apiserver.kinds.stanzas.formats import Errors

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_ACTIONS = ("DoNotSchedule", "ScheduleAnyway")
_POLICIES = ("Honor", "Ignore")
_WEIGHT = "must be in the range 1-100"
_WITHOUT_SELECTOR = "must not be specified when labelSelector is not set"


def affinity(found: Obj, path: str, out: Errors) -> None:
    if (node := found.get("nodeAffinity")) is not None:
        _node_affinity(node, f"{path}.nodeAffinity", out)
    for kind in ("podAffinity", "podAntiAffinity"):
        if (rules := found.get(kind)) is not None:
            _pod_affinity(rules, f"{path}.{kind}", out)


def _node_affinity(rules: Obj, path: str, out: Errors) -> None:
    if (selector := rules.get(REQUIRED)) is not None:
        selectors.node_selector(selector, f"{path}.{REQUIRED}", out)
    for i, term in enumerate(rules.get(PREFERRED) or ()):
        here = f"{path}.{PREFERRED}[{i}]"
        _weight(term, here, out)
        preference = term.get("preference") or {}
        selectors.node_selector_term(preference, f"{here}.preference", out, check_values=False)


def _weight(term: Obj, path: str, out: Errors) -> None:
    if not 0 < term.get("weight", 0) <= 100:
        out.append(invalid_value(f"{path}.weight", term.get("weight", 0), _WEIGHT))


def _pod_affinity(rules: Obj, path: str, out: Errors) -> None:
    for i, term in enumerate(rules.get(REQUIRED) or ()):
        _pod_affinity_term(term, f"{path}.{REQUIRED}[{i}]", out)
    for i, weighted in enumerate(rules.get(PREFERRED) or ()):
        here = f"{path}.{PREFERRED}[{i}]"
        _weight(weighted, here, out)
        _pod_affinity_term(weighted.get("podAffinityTerm") or {}, f"{here}.podAffinityTerm", out)


def _pod_affinity_term(term: Obj, path: str, out: Errors) -> None:
    selectors.label_selector(term.get("labelSelector"), f"{path}.labelSelector", out)
    selectors.label_selector(term.get("namespaceSelector"), f"{path}.namespaceSelector", out)
    for namespace in term.get("namespaces") or ():
        formats.name(namespace, validation_text.dns_label, f"{path}.namespace", out)
    _label_keys(term, path, out)
    key = term.get("topologyKey", "")
    if not key:
        out.append(required(f"{path}.topologyKey", "can not be empty"))
    formats.label_key(key, f"{path}.topologyKey", out)


def _label_keys(term: Obj, path: str, out: Errors) -> None:
    matching, mismatching = term.get("matchLabelKeys") or (), term.get("mismatchLabelKeys") or ()
    selector = term.get("labelSelector")
    for field, keys in (("matchLabelKeys", matching), ("mismatchLabelKeys", mismatching)):
        if keys and selector is None:
            out.append(forbidden_field(f"{path}.{field}", _WITHOUT_SELECTOR))
            continue
        for i, key in enumerate(keys):
            formats.label_key(key, f"{path}.{field}[{i}]", out)
    # The key's own requirement has been added to the selector by now: a second one is the user's.
    seen = set((selector or {}).get("matchLabels") or ())
    for rule in (selector or {}).get("matchExpressions") or ():
        key = rule.get("key", "")
        if key in matching and key in seen:
            where = f"{path}[{list(matching).index(key)}]"
            out.append(invalid_value(where, key, "exists in both matchLabelKeys and labelSelector"))
        seen.add(key)
    for i, key in enumerate(matching):
        if key in mismatching:
            message = "exists in both matchLabelKeys and mismatchLabelKeys"
            out.append(invalid_value(f"{path}.matchLabelKeys[{i}]", key, message))


def tolerations(found: list[Obj], path: str, out: Errors) -> None:
    for i, toleration in enumerate(found):
        _toleration(toleration, f"{path}[{i}]", out)


def _toleration(toleration: Obj, path: str, out: Errors) -> None:
    key, operator = toleration.get("key", ""), toleration.get("operator", "")
    value, effect = toleration.get("value", ""), toleration.get("effect", "")
    if key:
        formats.label_key(key, f"{path}.key", out)
    elif operator != "Exists":
        message = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
        out.append(invalid_value(f"{path}.operator", operator, message))
    if toleration.get("tolerationSeconds") is not None and effect != "NoExecute":
        message = "effect must be 'NoExecute' when `tolerationSeconds` is set"
        out.append(invalid_value(f"{path}.effect", effect, message))
    if operator in ("Equal", ""):
        if problems := validation_text.label_value(value):
            out.append(invalid_value(f"{path}.operator", value, ";".join(problems)))
    elif operator == "Exists":
        if value:
            message = "value must be empty when `operator` is 'Exists'"
            out.append(invalid_value(f"{path}.operator", value, message))
    else:
        out.append(not_supported(f"{path}.operator", operator, ("Equal", "Exists")))
    if effect and effect not in EFFECTS:
        out.append(not_supported(f"{path}.effect", effect, EFFECTS))


def taints(found: list[Obj], path: str, out: Errors) -> None:
    """Of a node: well formed, and one of each key and effect."""
    seen: set[tuple[str, str]] = set()
    for i, taint in enumerate(found):
        here = f"{path}[{i}]"
        formats.label_key(taint.get("key", ""), f"{here}.key", out)
        if problems := validation_text.label_value(taint.get("value", "")):
            out.append(invalid_value(f"{here}.value", taint.get("value", ""), ";".join(problems)))
        formats.one_of(taint.get("effect"), EFFECTS, f"{here}.effect", out)
        pair = (taint.get("key", ""), taint.get("effect", ""))
        if pair in seen:
            message = "taints must be unique by key and effect pair"
            shown = {"Key": pair[0], "Value": taint.get("value", ""), "Effect": pair[1], "TimeAdded": None}
            out.append(FieldError("FieldValueDuplicate", here, shown, message))
        seen.add(pair)


def topology_spread(constraints: list[Obj], path: str, out: Errors) -> None:
    pairs = [(c.get("topologyKey", ""), c.get("whenUnsatisfiable", "")) for c in constraints]
    for i, constraint in enumerate(constraints):
        here = f"{path}[{i}]"
        key, action = pairs[i]
        if constraint.get("maxSkew", 0) <= 0:
            message = "must be greater than zero"
            out.append(invalid_value(f"{here}.maxSkew", constraint.get("maxSkew", 0), message))
        if not key:
            out.append(required(f"{here}.topologyKey", "can not be empty"))
        if action not in _ACTIONS:
            out.append(not_supported(f"{here}.whenUnsatisfiable", action, _ACTIONS))
        if pairs[i] in pairs[i + 1 :]:
            pair = f"{{{key}, {action}}}"
            out.append(duplicate(f"{here}.{{topologyKey, whenUnsatisfiable}}", pair))
        _min_domains(constraint.get("minDomains"), action, f"{here}.minDomains", out)
        for field in ("nodeAffinityPolicy", "nodeTaintsPolicy"):
            policy = constraint.get(field)
            if policy is not None and policy not in _POLICIES:
                out.append(not_supported(f"{here}.{field}", policy, _POLICIES))
        if constraint.get("matchLabelKeys"):
            _spread_label_keys(constraint, here, out)
        selectors.label_selector(constraint.get("labelSelector"), f"{here}.labelSelector", out)


def _min_domains(count: int | None, action: str, path: str, out: Errors) -> None:
    if count is None:
        return
    if count <= 0:
        out.append(invalid_value(path, count, "must be greater than zero"))
    if action != "DoNotSchedule":
        message = f"can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}"
        out.append(invalid_value(path, count, message))


def _spread_label_keys(constraint: Obj, path: str, out: Errors) -> None:
    if constraint.get("labelSelector") is None:
        out.append(forbidden_field(f"{path}.matchLabelKeys", _WITHOUT_SELECTOR))
    _label_keys({**constraint, "labelSelector": constraint.get("labelSelector") or {}}, path, out)
