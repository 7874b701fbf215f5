"""Values by their type: the fields they set, merging them, and taking fields out of them
(structured-merge-diff `typed/`: `tofieldset.go`, `merge.go`, `remove.go`).

All are pure and share unchanged parts with what they are given. `remove` leaves None where all of a map
or list went, which reads as "there, with nothing in it" until the caller drops nulls.
"""

from __future__ import annotations

from typing import Any

from wherry.apiserver.patch import fieldsets
from wherry.apiserver.patch.compare import item_edge
from wherry.apiserver.patch.fieldsets import MEMBER, SELF, FieldSet
from wherry.apiserver.patch.types import Type


class TypedError(ValueError):
    """The value does not fit associative lists: an item lacks its key, or two have the same."""


def field_set(value: Any, type_: Type) -> FieldSet:
    """The fields an applied configuration sets. Stanzas are not members, only what is in them; items
    and map entries are."""
    if not _has_parts(value, type_):
        return MEMBER
    return _map_set(value, type_) if isinstance(value, dict) else _list_set(value, type_)


def _map_set(value: dict[str, Any], type_: Type) -> FieldSet:
    out: FieldSet = {}
    for field, child in value.items():
        inner, named = type_.child(field), field in type_.fields
        below = field_set(child, inner)
        if below:
            out[f"f:{field}"] = below if named else {SELF: {}, **below}
        elif not named or child == {} or not _has_parts(child, inner):
            out[f"f:{field}"] = MEMBER
    return out


def _has_parts(value: Any, type_: Type) -> bool:
    """Whether what is inside is owned piece by piece; an empty set then is nothing, not a leaf."""
    if isinstance(value, dict):
        return type_.form in ("struct", "map", "untyped")
    return isinstance(value, list) and type_.form in ("set", "listmap")


def _list_set(value: list[Any], type_: Type) -> FieldSet:
    out: FieldSet = {}
    for edge, item in indexed(value, type_).items():
        if type_.form == "set":
            out[edge] = MEMBER
        else:
            out[edge] = {SELF: {}, **field_set(item, type_.element or type_)}
    return out


def indexed(value: list[Any], type_: Type, *, lenient: bool = False) -> dict[str, Any]:
    """Items by edge; TypedError for duplicates and missing keys unless `lenient` (live objects)."""
    out: dict[str, Any] = {}
    for number, item in enumerate(value):
        edge = edge_of(item, type_, number)
        if edge in out and not lenient:
            raise TypedError(f"duplicate entries for key {fieldsets.show((edge,))}")
        out[edge] = item
    return out


def edge_of(item: Any, type_: Type, number: int) -> str:
    if type_.form == "set":
        return fieldsets.value_edge(item)
    if not isinstance(item, dict):
        raise TypedError(f"element {number}: associative list with keys may not have non-map elements")
    for key in type_.keys:
        if item.get(key) is None and key not in type_.defaults and len(type_.keys) == 1:
            raise TypedError(
                f'element {number}: associative list with keys has an element that omits key field "{key}" '
                "(and doesn't have default value)"
            )
    return item_edge(item, type_)


def merge(live: Any, applied: Any, type_: Type) -> Any:
    """The live value with the applied one laid over it."""
    form = type_.form
    if applied is None:
        return live
    if isinstance(live, dict) and isinstance(applied, dict) and form in ("struct", "map", "untyped"):
        out = dict(live)
        for field, child in applied.items():
            out[field] = merge(live[field], child, type_.child(field)) if field in live else child
        return out
    if isinstance(live, list) and isinstance(applied, list) and form in ("set", "listmap"):
        return _merge_items(live, applied, type_)
    return applied


def _merge_items(live: list[Any], applied: list[Any], type_: Type) -> list[Any]:
    """Both lists' items: the applied ones in their order, the others where they stand among them."""
    left, right = indexed(live, type_, lenient=True), indexed(applied, type_)
    element = type_.element or type_
    left_edges, right_edges = list(left), list(right)
    shared = [edge for edge in right_edges if edge in left]
    out: list[Any] = []
    merged: set[str] = set()
    at = li = ri = 0

    def take(edge: str) -> None:
        merged.add(edge)
        both = edge in left and type_.form == "listmap"
        out.append(merge(left[edge], right[edge], element) if both else right[edge])

    while li < len(left_edges) or ri < len(right_edges):
        upcoming = shared[at] if at < len(shared) else None
        if li < len(left_edges):
            edge = left_edges[li]
            if ri < len(right_edges) and edge == right_edges[ri]:
                take(edge)
                li, ri, at = li + 1, ri + 1, at + 1
                continue
            if edge not in right:
                out.append(left[edge])
                li += 1
                continue
            if edge in merged or (upcoming is not None and upcoming != edge and ri < len(right_edges)):
                li += 1
                continue
        if ri < len(right_edges):
            edge = right_edges[ri]
            take(edge)
            ri += 1
            at += edge == upcoming
    return out


def remove(value: Any, fields: FieldSet, type_: Type) -> Any:
    """The value without the members of the set."""
    form = type_.form
    if not value or not fields:
        return value
    if isinstance(value, dict) and form in ("struct", "map", "untyped"):
        return _remove_fields(value, fields, type_) or None
    if isinstance(value, list) and form in ("set", "listmap"):
        return _remove_items(value, fields, type_) or None
    return None if form in ("atomic",) else value


def _remove_fields(value: dict[str, Any], fields: FieldSet, type_: Type) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for field, child in value.items():
        node = fields.get(f"f:{field}")
        if node is None:
            out[field] = child
        elif node and SELF not in node:
            out[field] = remove(child, node, type_.child(field))
    return out


def _remove_items(value: list[Any], fields: FieldSet, type_: Type) -> list[Any]:
    out: list[Any] = []
    for number, item in enumerate(value):
        node = fields.get(edge_of(item, type_, number))
        if node is None:
            out.append(item)
        elif node and SELF not in node:
            out.append(remove(item, node, type_.element or type_))
    return out


def with_named_fields(fields: FieldSet, type_: Type) -> FieldSet:
    """The set with every struct field on the way to a member made a member too
    (EnsureNamedFieldsAreMembers): removing all of a stanza's fields removes the stanza."""
    out: FieldSet = {}
    for edge, node in fields.items():
        if edge == SELF:
            out[edge] = node
            continue
        name = edge[2:]
        if edge.startswith("f:"):
            inner, named = type_.child(name), name in type_.fields
        else:
            inner, named = type_.element or type_, False
        below = with_named_fields(node, inner) if node else node
        out[edge] = {SELF: {}, **below} if named and below and SELF not in below else below
    return out


def without_nulls(value: Any) -> Any:
    """Maps without the nulls that `remove` leaves."""
    if isinstance(value, dict):
        return {k: without_nulls(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [without_nulls(v) for v in value]
    return value
