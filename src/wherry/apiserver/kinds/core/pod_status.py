"""The one word `kubectl get pods` shows for a pod, its restarts and its readiness (upstream printPod).

The order matters: init containers speak first, then a terminated or waiting container, then the pod's
phase; a deletion overrides all but a finished pod.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from wherry.api.schema import Obj
from wherry.apiserver.kinds.durations import human_duration
from wherry.clock import parse_rfc3339


@dataclass(slots=True)
class Restarts:
    restarts: int = 0
    last_restart: float | None = None

    def count(self, container: Obj) -> None:
        self.restarts += container.get("restartCount", 0)
        finished = ((container.get("lastState") or {}).get("terminated") or {}).get("finishedAt")
        if finished:
            when = parse_rfc3339(finished)
            self.last_restart = when if self.last_restart is None else max(when, self.last_restart)

    def restarts_text(self, now: float) -> str:
        if self.restarts and self.last_restart is not None:
            return f"{self.restarts} ({human_duration(now - self.last_restart)} ago)"
        return str(self.restarts)


@dataclass(slots=True)
class PodText(Restarts):
    """`total` and `ready` count containers (and restartable init containers)."""

    reason: str = ""
    ready: int = 0
    total: int = 0


def summarize(pod: Obj) -> PodText:
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    reason = status.get("reason") or status.get("phase") or ""
    found = PodText(reason=reason, total=len(spec.get("containers") or ()))
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("reason") == "SchedulingGated":
            found.reason = "SchedulingGated"
    restartable = {c["name"] for c in spec.get("initContainers") or () if c.get("restartPolicy") == "Always"}
    found.total += len(restartable)
    initializing, sidecars = _init_containers(
        found, status, restartable, len(spec.get("initContainers") or ())
    )
    if not initializing or _condition(status, "Initialized"):
        # The init containers are history: only restarts that can still happen count.
        found.restarts, found.last_restart = sidecars.restarts, sidecars.last_restart
        _containers(found, status)
    if pod.get("metadata", {}).get("deletionTimestamp"):
        if status.get("reason") == "NodeLost":
            found.reason = "Unknown"
        elif status.get("phase") not in ("Succeeded", "Failed"):
            found.reason = "Terminating"
    return found


def _condition(status: Obj, kind: str) -> bool:
    return any(c.get("type") == kind and c.get("status") == "True" for c in status.get("conditions") or ())


def _init_containers(found: PodText, status: Obj, restartable: set[str], count: int) -> tuple[bool, Restarts]:
    """Whether an init container still keeps the pod from starting (then `reason` says which), and the
    restarts of those that go on beside the containers."""
    sidecars = Restarts()
    for position, container in enumerate(status.get("initContainerStatuses") or ()):
        state = container.get("state") or {}
        found.count(container)
        sidecar = container.get("name") in restartable
        if sidecar:
            sidecars.count(container)
        terminated = state.get("terminated")
        if terminated is not None and terminated.get("exitCode", 0) == 0:
            continue
        if sidecar and container.get("started"):
            found.ready += bool(container.get("ready"))
            continue
        found.reason = _init_reason(state, position, count)
        return True, sidecars
    return False, sidecars


def _init_reason(state: Obj, position: int, count: int) -> str:
    terminated, waiting = state.get("terminated"), state.get("waiting")
    if terminated is not None:
        if terminated.get("reason"):
            return f"Init:{terminated['reason']}"
        if terminated.get("signal"):
            return f"Init:Signal:{terminated['signal']}"
        return f"Init:ExitCode:{terminated.get('exitCode', 0)}"
    if waiting is not None and waiting.get("reason") not in (None, "", "PodInitializing"):
        return f"Init:{waiting['reason']}"
    return f"Init:{position}/{count}"


def _containers(found: PodText, status: Obj) -> None:
    running = False
    for container in reversed(status.get("containerStatuses") or []):
        state = container.get("state") or {}
        found.count(container)
        terminated = state.get("terminated")
        if (waiting := state.get("waiting") or {}).get("reason"):
            found.reason = waiting["reason"]
        elif terminated is not None:
            found.reason = _ended(terminated)
        elif container.get("ready") and state.get("running") is not None:
            running = True
            found.ready += 1
    if found.reason == "Completed" and running:
        found.reason = "Running" if _condition(status, "Ready") else "NotReady"


def _ended(terminated: Obj) -> str:
    if terminated.get("reason"):
        return str(terminated["reason"])
    if terminated.get("signal"):
        return f"Signal:{terminated['signal']}"
    return f"ExitCode:{terminated.get('exitCode', 0)}"


def readiness_gates(pod: Obj) -> str:
    gates: Iterable[Any] = (pod.get("spec") or {}).get("readinessGates") or ()
    wanted = [g.get("conditionType") for g in gates]
    if not wanted:
        return "<none>"
    status = pod.get("status") or {}
    return f"{sum(_condition(status, kind) for kind in wanted)}/{len(wanted)}"
