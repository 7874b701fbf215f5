"""A pod's status as the API shows it: a pure function of what runs and what is known about it.

    pod_status(pod, facts) -> dict with everything of `status` that belongs to the kubelet

Upstream: `kubelet_pods.generateAPIPodStatus`, `status/generate.go`. Conditions keep their transition
time while their status stays; times are whole seconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import Any, Literal

import msgspec

from wherry.clock import rfc3339
from wherry.cri.types import ContainerStatus
from wherry.kubelet.podspec import TERMINAL, Kind, containers, host_network, is_sidecar, restarts_after
from wherry.kubelet.view import EMPTY, PodView

Status = dict[str, Any]


class Facts(msgspec.Struct, frozen=True):
    """All that goes into a status beside the pod itself. Ids are container ids."""

    now: float
    view: PodView = EMPTY
    waiting: Mapping[str, tuple[str, str]] = msgspec.field(default_factory=dict)
    """Why a container (by name) doesn't run: (reason, message)."""
    ready: Set[str] = frozenset()
    started: Set[str] = frozenset()
    messages: Mapping[str, str] = msgspec.field(default_factory=dict)
    """Termination messages."""
    runtime: str = "containerd"
    host_ips: Sequence[str] = ()
    qos: str = "BestEffort"
    start_time: str = ""
    finished: bool = False
    """All containers have ended for good: the phase may become terminal."""
    failure: tuple[str, str] | None = None
    """(reason, message) of a pod that the kubelet itself made fail."""


def pod_status(pod: Any, facts: Facts) -> Status:
    init = _statuses(pod, facts, "init")
    main = _statuses(pod, facts, "container")
    ephemeral = _statuses(pod, facts, "ephemeral")
    phase = _phase(pod, facts, init, main)
    status: Status = {
        "phase": phase,
        "conditions": _conditions(pod, facts, phase, init, main),
        "qosClass": facts.qos,
        "startTime": facts.start_time or rfc3339(facts.now),
        "containerStatuses": main,
    }
    if pod.metadata.generation:
        status["observedGeneration"] = pod.metadata.generation
    if facts.host_ips:
        status["hostIP"] = facts.host_ips[0]
        status["hostIPs"] = [{"ip": ip} for ip in facts.host_ips]
    ips = facts.host_ips if host_network(pod) else facts.view.ips
    if ips:
        status["podIP"] = ips[0]
        status["podIPs"] = [{"ip": ip} for ip in ips]
    if init:
        status["initContainerStatuses"] = init
    if ephemeral:
        status["ephemeralContainerStatuses"] = ephemeral
    if facts.failure is not None:
        status["reason"], status["message"] = facts.failure
    return status


# --- containers


def _statuses(pod: Any, facts: Facts, kind: Kind) -> list[Status]:
    return [_container(pod, facts, kind, c) for k, c in containers(pod) if k == kind]


def _container(pod: Any, facts: Facts, kind: Kind, container: Any) -> Status:
    run = facts.view.latest(container.name)
    waiting = facts.waiting.get(container.name)
    status: Status = {
        "name": container.name,
        "image": container.image,
        "imageID": "",
        "ready": False,
        "restartCount": 0,
        "started": False,
        "state": {},
        "lastState": {},
    }
    if run is None:
        status["state"] = {"waiting": _reason(waiting or _not_yet(pod))}
        before = _reported(pod, kind, container.name)
        if before is not None:
            status["restartCount"] = before.restartCount or 0
    else:
        _add_run(status, pod, facts, kind, container, run, waiting)
    if kind != "ephemeral":
        _add_resources(status, container, run)
    mounts = [_mount(mount) for mount in container.volumeMounts]
    if mounts:
        status["volumeMounts"] = mounts
    return status


def _add_run(
    status: Status,
    pod: Any,
    facts: Facts,
    kind: Kind,
    container: Any,
    run: ContainerStatus,
    waiting: tuple[str, str] | None,
) -> None:
    status.update(
        image=run.image,
        imageID=run.image_ref,
        containerID=f"{facts.runtime}://{run.id}",
        restartCount=run.attempt,
    )
    previous = facts.view.previous(container.name)
    if previous is not None:
        status["lastState"] = {"terminated": _terminated(previous, facts)}
    if run.state == "running":
        status["state"] = {"running": {"startedAt": rfc3339(run.started_at)}}
        status["started"] = run.id in facts.started
        lasting = kind != "init" or is_sidecar(container)
        status["ready"] = lasting and status["started"] and run.id in facts.ready
    elif run.state == "exited":
        again = not facts.finished and restarts_after(pod, kind, container, run.exit_code)
        if waiting is not None and again:
            status["lastState"] = {"terminated": _terminated(run, facts)}
            status["state"] = {"waiting": _reason(waiting)}
        else:
            status["state"] = {"terminated": _terminated(run, facts)}
            status["ready"] = kind == "init" and not is_sidecar(container) and run.exit_code == 0
    else:
        status["state"] = {"waiting": _reason(waiting or ("ContainerCreating", ""))}
    if run.user is not None:
        uid, gid, groups = run.user
        status["user"] = {"linux": {"uid": uid, "gid": gid, "supplementalGroups": list(groups)}}


def _add_resources(status: Status, container: Any, run: ContainerStatus | None) -> None:
    if run is None or container.resources is None:
        return
    requests, limits = container.resources.requests, container.resources.limits
    if requests:
        status["allocatedResources"] = dict(requests)
    resources = {"limits": dict(limits), "requests": dict(requests)}
    status["resources"] = {key: value for key, value in resources.items() if value}


def _mount(mount: Any) -> Status:
    status: Status = {"name": mount.name, "mountPath": mount.mountPath}
    if mount.readOnly:
        status |= {"readOnly": True, "recursiveReadOnly": "Disabled"}
    return status


def _terminated(run: ContainerStatus, facts: Facts) -> Status:
    status: Status = {
        "exitCode": run.exit_code,
        "reason": run.reason or ("Completed" if run.exit_code == 0 else "Error"),
        "startedAt": rfc3339(run.started_at),
        "finishedAt": rfc3339(run.finished_at),
        "containerID": f"{facts.runtime}://{run.id}",
    }
    message = facts.messages.get(run.id) or run.message
    if message:
        status["message"] = message
    return status


def _reason(waiting: tuple[str, str]) -> Status:
    reason, message = waiting
    return {"reason": reason, "message": message} if message else {"reason": reason}


def _not_yet(pod: Any) -> tuple[str, str]:
    return ("PodInitializing" if pod.spec.initContainers else "ContainerCreating"), ""


def _reported(pod: Any, kind: Kind, name: str) -> Any | None:
    status = pod.status
    lists = {
        "init": status.initContainerStatuses,
        "container": status.containerStatuses,
        "ephemeral": status.ephemeralContainerStatuses,
    }
    return next((s for s in lists[kind] if s.name == name and s.containerID), None)


# --- phase


def _phase(pod: Any, facts: Facts, init: list[Status], main: list[Status]) -> str:
    if facts.failure is not None:
        return "Failed"
    if pod.status.phase in TERMINAL:
        return str(pod.status.phase)
    never = (pod.spec.restartPolicy or "Always") == "Never"
    failed, pending = _initialization(pod, init)
    pending = pending and not _any_started(main)
    if facts.finished and failed:
        return "Failed"
    if failed and never and not facts.view.running():
        return "Failed"
    if pending or failed:
        return "Pending" if not facts.finished else _ended(main)
    kinds = [_kind(status) for status in main]
    if facts.finished and all(kind in ("succeeded", "stopped") for kind in kinds):
        return _ended(main)
    if "waiting" in kinds:
        return "Pending"
    return "Running" if main else "Pending"


def _initialization(pod: Any, init: list[Status]) -> tuple[bool, bool]:
    """(an init container failed, one is still to finish or, for a sidecar, to start)."""
    failed = pending = False
    for container, status in zip(pod.spec.initContainers, init, strict=True):
        state = status["state"]
        if is_sidecar(container):
            pending |= not status["started"] and "terminated" not in state and not _has_run(status)
        elif "terminated" in state:
            failed |= state["terminated"]["exitCode"] != 0
        else:
            last = status["lastState"].get("terminated")
            failed |= last is not None and last["exitCode"] != 0
            pending = True
    return failed, pending


def _any_started(main: list[Status]) -> bool:
    """Past initialization for good: a new sandbox that runs init containers again changes nothing."""
    return any(_kind(status) != "waiting" for status in main)


def _has_run(status: Status) -> bool:
    return bool(status["lastState"])


def _kind(status: Status) -> Literal["running", "waiting", "succeeded", "stopped"]:
    state = status["state"]
    if "running" in state:
        return "running"
    if "terminated" in state:
        return "succeeded" if state["terminated"]["exitCode"] == 0 else "stopped"
    return "stopped" if status["lastState"] else "waiting"


def _ended(main: list[Status]) -> str:
    return "Succeeded" if main and all(_kind(s) == "succeeded" for s in main) else "Failed"


# --- conditions


def _conditions(pod: Any, facts: Facts, phase: str, init: list[Status], main: list[Status]) -> list[Status]:
    sidecars = [
        status
        for container, status in zip(pod.spec.initContainers, init, strict=True)
        if is_sidecar(container)
    ]
    ready = _containers_ready(phase, sidecars + main)
    wanted = [
        _sandbox_condition(pod, facts),
        _initialized(pod, phase, init, main),
        {"type": "Ready", **_pod_ready(pod, ready)},
        {"type": "ContainersReady", **ready},
        {"type": "PodScheduled", "status": "True"},
    ]
    before = {condition.type: condition for condition in pod.status.conditions}
    for condition in wanted:
        old = before.get(condition["type"])
        since = old.lastTransitionTime if old is not None and old.status == condition["status"] else None
        condition["lastTransitionTime"] = since or rfc3339(facts.now)
        if pod.metadata.generation:
            condition["observedGeneration"] = pod.metadata.generation
    return wanted


def _sandbox_condition(pod: Any, facts: Facts) -> Status:
    sandbox = facts.view.sandbox
    up = sandbox is not None and (host_network(pod) or bool(sandbox.ips))
    return {"type": "PodReadyToStartContainers", "status": "True" if up else "False"}


def _initialized(pod: Any, phase: str, init: list[Status], main: list[Status]) -> Status:
    incomplete = [
        status["name"]
        for container, status in zip(pod.spec.initContainers, init, strict=True)
        if not _init_done(container, status)
    ]
    if not incomplete or _any_started(main):
        return {"type": "Initialized", "status": "True"}
    if phase == "Succeeded":
        return {"type": "Initialized", "status": "True", "reason": "PodCompleted"}
    return {
        "type": "Initialized",
        "status": "False",
        "reason": "ContainersNotInitialized",
        "message": f"containers with incomplete status: [{' '.join(incomplete)}]",
    }


def _init_done(container: Any, status: Status) -> bool:
    if is_sidecar(container):
        return bool(status["started"]) or _has_run(status) or "terminated" in status["state"]
    return bool(status["ready"])


def _containers_ready(phase: str, statuses: list[Status]) -> Status:
    if phase == "Succeeded":
        return {"status": "False", "reason": "PodCompleted"}
    if phase == "Failed":
        return {"status": "False", "reason": "PodFailed"}
    unready = [status["name"] for status in statuses if not status["ready"]]
    if not unready:
        return {"status": "True"}
    message = f"containers with unready status: [{' '.join(unready)}]"
    return {"status": "False", "reason": "ContainersNotReady", "message": message}


def _pod_ready(pod: Any, containers_ready: Status) -> Status:
    if containers_ready["status"] != "True" or not pod.spec.readinessGates:
        return dict(containers_ready)
    conditions = {condition.type: condition.status for condition in pod.status.conditions}
    messages = []
    for gate in pod.spec.readinessGates:
        name = gate.conditionType
        if name not in conditions:
            messages.append(f'corresponding condition of pod readiness gate "{name}" does not exist.')
        elif conditions[name] != "True":
            messages.append(
                f'the status of pod readiness gate "{name}" is not "True", but {conditions[name]}'
            )
    if not messages:
        return {"status": "True"}
    return {"status": "False", "reason": "ReadinessGatesNotReady", "message": ", ".join(messages)}
