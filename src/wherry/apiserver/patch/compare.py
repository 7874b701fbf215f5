"""What an update changed, as field sets (structured-merge-diff `typed/compare.go`).

`compare(before, after, type)` gives what was added, changed and removed. Equal parts are skipped by one
comparison at C speed, so a status patch of a large pod costs what it changes. Missing and null differ:
a null on one side is "there, with nothing in it", which is how upstream keeps stanzas that Go always
writes out of the sets (see `ownership.zero`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from wherry.apiserver.patch import fieldsets
from wherry.apiserver.patch.fieldsets import MEMBER, SELF, FieldSet
from wherry.apiserver.patch.types import Type

_ABSENT: Any = object()


class Changes(NamedTuple):
    added: FieldSet
    modified: FieldSet
    removed: FieldSet

    @property
    def touched(self) -> FieldSet:
        return fieldsets.union(self.added, self.modified)


def compare(before: Any, after: Any, type_: Type) -> Changes:
    """Of two objects (mappings) of one type."""
    changes = Changes({}, {}, {})
    if before != after:
        _members(before, after, type_, changes)
    return changes


def all_fields(value: Any, type_: Type) -> FieldSet:
    """Every node of a value that appeared as a whole: each is a member, intermediate ones too."""
    form = type_.form
    if not value or form in ("scalar", "atomic"):
        return MEMBER
    children: FieldSet = {SELF: {}}
    if isinstance(value, dict):
        for field, child in value.items():
            children[f"f:{field}"] = all_fields(child, type_.child(field))
        return children
    if isinstance(value, list) and form in ("set", "listmap"):
        for edge, item in items(value, type_).items():
            children[edge] = MEMBER if form == "set" else all_fields(item, type_.element or type_)
        return children
    return MEMBER


def items(value: list[Any], type_: Type) -> dict[str, Any]:
    """The items of an associative list by their edges; of items with the same keys the last."""
    if type_.form == "set":
        return {fieldsets.value_edge(item): item for item in value}
    return {item_edge(item, type_): item for item in value}


def item_edge(item: Any, type_: Type) -> str:
    """The edge of an item of a listmap; keys it lacks count as their default, or not at all."""
    defaults = type_.defaults
    keys = {}
    for key in type_.keys:
        found = item.get(key) if isinstance(item, dict) else None
        if found is None:
            found = defaults.get(key)
        if found is not None:
            keys[key] = found
    return fieldsets.key_edge(keys)


def _members(before: Any, after: Any, type_: Type, changes: Changes) -> None:
    """Members of two mappings (either may be None)."""
    before, after = before or {}, after or {}
    for field, new in after.items():
        old = before.get(field, _ABSENT)
        if old is not new and (old is _ABSENT or old != new):
            _node(f"f:{field}", old, new, type_.child(field), changes)
    for field, old in before.items():
        if field not in after:
            changes.removed[f"f:{field}"] = all_fields(old, type_.child(field))


def _node(edge: str, old: Any, new: Any, type_: Type, changes: Changes) -> None:
    if old is _ABSENT:
        changes.added[edge] = all_fields(new, type_)
        return
    below = Changes({}, {}, {})
    if not _descend(old, new, type_, below):
        changes.modified[edge] = MEMBER
        return
    for into, found in zip(changes, below, strict=True):
        if found:
            into[edge] = found


def _descend(old: Any, new: Any, type_: Type, below: Changes) -> bool:
    """Compares what is inside; False when the node is one field (a leaf) and has changed."""
    form = type_.form
    if form in ("scalar", "atomic") or (not old and not new):
        return False
    if form in ("set", "listmap"):
        if not isinstance(old, list | None) or not isinstance(new, list | None):
            return False
        _list_items(old or [], new or [], type_, below)
        return True
    if not isinstance(old, dict | None) or not isinstance(new, dict | None):
        return False
    _members(old, new, type_, below)
    return True


def _list_items(old: list[Any], new: list[Any], type_: Type, changes: Changes) -> None:
    before, after = items(old, type_), items(new, type_)
    element = type_.element or type_
    for edge, item in after.items():
        if edge not in before:
            changes.added[edge] = MEMBER if type_.form == "set" else all_fields(item, element)
        elif type_.form == "listmap" and before[edge] != item:
            _node(edge, before[edge], item, element, changes)
    for edge, item in before.items():
        if edge not in after:
            changes.removed[edge] = MEMBER if type_.form == "set" else all_fields(item, element)
