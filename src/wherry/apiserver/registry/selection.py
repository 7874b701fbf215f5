"""What a list, watch or collection delete is about: a scope of the cache, and what is left to filter."""

from __future__ import annotations

from dataclasses import dataclass, replace

from wherry.api import errors
from wherry.api.selectors import EVERYTHING, Requirement, Selector
from wherry.apiserver.registry.core import Call
from wherry.apiserver.registry.entry import Entry, Fields
from wherry.apiserver.registry.options import ListOptions
from wherry.apiserver.registry.watchcache import ALL, Scope


@dataclass(frozen=True, slots=True)
class Selection:
    """`scope` narrows by one fact the cache has an index for; `labels` and `fields` are what remains."""

    scope: Scope = ALL
    namespace: str = ""
    labels: Selector = EVERYTHING
    fields: tuple[Requirement, ...] = ()
    known: Fields | None = None

    @property
    def whole(self) -> bool:
        """Whether everything in the scope belongs to it."""
        return not self.labels and not self.fields and self._scope_says_all

    @property
    def _scope_says_all(self) -> bool:
        return not self.namespace or self.scope[0] in ("namespace", "key")

    def matches(self, entry: Entry) -> bool:
        if not self._scope_says_all and entry.key.partition("/")[0] != self.namespace:
            return False
        if self.labels and not self.labels.matches(entry.labels):
            return False
        if self.fields:
            values = entry.fields(self.known or {})
            return all(requirement.matches(values) for requirement in self.fields)
        return True


def selection(call: Call, options: ListOptions) -> Selection:
    """ApiError (BadRequest) when a field label is not one the kind can be selected by."""
    served, info = call.served, call.info
    requirements = list(options.fields.requirements)
    if info.name:
        requirements.append(Requirement("metadata.name", "=", (info.name,)))
    if not requirements:
        scope: Scope = ("namespace", call.namespace) if call.namespace else ALL
        return Selection(scope, call.namespace, options.labels)
    known = served.cache.layout.fields
    if served.conversion is not None and (renamed := served.conversion.field_labels):
        requirements = [replace(r, key=renamed.get(r.key, r.key)) for r in requirements]
    exact: dict[str, str] = {}
    for requirement in requirements:
        label = requirement.key
        if label not in known and label not in ("metadata.name", "metadata.namespace"):
            raise errors.bad_request(_not_supported(label, bool(known)))
        if requirement.operator == "=":
            exact.setdefault(label, requirement.values[0])
    namespace = call.namespace
    if not namespace and served.resource.namespaced:
        namespace = exact.get("metadata.namespace", "")
    scope = _scope(call, namespace, exact)
    covered = {scope[0]}
    if scope[0] == "key":
        covered = {"metadata.name", "metadata.namespace"}
    left = tuple(
        r
        for r in requirements
        if not (r.operator == "=" and r.key in covered and exact[r.key] == r.values[0])
    )
    return Selection(scope, namespace, options.labels, left, known)


def _not_supported(label: str, has_labels: bool) -> str:
    """Kinds without field labels of their own say which everything has."""
    if has_labels:
        return f"field label not supported: {label}"
    return f'"{label}" is not a known field selector: only "metadata.name", "metadata.namespace"'


def _scope(call: Call, namespace: str, exact: dict[str, str]) -> Scope:
    served = call.served
    if "metadata.name" in exact and (namespace or not served.resource.namespaced):
        return ("key", served.relative(namespace, exact["metadata.name"]))
    for label in served.cache.layout.indexed:
        if label in exact:
            return (label, exact[label])
    return ("namespace", namespace) if namespace else ALL
