"""What is known of a node's health, and the conditions and taints that follow. Pure.

A node is heard from when its Lease is renewed or the heartbeat of a condition moves. Times are the
controller's own: when it saw the change, not when the node says it happened, so that clocks may
differ. Follows upstream's `pkg/controller/nodelifecycle`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from wherry.api.schema import Obj
from wherry.clock import rfc3339

NOT_READY = "node.kubernetes.io/not-ready"
UNREACHABLE = "node.kubernetes.io/unreachable"
UNSCHEDULABLE = "node.kubernetes.io/unschedulable"

_PRESSURES = (
    ("MemoryPressure", "node.kubernetes.io/memory-pressure"),
    ("DiskPressure", "node.kubernetes.io/disk-pressure"),
    ("PIDPressure", "node.kubernetes.io/pid-pressure"),
    ("NetworkUnavailable", "node.kubernetes.io/network-unavailable"),
)
_WATCHED = ("Ready", "MemoryPressure", "DiskPressure", "PIDPressure")
_BY_READY = {"False": NOT_READY, "Unknown": UNREACHABLE}
_OURS = frozenset({NOT_READY, UNREACHABLE, UNSCHEDULABLE, *(key for _, key in _PRESSURES)})


@dataclass(slots=True)
class Heard:
    """When a node was last heard from, and what it said then."""

    at: float
    heartbeat: str = ""
    renewed: str = ""

    def listen(self, heartbeat: str, renewed: str, now: float) -> None:
        if heartbeat != self.heartbeat or renewed != self.renewed:
            self.at, self.heartbeat, self.renewed = now, heartbeat, renewed


def ready_status(node: Any) -> str:
    """True, False, Unknown; empty when the node never said."""
    return next((c.status or "" for c in node.status.conditions if c.type == "Ready"), "")


def heartbeat(node: Any) -> str:
    """What changes when the kubelet writes the node's status."""
    found = next((c for c in node.status.conditions if c.type == "Ready"), None)
    return "" if found is None else f"{found.status} {found.lastHeartbeatTime}"


def unknown_conditions(node: Any, now: float) -> list[Obj]:
    """The conditions to write for a node that was not heard from, empty when it has them."""
    found: list[Obj] = []
    known = {c.type: c for c in node.status.conditions}
    for type_ in _WATCHED:
        old = known.get(type_)
        if old is None:
            found.append(
                {
                    "type": type_,
                    "status": "Unknown",
                    "reason": "NodeStatusNeverUpdated",
                    "message": "Kubelet never posted node status.",
                    "lastHeartbeatTime": node.metadata.creationTimestamp,
                    "lastTransitionTime": rfc3339(now),
                }
            )
        elif old.status != "Unknown":
            found.append(
                {
                    "type": type_,
                    "status": "Unknown",
                    "reason": "NodeStatusUnknown",
                    "message": "Kubelet stopped posting node status.",
                    "lastTransitionTime": rfc3339(now),
                }
            )
    return found


def no_schedule_keys(node: Any) -> list[str]:
    """The keys of the NoSchedule taints that the node's state asks for."""
    keys = [_BY_READY[ready_status(node)]] if ready_status(node) in _BY_READY else []
    true = {c.type for c in node.status.conditions if c.status == "True"}
    keys += [key for type_, key in _PRESSURES if type_ in true]
    return [*keys, UNSCHEDULABLE] if node.spec.unschedulable else keys


def no_execute_key(node: Any) -> str:
    """The key of the NoExecute taint that the node's state asks for; empty: none."""
    return _BY_READY.get(ready_status(node), "")


def taints(node: Any, execute: str, now: float) -> list[Obj] | None:
    """The node's taints with ours brought up to date, None when they are already. `execute` is the
    key of the NoExecute taint that the node may have at this time."""
    wanted = [(key, "NoSchedule") for key in no_schedule_keys(node)]
    if execute:
        wanted.append((execute, "NoExecute"))
    have = [(taint.key, taint.effect) for taint in node.spec.taints]
    kept = [t for t in node.spec.taints if not _is_ours(t) or (t.key, t.effect) in wanted]
    missing = [pair for pair in wanted if pair not in have]
    if not missing and len(kept) == len(have):
        return None
    made: list[Obj] = [_plain(taint) for taint in kept]
    return made + [{"key": key, "effect": effect, "timeAdded": rfc3339(now)} for key, effect in missing]


def is_marked(node: Any) -> bool:
    """The node has a NoExecute taint for its silence already."""
    return any(taint.effect == "NoExecute" and _is_ours(taint) for taint in node.spec.taints)


def _is_ours(taint: Any) -> bool:
    if taint.effect == "NoExecute":
        return taint.key in (NOT_READY, UNREACHABLE)
    return taint.effect == "NoSchedule" and taint.key in _OURS


def _plain(taint: Any) -> Obj:
    parts = {"key": taint.key, "value": taint.value, "effect": taint.effect, "timeAdded": taint.timeAdded}
    return {name: value for name, value in parts.items() if value}
