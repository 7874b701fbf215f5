"""The ReplicaSets of one Deployment as a plan leaves them, before anything is written.

The steps of a plan (rolling, recreate, scaling, clean-up) change the draft; later steps see what
earlier ones decided; `changes` is the difference to what was there. Nothing here does I/O.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from wherry.api.schema import Obj, convert, struct_type, to_obj
from wherry.controllers.deployment import revisions, sizes

PLANNED = ""
"""The uid of a ReplicaSet that is still to be created."""


@dataclass(frozen=True, slots=True)
class Change:
    before: Any
    after: Any


class Draft:
    def __init__(self, deployment: Any, replica_sets: list[Any], now: float) -> None:
        self.deployment = deployment
        self.now = now
        self.create: Obj | None = None
        self.remove: list[Any] = []
        self.conditions: list[Obj] = [to_obj(c) for c in deployment.status.conditions]
        self.revision = ""
        new = revisions.find_new(deployment, replica_sets)
        self._new_uid: str | None = None if new is None else new.metadata.uid
        self._before = {one.metadata.uid: one for one in revisions.oldest_first(replica_sets)}
        self._after = dict(self._before)
        self._sync_new()

    @property
    def new(self) -> Any | None:
        """The ReplicaSet of the current template."""
        return None if self._new_uid is None else self._after[self._new_uid]

    @property
    def old(self) -> list[Any]:
        """The others, oldest first."""
        return [one for uid, one in self._after.items() if uid != self._new_uid]

    @property
    def all(self) -> list[Any]:
        return list(self._after.values())

    @property
    def active(self) -> list[Any]:
        return [one for one in self.all if sizes.replicas(one) > 0]

    @property
    def active_old(self) -> list[Any]:
        return [one for one in self.old if sizes.replicas(one) > 0]

    def changes(self) -> tuple[Change, ...]:
        pairs = ((self._before[uid], self._after[uid]) for uid in self._before)
        return tuple(Change(before, after) for before, after in pairs if before is not after)

    def resize(self, replica_set: Any, count: int, *, always: bool = False) -> bool:
        """Sets the size, and with it the annotations that tell the Deployment's size. `always`: the
        annotations also when the size stays. True when the size changes."""
        current = self._after[replica_set.metadata.uid]
        resized = sizes.replicas(current) != count
        if resized or always:
            told = {**current.metadata.annotations, **revisions.size_annotations(self.deployment)}
            self._replace(current, annotations=told, replicas=count)
        return resized

    def create_new(self) -> None:
        """Plans the ReplicaSet of the current template, as large as there is room for."""
        count = sizes.new_size(self.deployment, self.all, 0)
        number = revisions.next_revision(self.old)
        self.create = revisions.new_replica_set(self.deployment, count, number)
        planned = convert(struct_type("apps/v1", "ReplicaSet"), self.create)
        metadata = msgspec.structs.replace(planned.metadata, uid=PLANNED)
        self._after[PLANNED] = msgspec.structs.replace(planned, metadata=metadata)
        self._new_uid = PLANNED
        self.revision = str(number)

    def _sync_new(self) -> None:
        """Brings an existing ReplicaSet of the current template up to date: annotations, revision
        (a rollback makes it the latest again), minReadySeconds."""
        new = self.new
        if new is None:
            return
        existing = new.metadata.annotations
        told = revisions.annotations_of_new(self.deployment, existing, revisions.next_revision(self.old))
        ready_seconds = self.deployment.spec.minReadySeconds or 0
        if told != existing or (new.spec.minReadySeconds or 0) != ready_seconds:
            self._replace(new, annotations=told, minReadySeconds=ready_seconds)
        self.revision = told.get(revisions.REVISION, "")

    def _replace(self, replica_set: Any, *, annotations: dict[str, str], **spec: Any) -> None:
        replace = msgspec.structs.replace
        metadata = replace(replica_set.metadata, annotations=annotations)
        after = replace(replica_set, metadata=metadata, spec=replace(replica_set.spec, **spec))
        if after != replica_set:
            self._after[replica_set.metadata.uid] = after
