"""Recreate: all old pods go, and are gone, before the first new one comes."""

from __future__ import annotations

from wherry.controllers.deployment import sizes
from wherry.controllers.deployment.draft import Draft


def roll(draft: Draft, old_pods_running: bool) -> None:
    """`old_pods_running`: a pod of an old ReplicaSet is still there, be it terminating."""
    shrunk = [draft.resize(one, 0) for one in draft.active_old]
    if shrunk or old_pods_running or sizes.actual(draft.old) > 0:
        return
    if draft.new is None:
        draft.create_new()
    else:
        draft.resize(draft.new, sizes.wanted(draft.deployment))
