"""The stored form of an object: what a round trip through upstream's Go types would leave of it.

Purpose: `hostNetwork: false`, `args: []`, `creationTimestamp: null` and a missing `resources` must not
make two objects differ. Upstream gets this from Go's zero values; here it is data. The schema says which
fields there are, `wire.json` what it can't know, per definition:

- `kept`: optional scalars that are pointers in Go, so `false`, 0 and "" are values of their own;
- `dropped`: required scalars that are left out when empty all the same;
- `stanzas`: nested objects that are written even when nothing is in them (`resources: {}`);
- `written`: other fields that are written when absent, with the value they get.

No script makes the file: OpenAPI and .proto files don't tell pointers from values. The Go types of k8s.io/api
(`types.go` of each group) do: `kept` was compared with their pointers to scalars as of v0.37.0-beta.0, the
rest only with what upstream's server stores (tests/differential/test_kinds.py).

`tidy` does it in place and also makes quantities and times canonical. It does not check anything and
leaves unknown fields alone. It is idempotent.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable
from importlib.resources import files
from typing import Any, Final

from wherry.api import quantity, schema
from wherry.api.schema import Definition, Obj
from wherry.clock import parse_rfc3339, rfc3339, rfc3339_micro

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_MICRO_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
_ZERO: Final = {"string": "", "boolean": False, "integer": 0, "number": 0}
_META = "io.k8s.apimachinery.pkg.apis.meta.v1."
_UNIT = "io.k8s.apimachinery.pkg.api.resource.Quantity"

Leaf = Callable[[Any], Any]


class Shape:
    """One definition, compiled: which empty fields go, which missing ones come, where to descend."""

    __slots__ = ("children", "droppable", "leaves", "lists", "maps", "name", "stanzas", "written")

    def __init__(self, name: str) -> None:
        self.name = name
        self.droppable: frozenset[str] = frozenset()
        self.written: tuple[tuple[str, Any], ...] = ()
        self.stanzas: tuple[tuple[str, Shape], ...] = ()
        self.children: dict[str, Shape] = {}
        self.lists: dict[str, Shape] = {}
        self.maps: dict[str, Shape] = {}
        self.leaves: dict[str, Leaf] = {}

    def tidy(self, obj: Obj) -> None:
        """In place. `obj` has the structure the schema asks for."""
        for key, value in list(obj.items()):
            if not value and (value is None or key in self.droppable):
                del obj[key]
                continue
            if (child := self.children.get(key)) is not None:
                child.tidy(value)
            elif (items := self.lists.get(key)) is not None:
                for item in value:
                    items.tidy(item)
            elif (leaf := self.leaves.get(key)) is not None:
                obj[key] = leaf(value)
            elif (entries := self.maps.get(key)) is not None:
                for item in value.values():
                    entries.tidy(item)
        for key, empty in self.written:
            if key not in obj:
                obj[key] = empty
        for key, child in self.stanzas:
            if key not in obj:
                made: Obj = {}
                obj[key] = made
                child.tidy(made)


@functools.cache
def _facts() -> dict[str, dict[str, Any]]:
    loaded: dict[str, dict[str, Any]] = json.loads(
        files("wherry.apiserver.kinds").joinpath("wire.json").read_bytes()
    )
    return loaded


_shapes: dict[str, Shape] = {}


def shape(name: str) -> Shape:
    """The shape of a definition, by `core.v1.Pod` or its full name; made once, when first asked for."""
    full = name if name.startswith("io.k8s.") else f"io.k8s.api.{name}"
    made = _shapes.get(full)
    if made is None:
        made = _shapes[full] = Shape(full)  # entered before it is filled: definitions may recurse
        _fill(made, schema.definition(full))
    return made


def tidies(name: str, then: Callable[[Obj], None] | None = None) -> Callable[[Obj], None]:
    """A `Strategy.default`: the stored form, then what upstream fills in."""

    def default(obj: Obj) -> None:
        shape(name).tidy(obj)
        if then is not None:
            then(obj)

    return default


def _fill(made: Shape, definition: Definition) -> None:
    facts = _facts().get(made.name.removeprefix("io.k8s.api."), {})
    kept = frozenset(facts.get("kept", ()))
    dropped = frozenset(facts.get("dropped", ()))
    written = dict(facts.get("written", {}))
    stanzas = facts.get("stanzas", ())
    required = frozenset(definition.get("required", ())) - dropped
    droppable: list[str] = []
    for field, child in definition.get("properties", {}).items():
        kind = _descend(made, field, child)
        if kind in _ZERO:
            if field in required:
                if field not in kept:
                    written.setdefault(field, _ZERO[kind])
            elif field not in kept:
                droppable.append(field)
        elif kind in ("array", "object") and field not in kept:
            droppable.append(field)
    made.written = tuple((f, v) for f, v in written.items() if f not in ("kind", "apiVersion"))
    made.droppable = frozenset(droppable) - {f for f, _ in made.written} - frozenset(stanzas)
    made.stanzas = tuple((field, made.children[field]) for field in stanzas)


def _descend(made: Shape, field: str, child: Definition) -> str:
    """Notes how to go on below a field; returns its JSON type where emptiness matters."""
    reference = child.get("$ref")
    if reference is not None:
        leaf = _leaf(reference)
        if leaf is not None:
            made.leaves[field] = leaf
            return ""
        target = schema.definition(reference)
        if "properties" in target:
            made.children[field] = shape(reference)
            return ""
        return str(target.get("type", ""))
    kind = str(child.get("type", ""))
    inner = child.get("items" if kind == "array" else "additionalProperties", {})
    if isinstance(inner, dict) and (reference := inner.get("$ref")):
        if reference == _UNIT:
            made.leaves[field] = _quantities
        elif "properties" in schema.definition(reference):
            (made.lists if kind == "array" else made.maps)[field] = shape(reference)
    return kind


def _leaf(reference: str) -> Leaf | None:
    if reference == _UNIT:
        return _quantity
    return {f"{_META}Time": _time, f"{_META}MicroTime": _micro_time}.get(reference)


def _quantity(value: Any) -> Any:
    try:
        return quantity.canonical(value)
    except ValueError:
        return value


def _quantities(values: dict[str, Any]) -> dict[str, Any]:
    return {name: _quantity(value) for name, value in values.items()}


def _time(value: str) -> str:
    return value if _TIME.fullmatch(value) else _reformat(value, rfc3339)


def _micro_time(value: str) -> str:
    return value if _MICRO_TIME.fullmatch(value) else _reformat(value, rfc3339_micro)


def _reformat(value: str, form: Callable[[float], str]) -> str:
    try:
        return form(parse_rfc3339(value))
    except ValueError:
        return value
