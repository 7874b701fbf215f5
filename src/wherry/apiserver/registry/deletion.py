"""When and how an object goes: pure decisions (upstream registry/rest/delete.go and generic store.go).

A delete request either removes the object at once, marks it (deletionTimestamp, finalizers) and lets
whoever watches finish the job, or finds that it is on its way already.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from wherry.api.schema import Obj
from wherry.apiserver.registry.options import DeleteOptions
from wherry.apiserver.registry.served import Served
from wherry.apiserver.registry.strategy import Strategy
from wherry.clock import parse_rfc3339, rfc3339

ORPHAN, FOREGROUND = "orphan", "foregroundDeletion"


def ends_with(served: Served, new: Obj, old: Obj) -> bool:
    """Whether an update lets go of the last thing that kept a deleted object (ShouldDeleteDuringUpdate)."""
    metadata, before = new["metadata"], old["metadata"]
    if metadata.get("finalizers") or not before.get("deletionTimestamp"):
        return False
    if served.resource.group_resource == "namespaces" and (new.get("spec") or {}).get("finalizers"):
        return False
    return not before.get("deletionGracePeriodSeconds")


@dataclass(frozen=True, slots=True)
class Decision:
    """`mark` writes `obj` and keeps it; `remove` takes the object away; `pending` changes nothing."""

    action: Literal["mark", "remove", "pending"]
    obj: Obj


def decide(served: Served, obj: Obj, options: DeleteOptions, now: float) -> Decision:
    """`obj` is the caller's copy of the current state and may be changed."""
    if served.resource.group_resource == "namespaces":
        return _namespace(served, obj, options, now)
    strategy, metadata = served.strategy, obj["metadata"]
    graceful = _graceful(strategy, obj, options, now)
    if graceful == "pending":
        return Decision("pending", obj)
    finalizers = wanted_finalizers(strategy, metadata, options)
    set_finalizers(metadata, finalizers)
    if graceful == "mark":
        return Decision("mark", obj)
    if finalizers:
        _mark(metadata, now)
        return Decision("mark", obj)
    return Decision("remove", obj)


def _graceful(
    strategy: Strategy, obj: Obj, options: DeleteOptions, now: float
) -> Literal["mark", "remove", "pending"]:
    """`rest.BeforeDelete`: only kinds that know graceful deletion wait by themselves."""
    if strategy.graceful is None:
        return "remove"
    metadata, asked = obj["metadata"], options.gracePeriodSeconds
    if metadata.get("deletionTimestamp"):
        period = metadata.get("deletionGracePeriodSeconds") or 0
        if not period:
            return "remove"
        if asked is None or asked >= period:
            return "pending"
        # Only a shorter wait may be asked for, counted from the same moment.
        begun = parse_rfc3339(metadata["deletionTimestamp"]) - period
        seconds = strategy.graceful(obj, asked)
    else:
        begun = now
        seconds = strategy.graceful(obj, asked)
        if metadata.get("generation"):
            metadata["generation"] += 1
    metadata["deletionTimestamp"] = rfc3339(begun + seconds)
    metadata["deletionGracePeriodSeconds"] = seconds
    return "mark" if seconds else "remove"


def _mark(metadata: Obj, now: float) -> None:
    """Deleted, but for the finalizers (`markAsDeleting`)."""
    if not metadata.get("deletionTimestamp"):
        metadata["deletionTimestamp"] = rfc3339(now)
        if metadata.get("generation"):
            metadata["generation"] += 1
    metadata["deletionGracePeriodSeconds"] = 0


def wanted_finalizers(strategy: Strategy, metadata: Obj, options: DeleteOptions) -> list[str]:
    """The finalizers with those of the garbage collector as the options, or the kind, ask for."""
    have = metadata.get("finalizers") or []
    orphan, foreground = _policy(strategy, have, options)
    kept = [f for f in have if f not in (ORPHAN, FOREGROUND)]
    wanted = kept + [ORPHAN] * orphan + [FOREGROUND] * foreground
    return have if set(wanted) == set(have) else wanted


def _policy(strategy: Strategy, have: list[str], options: DeleteOptions) -> tuple[bool, bool]:
    policy = options.propagationPolicy
    if options.orphanDependents is not None:
        return options.orphanDependents, False
    if policy is not None:
        return policy == "Orphan", policy == "Foreground"
    if ORPHAN in have or FOREGROUND in have:
        return ORPHAN in have, ORPHAN not in have
    return strategy.default_propagation == "orphan", False


def set_finalizers(metadata: Obj, finalizers: list[str]) -> None:
    if finalizers:
        metadata["finalizers"] = finalizers
    else:
        metadata.pop("finalizers", None)


def _namespace(served: Served, obj: Obj, options: DeleteOptions, now: float) -> Decision:
    """A namespace goes when its content has: the first request marks it Terminating, the namespace
    controller empties it and takes its finalizer from `spec`."""
    metadata = obj["metadata"]
    if not metadata.get("deletionTimestamp"):
        metadata["deletionTimestamp"] = rfc3339(now)
        obj.setdefault("status", {})["phase"] = "Terminating"
        set_finalizers(metadata, wanted_finalizers(served.strategy, metadata, options))
        return Decision("mark", obj)
    if (obj.get("spec") or {}).get("finalizers"):
        return Decision("pending", obj)
    finalizers = metadata.get("finalizers") or []
    return Decision("pending", obj) if finalizers else Decision("remove", obj)
