"""Sets of fields, in the very form `metadata.managedFields` writes them (FieldsV1), and their algebra.

A set is a trie of dicts. An edge is `f:name` (a member of a struct or map), `k:{...}` (an item of a
list by its keys), or `v:value` (an item of a list that is a set). A node is in the set when it has no
children or when it has the child `.`:

    {"f:labels": {".": {}, "f:app": {}}, "f:replicas": {}}     labels, labels.app and replicas
    {"f:spec": {"f:replicas": {}}}                             spec.replicas, but not spec itself

Sets are values: no function changes the ones it is given, and results may share parts with them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, TypeAlias

import msgspec

FieldSet: TypeAlias = dict[str, Any]
Path: TypeAlias = tuple[str, ...]

MEMBER: FieldSet = {}
SELF = "."
_SELF_CHILD: dict[str, Any] = {SELF: {}}


def union(a: FieldSet, b: FieldSet) -> FieldSet:
    """Of two roots. (The root itself is never a member, so an empty root is the empty set.)"""
    if not a:
        return b
    if not b:
        return a
    out = dict(a)
    for edge, theirs in b.items():
        mine = out.get(edge)
        out[edge] = theirs if mine is None else _union(mine, theirs)
    return out


def _union(a: FieldSet, b: FieldSet) -> FieldSet:
    if a is b or a == b:
        return a
    if not a:
        return {**_SELF_CHILD, **b}
    if not b:
        return a if SELF in a else {**_SELF_CHILD, **a}
    out = dict(a)
    for edge, theirs in b.items():
        mine = out.get(edge)
        if mine is None:
            out[edge] = theirs
        elif edge != SELF:
            out[edge] = _union(mine, theirs)
    return out


def difference(a: FieldSet, b: FieldSet) -> FieldSet:
    """What is in `a` and not in `b`."""
    if not a or not b:
        return a
    out: FieldSet = {}
    for edge, mine in a.items():
        theirs = b.get(edge)
        left = mine if theirs is None else _difference(mine, theirs)
        if left is not None:
            out[edge] = left
    return out


def _difference(a: FieldSet, b: FieldSet) -> FieldSet | None:
    """None when nothing is left, neither the node nor anything below it."""
    a_member, b_member = not a or SELF in a, not b or SELF in b
    children: FieldSet = {}
    for edge, mine in a.items():
        if edge != SELF:
            theirs = b.get(edge)
            left = mine if theirs is None else _difference(mine, theirs)
            if left is not None:
                children[edge] = left
    if a_member and not b_member:
        return {**_SELF_CHILD, **children} if children else {}
    return children or None


def intersection(a: FieldSet, b: FieldSet) -> FieldSet:
    out: FieldSet = {}
    for edge, mine in a.items():
        theirs = b.get(edge)
        if theirs is not None:
            both = _intersection(mine, theirs)
            if both is not None:
                out[edge] = both
    return out


def _intersection(a: FieldSet, b: FieldSet) -> FieldSet | None:
    if a is b:
        return a
    member = (not a or SELF in a) and (not b or SELF in b)
    children: FieldSet = {}
    for edge, mine in a.items():
        if edge != SELF and (theirs := b.get(edge)) is not None:
            both = _intersection(mine, theirs)
            if both is not None:
                children[edge] = both
    if member:
        return {**_SELF_CHILD, **children} if children else {}
    return children or None


def without_subtree(a: FieldSet, path: Path) -> FieldSet:
    """`a` less everything at and below a path."""
    edge, *rest = path
    node = a.get(edge)
    if node is None:
        return a
    out = dict(a)
    if rest:
        left = without_subtree(node, tuple(rest))
        if left is node:
            return a
        if left and left != _SELF_CHILD:
            out[edge] = left
        elif left:
            out[edge] = {}
        else:
            del out[edge]
    else:
        del out[edge]
    return out


def only_subtree(a: FieldSet, *edges: str) -> FieldSet:
    """The part of a root below the given first edges."""
    return {edge: a[edge] for edge in edges if edge in a}


def paths(a: FieldSet, prefix: Path = ()) -> Iterator[Path]:
    """Every member, parents before children."""
    for edge, node in a.items():
        if edge == SELF:
            continue
        path = (*prefix, edge)
        if not node or SELF in node:
            yield path
        yield from paths(node, path)


def leaves(a: FieldSet, prefix: Path = ()) -> Iterator[Path]:
    """Members without members below them."""
    for edge, node in a.items():
        if edge == SELF:
            continue
        if not node or set(node) == {SELF}:
            yield (*prefix, edge)
        else:
            yield from leaves(node, (*prefix, edge))


def has(a: FieldSet, path: Path) -> bool:
    for edge in path:
        node = a.get(edge)
        if node is None:
            return False
        a = node
    return not a or SELF in a


_encode = msgspec.json.Encoder(order="sorted").encode


def key_edge(keys: dict[str, Any]) -> str:
    """The edge of a list item: its keys, sorted, as compact JSON."""
    return "k:" + _encode(keys).decode()


def value_edge(value: Any) -> str:
    return "v:" + _encode(value).decode()


def show(path: Path) -> str:
    """`.spec.containers[name="web"].image`, as conflicts are told."""
    return "".join(_show(edge) for edge in path)


def _show(edge: str) -> str:
    kind, _, text = edge.partition(":")
    if kind == "f":
        return f".{text}"
    if kind == "v":
        return f"[={text}]"
    keys = json.loads(text)
    shown = ",".join(f"{k}={json.dumps(v, ensure_ascii=False)}" for k, v in sorted(keys.items()))
    return f"[{shown}]"
