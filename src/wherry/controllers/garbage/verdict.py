"""What is to become of an object, given what its owners turned out to be. Pure.

Follows `attemptToDeleteItem` of upstream's `garbagecollector.go`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from wherry.controllers.garbage.graph import FOREGROUND, ORPHAN, Owner

OwnerState = Literal["solid", "absent", "waiting"]
"""There; not there; being deleted in the foreground, so waiting for its dependents to go."""


@dataclass(frozen=True, slots=True)
class Keep:
    """Leave it, or only take off references to owners that are no longer owners."""

    drop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Delete:
    policy: Literal["Orphan", "Foreground", "Background"]


def verdict(
    owners: tuple[Owner, ...],
    states: dict[str, OwnerState],
    finalizers: tuple[str, ...],
    has_dependents: bool,
) -> Keep | Delete:
    """`owners` are those of the live object, `states` what each of their uids is."""
    if not owners:
        return Keep()
    found = [(owner.uid, states[owner.uid]) for owner in owners]
    if any(state == "solid" for _, state in found):
        return Keep(tuple(uid for uid, state in found if state != "solid"))
    if has_dependents and any(state == "waiting" for _, state in found):
        return Delete("Foreground")
    if ORPHAN in finalizers:
        return Delete("Orphan")
    return Delete("Foreground" if FOREGROUND in finalizers else "Background")
