"""What a controller has asked for and not yet seen in its informer.

An informer lags behind the API: a ReplicaSet that has just made three pods would, asked again at once,
see none and make three more. So before it writes, a controller notes what it expects to see, and does
not create or delete for that key until it has seen it, or until the note is too old to be believed
(an event may have been lost, a pod may have been made and deleted between two looks).

    expect_creations("ns/web", 3) ... added, added, added   -> satisfied
    expect_deletions("ns/web", {uid}) ... terminating(uid)   -> satisfied

Follows upstream's `ControllerExpectations` (`pkg/controller/controller_utils.go`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from wherry.api.scheme import Resource
from wherry.controllers.ownership import owner_key

TIMEOUT = 300.0


@dataclass(slots=True)
class _Note:
    since: float
    creations: int = 0
    deletions: set[str] = field(default_factory=set)


class Expectations:
    def __init__(self, timeout: float = TIMEOUT) -> None:
        self._timeout = timeout
        self._notes: dict[str, _Note] = {}

    def expect_creations(self, key: str, count: int) -> None:
        self._notes[key] = _Note(_now(), creations=count)

    def expect_deletions(self, key: str, uids: Iterable[str]) -> None:
        self._notes[key] = _Note(_now(), deletions=set(uids))

    def creation_seen(self, key: str) -> None:
        """Also for a creation that failed: it will not be seen."""
        note = self._notes.get(key)
        if note is not None and note.creations > 0:
            note.creations -= 1

    def deletion_seen(self, key: str, uid: str) -> None:
        note = self._notes.get(key)
        if note is not None:
            note.deletions.discard(uid)

    def observer(self, owners: Resource) -> Callable[[str, Any, Any], None]:
        """An informer's handler that strikes off what it sees of the pods that `owners` control."""

        def observe(event: str, old: Any, new: Any) -> None:
            pod = old if new is None else new
            key = owner_key(pod, owners)
            if key is None:
                return
            if event == "added":
                self.creation_seen(key)
            if event == "deleted" or pod.metadata.deletionTimestamp is not None:
                self.deletion_seen(key, pod.metadata.uid)

        return observe

    def satisfied(self, key: str) -> bool:
        note = self._notes.get(key)
        if note is None or (note.creations == 0 and not note.deletions):
            return True
        return _now() - note.since > self._timeout

    def forget(self, key: str) -> None:
        self._notes.pop(key, None)


def _now() -> float:
    return asyncio.get_running_loop().time()
