"""Rolling update: never fewer available pods than wanted, never more pods than allowed.

Each look does one thing: grow the new ReplicaSet into the room there is, or else shrink old ones by
as many pods as may be missing, those that are not available first.
Follows upstream's `pkg/controller/deployment/rolling.go`.
"""

from __future__ import annotations

from wherry.controllers.deployment import sizes
from wherry.controllers.deployment.draft import Draft


def roll(draft: Draft) -> None:
    if draft.new is None:
        draft.create_new()
    if not _grow(draft):
        _shrink(draft)


def _grow(draft: Draft) -> bool:
    """Brings the new ReplicaSet nearer to the wanted size; True when that changed it."""
    new, target = draft.new, sizes.wanted(draft.deployment)
    current = sizes.replicas(new)
    if current == target:
        return False
    if current > target:
        return draft.resize(new, target)
    return draft.resize(new, sizes.new_size(draft.deployment, draft.all, current))


def _shrink(draft: Draft) -> None:
    if not draft.active_old:
        return
    new = draft.new
    assert new is not None
    needed = sizes.wanted(draft.deployment) - sizes.max_unavailable(draft.deployment)
    new_unavailable = sizes.replicas(new) - (new.status.availableReplicas or 0)
    spare = sizes.total_replicas(draft.all) - needed - new_unavailable
    if spare > 0:
        _drop_unavailable(draft, spare)
        _drop_available(draft, sizes.available(draft.all) - needed)


def _drop_unavailable(draft: Draft, spare: int) -> None:
    """Pods that serve nobody go first: they may be what the rollout is to mend."""
    for one in draft.active_old:
        size = sizes.replicas(one)
        count = min(spare, size - (one.status.availableReplicas or 0))
        if count > 0:
            draft.resize(one, size - count)
            spare -= count


def _drop_available(draft: Draft, spare: int) -> None:
    for one in draft.active_old:
        size = sizes.replicas(one)
        count = min(spare, size)
        if count > 0:
            draft.resize(one, size - count)
            spare -= count
