"""Columns that many kinds have, and the ways upstream writes lists into one cell.

Cells are given the object and the current time. `<none>` and `<unknown>` are upstream's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from wherry.api.schema import Obj
from wherry.apiserver.kinds.durations import age
from wherry.apiserver.registry.strategy import Column

NONE = "<none>"
UNSET = "<unset>"

_NAME = (
    "Name must be unique within a namespace. Is required when creating resources, although some resources "
    "may allow a client to request the generation of an appropriate name automatically. Name is primarily "
    "intended for creation idempotence and configuration definition. Cannot be updated. More info: "
    "https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names"
)
_CREATED = (
    "CreationTimestamp is a timestamp representing the server time when this object was created. It is not "
    "guaranteed to be set in happens-before order across separate operations. Clients may not set this "
    "value. It is represented in RFC3339 form and is in UTC.\n\nPopulated by the system. Read-only. Null "
    "for lists. More info: "
    "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata"
)


def at(obj: Any, path: str, default: Any = "") -> Any:
    """The value at a dotted path, or the default where something on the way is missing."""
    for part in path.split("."):
        obj = obj.get(part) if obj else None
        if obj is None:
            return default
    return obj


def field(path: str, default: Any = "") -> Callable[[Obj, float], Any]:
    """A cell that shows one field as it is."""
    return lambda obj, now: at(obj, path, default)


def since(path: str) -> Callable[[Obj, float], str]:
    """A cell that shows how long ago a time was."""
    return lambda obj, now: age(at(obj, path, None), now)


NAME = Column("Name", field("metadata.name"), format="name", description=_NAME)
AGE = Column("Age", since("metadata.creationTimestamp"), description=_CREATED)


def labels_text(labels: Mapping[str, str] | None) -> str:
    """`labels.FormatLabels`."""
    return ",".join(f"{k}={v}" for k, v in sorted(labels.items())) if labels else NONE


def selector_text(selector: Any) -> str:
    """`metav1.FormatLabelSelector` of a LabelSelector."""
    if not selector:
        return NONE
    terms = [(k, f"{k}={v}") for k, v in (selector.get("matchLabels") or {}).items()]
    terms += [(t.get("key", ""), _expression_text(t)) for t in selector.get("matchExpressions") or ()]
    return ",".join(text for _, text in sorted(terms, key=lambda term: term[0])) or NONE


def _expression_text(term: Obj) -> str:
    key, values = term.get("key", ""), ",".join(sorted(term.get("values") or ()))
    match term.get("operator"):
        case "In":
            return f"{key} in ({values})"
        case "NotIn":
            return f"{key} notin ({values})"
        case "Exists":
            return str(key)
    return f"!{key}"


def capped(texts: Iterable[str], limit: int = 3) -> str:
    """The first three, and how many more there are."""
    found = list(texts)
    if not found:
        return NONE
    more = f" + {len(found) - limit} more..." if len(found) > limit else ""
    return ",".join(found[:limit]) + more


def template_columns(template: str, selector: Callable[[Obj], str] | None) -> tuple[Column, ...]:
    """Containers, Images and (where asked for) Selector, as wide columns."""

    def names(obj: Obj, now: float) -> str:
        return ",".join(c.get("name", "") for c in at(obj, f"{template}.spec.containers", ()))

    def images(obj: Obj, now: float) -> str:
        return ",".join(c.get("image", "") for c in at(obj, f"{template}.spec.containers", ()))

    wide = (
        Column("Containers", names, priority=1, description="Names of each container in the template."),
        Column(
            "Images", images, priority=1, description="Images referenced by each container in the template."
        ),
    )
    if selector is None:
        return wide
    chosen = selector
    return (*wide, Column("Selector", lambda obj, now: chosen(obj), priority=1))
