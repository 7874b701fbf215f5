"""Who owns whom, as far as the informers have told; which objects to look at after an event. Pure.

    rs "web-1" (uid 7)  <--owner reference uid 7--  pod "web-1-x"
    rs deleted          ->  look at the pod: has it an owner left?

The graph is only a hint. What it calls absent is asked for from the API server before anything is
deleted (collector.py). Owners that were never seen need no node: dependents are filed under the uid
they name. Follows upstream's `graph_builder.go`, with its virtual nodes left out for that reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from wherry.api.scheme import Resource

FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"


class Owner(NamedTuple):
    uid: str
    api_version: str
    kind: str
    name: str
    blocks: bool


@dataclass(slots=True, eq=False)
class Node:
    uid: str
    resource: Resource
    namespace: str
    name: str
    owners: tuple[Owner, ...]
    deleting: bool
    foreground: bool
    """Being deleted, and waiting for its dependents to go first."""

    orphaning: bool


@dataclass(frozen=True, slots=True)
class Work:
    """Uids to look at: may they be deleted; are their dependents to be let go."""

    examine: tuple[str, ...] = ()
    orphan: tuple[str, ...] = ()


_NOTHING = Work()


class Graph:
    def __init__(self) -> None:
        self._nodes: dict[str, Node] = {}
        self._dependents: dict[str, dict[str, None]] = {}

    def __len__(self) -> int:
        return len(self._nodes)

    def get(self, uid: str) -> Node | None:
        return self._nodes.get(uid)

    def dependents(self, uid: str) -> list[Node]:
        return [self._nodes[dependent] for dependent in self._dependents.get(uid, ())]

    def blockers(self, uid: str) -> list[Node]:
        """Dependents that must be gone before a foreground deletion of `uid` ends."""
        found = self.dependents(uid)
        return [node for node in found if any(o.uid == uid and o.blocks for o in node.owners)]

    def put(self, resource: Resource, obj: Any) -> Work:
        """An object was added or changed (its metadata is all that is read)."""
        node = node_of(resource, obj)
        old = self._nodes.get(node.uid)
        self._nodes[node.uid] = node
        if old is None or old.owners != node.owners:
            self._refile(node, () if old is None else old.owners)
        examine: list[str] = []
        if node.owners and (old is None or old.owners != node.owners) and self._is_doubtful(node):
            examine.append(node.uid)
        if node.foreground and not (old is not None and old.foreground):
            examine += [node.uid, *self._dependents.get(node.uid, ())]
        if old is not None and _unblocked(old.owners, node.owners):
            examine += [owner.uid for owner in old.owners if self._awaits_dependents(owner.uid)]
        orphan = node.orphaning and not (old is not None and old.orphaning)
        return Work(tuple(dict.fromkeys(examine)), (node.uid,) if orphan else ())

    def remove(self, uid: str) -> Work:
        """An object is gone."""
        node = self._nodes.pop(uid, None)
        if node is None:
            return _NOTHING
        self._unfile(uid, node.owners)
        waiting = [owner.uid for owner in node.owners if self._awaits_dependents(owner.uid)]
        return Work((*self._dependents.get(uid, ()), *waiting))

    def doubtful(self) -> Iterator[str]:
        """All that have an owner that is not there, or is going."""
        return (node.uid for node in self._nodes.values() if node.owners and self._is_doubtful(node))

    def is_solid(self, node: Node, owner: Owner) -> bool:
        """The owner is there, is what the reference says, and is not waiting for its dependents."""
        found = self._nodes.get(owner.uid)
        return found is not None and not found.foreground and is_named_by(found, owner, node.namespace)

    def _is_doubtful(self, node: Node) -> bool:
        return not all(self.is_solid(node, owner) for owner in node.owners)

    def _awaits_dependents(self, uid: str) -> bool:
        found = self._nodes.get(uid)
        return found is not None and found.foreground

    def _refile(self, node: Node, before: Iterable[Owner]) -> None:
        self._unfile(node.uid, before)
        for owner in node.owners:
            self._dependents.setdefault(owner.uid, {})[node.uid] = None

    def _unfile(self, uid: str, owners: Iterable[Owner]) -> None:
        for owner in owners:
            filed = self._dependents.get(owner.uid)
            if filed is not None:
                filed.pop(uid, None)
                if not filed:
                    del self._dependents[owner.uid]


def is_named_by(node: Node, owner: Owner, namespace: str) -> bool:
    """The reference, made by an object in `namespace`, says truly what `node` is. References cannot
    name an object of another namespace: what they mean is then not there."""
    group = owner.api_version.rpartition("/")[0]
    same = (node.resource.group, node.resource.kind, node.name) == (group, owner.kind, owner.name)
    return same and node.namespace in ("", namespace)


def _unblocked(before: tuple[Owner, ...], after: tuple[Owner, ...]) -> bool:
    """A reference that blocked its owner's deletion does so no more."""
    now = {owner.uid for owner in after if owner.blocks}
    return any(owner.blocks and owner.uid not in now for owner in before)


def node_of(resource: Resource, obj: Any) -> Node:
    if isinstance(obj, dict):
        return _node_of_plain(resource, obj["metadata"])
    meta = obj.metadata
    deleting = meta.deletionTimestamp is not None
    return Node(
        uid=meta.uid,
        resource=resource,
        namespace=meta.namespace or "",
        name=meta.name,
        owners=tuple(
            Owner(o.uid, o.apiVersion, o.kind, o.name, bool(o.blockOwnerDeletion))
            for o in meta.ownerReferences
        ),
        deleting=deleting,
        foreground=deleting and FOREGROUND in meta.finalizers,
        orphaning=deleting and ORPHAN in meta.finalizers,
    )


def _node_of_plain(resource: Resource, meta: dict[str, Any]) -> Node:
    deleting = bool(meta.get("deletionTimestamp"))
    finalizers = meta.get("finalizers") or ()
    return Node(
        uid=meta["uid"],
        resource=resource,
        namespace=meta.get("namespace") or "",
        name=meta["name"],
        owners=tuple(
            Owner(o["uid"], o["apiVersion"], o["kind"], o["name"], bool(o.get("blockOwnerDeletion")))
            for o in meta.get("ownerReferences") or ()
        ),
        deleting=deleting,
        foreground=deleting and FOREGROUND in finalizers,
        orphaning=deleting and ORPHAN in finalizers,
    )
