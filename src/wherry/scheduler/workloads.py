"""Which pods belong together when nobody says so: the selector of default topology spreading.

A pod is spread with the pods that its Services select, and with those of the ReplicaSet,
ReplicationController or StatefulSet that owns it (upstream's helper.DefaultSelector).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from wherry.api.selectors import Requirement, Selector, from_label_selector

_REMEMBERED = 4096


class Lister(Protocol):
    """The part of an informer that is used here."""

    def get(self, name: str, namespace: str = "") -> Any | None: ...

    def list(self, namespace: str | None = None) -> list[Any]: ...


class Workloads:
    """`changed` must be called when a Service or an owner changes: answers are kept until then."""

    def __init__(self, services: Lister, owners: Mapping[str, Lister]) -> None:
        """`owners` by kind: ReplicaSet, StatefulSet, ReplicationController."""
        self._services = services
        self._owners = owners
        self._known: dict[tuple[str, frozenset[tuple[str, str]], str, str], Selector | None] = {}

    def changed(self) -> None:
        self._known.clear()

    def selector_of(self, pod: Any) -> Selector | None:
        meta = pod.metadata
        owner = next((o for o in meta.ownerReferences if o.controller), None)
        kind, name = (owner.kind, owner.name) if owner is not None else ("", "")
        case = (meta.namespace, frozenset(meta.labels.items()), kind, name)
        if case not in self._known:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[case] = self._selector(meta.namespace, meta.labels, kind, name)
        return self._known[case]

    def _selector(self, namespace: str, labels: Mapping[str, str], kind: str, name: str) -> Selector | None:
        exact: dict[str, str] = {}
        for service in self._services.list(namespace):
            wanted = service.spec.selector
            if wanted and all(labels.get(k) == v for k, v in wanted.items()):
                exact |= wanted
        found = [Requirement(k, "=", (v,)) for k, v in sorted(exact.items())]
        lister = self._owners.get(kind)
        owner = lister.get(name, namespace) if lister is not None else None
        if owner is not None:
            stated = owner.spec.selector
            plain = {"matchLabels": stated} if isinstance(stated, dict) else stated
            found += from_label_selector(plain).requirements
        return Selector(tuple(found)) if found else None
