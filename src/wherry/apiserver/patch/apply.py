"""Server-side apply, as a pure function of what is there, what is applied and who owns what
(structured-merge-diff `merge/update.go`).

A manager's configuration is laid over the live object. What it set last time and does not any more goes,
unless somebody else owns it. What it would change of another manager's is a conflict, or, with force,
becomes its own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from wherry.apiserver.patch import fieldsets, typedvalue
from wherry.apiserver.patch.compare import compare
from wherry.apiserver.patch.fieldsets import FieldSet, Path
from wherry.apiserver.patch.types import Type


@dataclass(frozen=True, slots=True)
class Manager:
    """One entry of managedFields. `key` tells entries apart."""

    key: str
    fields: FieldSet


@dataclass(frozen=True, slots=True)
class Conflict:
    key: str
    path: Path


class Conflicts(Exception):
    def __init__(self, found: list[Conflict]) -> None:
        super().__init__(f"{len(found)} conflicts")
        self.found = found


@dataclass(frozen=True, slots=True)
class Applied:
    value: dict[str, Any]
    managers: list[Manager]


def apply(
    live: dict[str, Any],
    config: dict[str, Any],
    type_: Type,
    managers: list[Manager],
    who: str,
    *,
    force: bool = False,
) -> Applied:
    """Raises Conflicts, and TypedError for a configuration whose lists make no sense."""
    fields = typedvalue.field_set(config, type_)
    merged = typedvalue.merge(live, config, type_)
    last: FieldSet = {}
    kept: list[Manager] = []
    for manager in managers:
        if manager.key == who:
            last = manager.fields
        else:
            kept.append(manager)
    everyone = [*kept, Manager(who, fields)]
    value = typedvalue.without_nulls(_pruned(merged, everyone, last, type_))
    changes = compare(live, value, type_)
    conflicts = _conflicts(kept, changes.touched)
    if conflicts and not force:
        raise Conflicts(conflicts)
    lost = fieldsets.union(changes.touched, changes.removed)
    settled = [replace(m, fields=fieldsets.difference(m.fields, lost)) for m in kept]
    settled.append(Manager(who, fields))
    return Applied(value, [m for m in settled if m.fields])


def _conflicts(managers: list[Manager], touched: FieldSet) -> list[Conflict]:
    found: list[Conflict] = []
    for manager in managers:
        both = fieldsets.intersection(manager.fields, touched)
        found += [Conflict(manager.key, path) for path in fieldsets.paths(both)]
    return found


def _pruned(merged: dict[str, Any], managers: list[Manager], last: FieldSet, type_: Type) -> dict[str, Any]:
    """What this manager set last time and now does not, taken out, but not what another manager has,
    nor what was never its own."""
    if not last:
        return merged
    named = typedvalue.with_named_fields
    last = named(last, type_)
    pruned = typedvalue.remove(merged, last, type_)
    all_merged = named(typedvalue.field_set(merged, type_), type_)
    owned: FieldSet = {}
    for manager in managers:
        owned = fieldsets.union(owned, manager.fields)
    left = named(typedvalue.field_set(pruned or {}, type_), type_)
    keep = fieldsets.union(left, named(owned, type_))
    pruned = typedvalue.remove(merged, fieldsets.difference(all_merged, keep), type_)
    left = named(typedvalue.field_set(pruned or {}, type_), type_)
    gone = fieldsets.intersection(fieldsets.difference(all_merged, left), last)
    found: dict[str, Any] = typedvalue.remove(merged, gone, type_) or {}
    return found
