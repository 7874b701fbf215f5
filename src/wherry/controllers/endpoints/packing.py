"""Endpoints into slices: at most so many in each, and as few writes as possible.

    slices [a b c] [d], wanted a c d e   ->   write [a c e], leave [d]

Endpoints stay in the slice they are in; what is new fills slices that are written anyway, then the
fullest one that has room for the rest, then new ones. Pure. Follows upstream's
`reconcileByPortMapping` (`staging/src/k8s.io/endpointslice/reconciler.go`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from wherry.api.schema import Obj


@dataclass(slots=True)
class Slice:
    """An existing slice, as plain values."""

    name: str
    endpoints: list[Obj]


@dataclass(slots=True)
class Packing:
    create: list[list[Obj]] = field(default_factory=list)
    update: dict[str, list[Obj]] = field(default_factory=dict)
    delete: list[str] = field(default_factory=list)


def identity(endpoint: Obj) -> str:
    """What makes an endpoint the same one: whose it is and where."""
    return json.dumps([endpoint.get("targetRef"), endpoint["addresses"]], sort_keys=True)


def pack(existing: Sequence[Slice], wanted: Iterable[Obj], limit: int) -> Packing:
    missing = {identity(one): one for one in wanted}
    result = Packing()
    kept: dict[str, list[Obj]] = {}
    for slice_ in existing:
        stays = [missing.pop(key) for key in map(identity, slice_.endpoints) if key in missing]
        kept[slice_.name] = stays
        if not stays:
            result.delete.append(slice_.name)
        elif stays != slice_.endpoints:
            result.update[slice_.name] = stays
    new = list(missing.values())
    for stays in result.update.values():
        room = max(0, limit - len(stays))
        stays += new[:room]
        new = new[room:]
    while len(new) >= limit:
        result.create.append(new[:limit])
        new = new[limit:]
    if new:
        _place_rest(kept, new, limit, result)
    return result


def _place_rest(kept: dict[str, list[Obj]], new: list[Obj], limit: int, result: Packing) -> None:
    untouched = [name for name, stays in kept.items() if stays and name not in result.update]
    fitting = [name for name in untouched if len(kept[name]) + len(new) <= limit]
    if fitting:
        fullest = max(fitting, key=lambda name: len(kept[name]))
        result.update[fullest] = kept[fullest] + new
    elif result.delete:
        result.update[result.delete.pop(0)] = new
    else:
        result.create.append(new)
