"""The schema as server-side apply sees it: what is one field, and what has fields of its own.

`typed("io.k8s.api.core.v1.Pod")` compiles a definition into `Type`s. A list is atomic unless the schema
says `x-kubernetes-list-type: set` or `map`; a struct or map is granular unless it says
`x-kubernetes-map-type: atomic`. Kinds without a schema are `UNTYPED`: maps granular, lists atomic.
"""

from __future__ import annotations

import functools
from typing import Any, Literal, TypeAlias

from wherry.api import schema
from wherry.api.schema import Definition

Form: TypeAlias = Literal["scalar", "atomic", "struct", "map", "set", "listmap", "untyped"]


class Type:
    """`fields` of a struct, `element` of a map or list, `keys` of a listmap with what an item that
    lacks one is taken to have (`defaults`)."""

    __slots__ = ("defaults", "element", "fields", "form", "keys", "name")

    def __init__(self, form: Form, name: str = "") -> None:
        self.form: Form = form
        self.name = name
        self.fields: dict[str, Type] = {}
        self.element: Type | None = None
        self.keys: tuple[str, ...] = ()
        self.defaults: dict[str, Any] = {}

    def child(self, field: str) -> Type:
        """The type of a member of a struct, map or untyped value."""
        if self.form == "untyped":
            return self
        return self.fields.get(field) or self.element or UNTYPED


SCALAR = Type("scalar")
ATOMIC = Type("atomic")
UNTYPED = Type("untyped")

_made: dict[str, Type] = {}


def typed(definition: str | None) -> Type:
    """The type of a definition; UNTYPED for a kind the schema does not have."""
    if definition is None:
        return UNTYPED
    made = _made.get(definition)
    if made is None:
        made = _made[definition] = Type("struct", definition)  # entered first: definitions may recurse
        _fill(made, schema.definition(definition))
    return made


def _fill(made: Type, definition: Definition) -> None:
    if definition.get("x-kubernetes-map-type") == "atomic":
        made.form = "atomic"
    made.fields = {field: _type(child) for field, child in definition["properties"].items()}


def _type(node: Definition) -> Type:
    reference = node.get("$ref")
    if reference is not None:
        target = schema.definition(reference)
        if "properties" in target:
            return _struct(reference, node.get("x-kubernetes-map-type", ""))
        node = target
    kind = node.get("type")
    if kind == "array":
        return _list(node)
    if kind == "object":
        if node.get("x-kubernetes-map-type") == "atomic":
            return ATOMIC
        values = node.get("additionalProperties")
        if not values:
            return ATOMIC
        made = Type("map")
        made.element = _type(values)
        return made
    return SCALAR if kind else UNTYPED


def _struct(reference: str, form: str) -> Type:
    """A field of a named type; the field may say otherwise than the type whether it is one value."""
    if form == "atomic":
        return ATOMIC
    made = typed(reference)
    if form == "granular" and made.form == "atomic":
        granular = Type("struct", reference)
        granular.fields = made.fields
        return granular
    return made


def _list(node: Definition) -> Type:
    kind = node.get("x-kubernetes-list-type", "atomic")
    if kind == "atomic":
        return ATOMIC
    made = Type("listmap" if kind == "map" else "set")
    made.element = _type(node.get("items", {}))
    if kind == "map":
        made.keys = tuple(sorted(node["x-kubernetes-list-map-keys"]))
        items = node["items"]
        properties = (schema.definition(items["$ref"]) if "$ref" in items else items).get("properties", {})
        made.defaults = {
            key: properties[key]["default"] for key in made.keys if "default" in properties.get(key, {})
        }
    return made


@functools.cache
def metadata_type() -> Type:
    return typed("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta")
