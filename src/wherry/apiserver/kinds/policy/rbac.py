"""Roles and their bindings (rbac.authorization.k8s.io). Who may write them is admission's and the
authorizer's business."""

from __future__ import annotations

from collections.abc import Callable

from wherry.api import validation_text
from wherry.api.fieldpath import invalid_value, not_supported, required
from wherry.api.schema import Obj
from wherry.apiserver.kinds.columns import AGE, NAME, at
from wherry.apiserver.kinds.stanzas import formats, selectors
from wherry.apiserver.kinds.stanzas.formats import Errors
from wherry.apiserver.kinds.wire import tidies
from wherry.apiserver.registry.strategy import Column, Strategy

_GROUP = "rbac.authorization.k8s.io"
_KINDS = ("ServiceAccount", "User", "Group")


def _validate_rules(namespaced: bool) -> Callable[[Obj], Errors]:
    def validate(role: Obj) -> Errors:
        out: Errors = []
        for i, rule in enumerate(role.get("rules") or ()):
            _rule(rule, namespaced, f"rules[{i}]", out)
        for i, selector in enumerate(at(role, "aggregationRule.clusterRoleSelectors", ())):
            selectors.label_selector(selector, f"aggregationRule.clusterRoleSelectors[{i}]", out)
        if role.get("aggregationRule") is not None and not at(
            role, "aggregationRule.clusterRoleSelectors", ()
        ):
            message = "at least one clusterRoleSelector required if aggregationRule is non-nil"
            out.append(required("aggregationRule.clusterRoleSelectors", message))
        return out

    return validate


def _rule(rule: Obj, namespaced: bool, path: str, out: Errors) -> None:
    if not rule.get("verbs"):
        out.append(required(f"{path}.verbs", "verbs must contain at least one value"))
    urls = rule.get("nonResourceURLs") or []
    if urls:
        if namespaced:
            message = "namespaced rules cannot apply to non-resource URLs"
            out.append(invalid_value(f"{path}.nonResourceURLs", urls, message))
        if rule.get("apiGroups") or rule.get("resources") or rule.get("resourceNames"):
            message = "rules cannot apply to both regular resources and non-resource URLs"
            out.append(invalid_value(f"{path}.nonResourceURLs", urls, message))
        return
    if not rule.get("apiGroups"):
        message = "resource rules must supply at least one api group"
        out.append(required(f"{path}.apiGroups", message))
    if not rule.get("resources"):
        out.append(required(f"{path}.resources", "resource rules must supply at least one resource"))


def _default_binding(name: str) -> Callable[[Obj], None]:
    def default(binding: Obj) -> None:
        if not binding["roleRef"].get("apiGroup"):
            binding["roleRef"]["apiGroup"] = _GROUP
        for subject in binding.get("subjects") or ():
            if not subject.get("apiGroup") and subject.get("kind") in ("User", "Group"):
                subject["apiGroup"] = _GROUP

    return tidies(name, default)


def _validate_binding(namespaced: bool) -> Callable[[Obj], Errors]:
    roles = ("Role", "ClusterRole") if namespaced else ("ClusterRole",)

    def validate(binding: Obj) -> Errors:
        out: Errors = []
        reference = binding["roleRef"]
        if reference.get("apiGroup") != _GROUP:
            out.append(not_supported("roleRef.apiGroup", reference.get("apiGroup", ""), (_GROUP,)))
        if reference.get("kind") not in roles:
            out.append(not_supported("roleRef.kind", reference.get("kind", ""), roles))
        if not reference.get("name"):
            out.append(required("roleRef.name"))
        else:
            formats.name(reference["name"], validation_text.path_segment, "roleRef.name", out)
        for i, subject in enumerate(binding.get("subjects") or ()):
            _subject(subject, namespaced, f"subjects[{i}]", out)
        return out

    return validate


def _subject(subject: Obj, namespaced: bool, path: str, out: Errors) -> None:
    kind, group, name = subject.get("kind", ""), subject.get("apiGroup", ""), subject.get("name", "")
    if not name:
        out.append(required(f"{path}.name"))
    if kind == "ServiceAccount":
        if name:
            formats.name(name, validation_text.dns_subdomain, f"{path}.name", out)
        if group:
            out.append(not_supported(f"{path}.apiGroup", group, ("",)))
        if not namespaced and not subject.get("namespace"):
            out.append(required(f"{path}.namespace"))
    elif kind in ("User", "Group"):
        if group != _GROUP:
            out.append(not_supported(f"{path}.apiGroup", group, (_GROUP,)))
    else:
        out.append(not_supported(f"{path}.kind", kind, _KINDS))


def _validate_binding_update(new: Obj, old: Obj) -> Errors:
    if new.get("roleRef") == old.get("roleRef"):
        return []
    return [invalid_value("roleRef", new.get("roleRef"), "cannot change roleRef")]


def _subjects(kind: str) -> Callable[[Obj, float], str]:
    def shown(binding: Obj, now: float) -> str:
        found = [s for s in binding.get("subjects") or () if s.get("kind") == kind]
        if kind == "ServiceAccount":
            return ", ".join(f"{s.get('namespace', '')}/{s.get('name', '')}" for s in found)
        return ", ".join(s.get("name", "") for s in found)

    return shown


def _role(binding: Obj, now: float) -> str:
    reference = binding.get("roleRef") or {}
    return f"{reference.get('kind', '')}/{reference.get('name', '')}"


_BINDING_COLUMNS = (
    NAME,
    Column("Role", _role),
    AGE,
    Column("Users", _subjects("User"), priority=1),
    Column("Groups", _subjects("Group"), priority=1),
    Column("ServiceAccounts", _subjects("ServiceAccount"), priority=1),
)


def _roles(name: str, namespaced: bool) -> Strategy:
    return Strategy(
        default=tidies(name),
        validate=_validate_rules(namespaced),
        name_rule=validation_text.path_segment,
        has_status=False,
        create_on_update=True,
    )


def _bindings(name: str, namespaced: bool) -> Strategy:
    return Strategy(
        default=_default_binding(name),
        validate=_validate_binding(namespaced),
        validate_update=_validate_binding_update,
        name_rule=validation_text.path_segment,
        has_status=False,
        create_on_update=True,
        columns=_BINDING_COLUMNS,
    )


ROLE = _roles("rbac.v1.Role", True)
CLUSTER_ROLE = _roles("rbac.v1.ClusterRole", False)
ROLE_BINDING = _bindings("rbac.v1.RoleBinding", True)
CLUSTER_ROLE_BINDING = _bindings("rbac.v1.ClusterRoleBinding", False)
