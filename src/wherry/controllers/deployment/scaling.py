"""A change of `spec.replicas`, told apart from a rollout, and spread over the ReplicaSets there are.

In the middle of a rollout every active ReplicaSet grows or shrinks in proportion to its size, so that
a risk taken with a part of the pods stays that part. Follows upstream's `deployment/sync.go`.
"""

from __future__ import annotations

from typing import Any

from wherry.controllers import pods
from wherry.controllers.deployment import revisions, sizes
from wherry.controllers.deployment.draft import Draft


def is_scaling(draft: Draft) -> bool:
    """An active ReplicaSet was last sized for another `spec.replicas`."""
    target = str(sizes.wanted(draft.deployment))
    told = (one.metadata.annotations.get(revisions.DESIRED) for one in draft.active)
    return any(text is not None and text != target for text in told)


def scale(draft: Draft) -> None:
    target = sizes.wanted(draft.deployment)
    alone = _only_active_or_latest(draft)
    if alone is not None:
        draft.resize(alone, target)
    elif _is_saturated(draft):
        for one in draft.active_old:
            draft.resize(one, 0)
    elif sizes.is_rolling(draft.deployment):
        _spread(draft)


def _only_active_or_latest(draft: Draft) -> Any | None:
    active = draft.active
    if len(active) == 1:
        return active[0]
    if active or not draft.all:
        return None
    return draft.new if draft.new is not None else draft.old[-1]


def _is_saturated(draft: Draft) -> bool:
    new, target = draft.new, sizes.wanted(draft.deployment)
    return (
        new is not None
        and sizes.replicas(new) == target
        and new.metadata.annotations.get(revisions.DESIRED) == str(target)
        and (new.status.availableReplicas or 0) == target
    )


def _spread(draft: Draft) -> None:
    target = sizes.wanted(draft.deployment)
    allowed = target + sizes.max_surge(draft.deployment) if target > 0 else 0
    to_add = allowed - sizes.total_replicas(draft.active)
    ordered = sorted(draft.active, key=lambda one: (-sizes.replicas(one), _age_key(one, to_add)))
    planned = [sizes.replicas(one) for one in ordered]
    added = 0
    for index, one in enumerate(ordered):
        if to_add != 0:
            share = _share(draft.deployment, one, to_add, added)
            planned[index] += share
            added += share
    if planned and to_add != 0:
        planned[0] = max(0, planned[0] + to_add - added)
    for one, count in zip(ordered, planned, strict=True):
        draft.resize(one, count, always=True)


def _age_key(replica_set: Any, to_add: int) -> tuple[float, str]:
    """Among ReplicaSets of one size growth goes to the newer ones first, shrinking to the older."""
    sign = -1 if to_add > 0 else 1
    return sign * pods.created(replica_set), replica_set.metadata.name


def _share(deployment: Any, replica_set: Any, to_add: int, added: int) -> int:
    """What of `to_add` this ReplicaSet gets (GetReplicaSetProportion)."""
    left = to_add - added
    if left == 0:
        return 0
    fraction = _fraction(deployment, replica_set)
    return min(fraction, left) if to_add > 0 else max(fraction, left)


def _fraction(deployment: Any, replica_set: Any) -> int:
    size, target = sizes.replicas(replica_set), sizes.wanted(deployment)
    if target == 0:
        return -size
    text = replica_set.metadata.annotations.get(revisions.MAXIMUM, "")
    before = int(text) if text.isdecimal() and int(text) > 0 else deployment.status.replicas or 0
    if before == 0:
        return 0
    exact = size * (target + sizes.max_surge(deployment)) / before
    return int(exact + 0.5) - size
