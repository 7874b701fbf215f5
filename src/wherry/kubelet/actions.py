"""What to do next for a pod: a pure function of its spec, what runs, and what the probes say.

    plan(pod, view, probed) -> Plan

The order is upstream's (`kuberuntime_manager.computePodActions`): a sandbox first; ephemeral
containers as soon as there is one; init containers one after the other, of which the restartable
ones (sidecars) stay; then all main containers at once. A new sandbox means that init containers run
again. Waiting times (image and crash back-off) are not decided here: a `Start` says that a container
is to be started, the worker knows since when it may.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any, Literal

import msgspec

from wherry.cri.types import ContainerStatus
from wherry.kubelet.podspec import Kind, containers, host_network, is_sidecar, restarts_after
from wherry.kubelet.view import PodView


class Probed(msgspec.Struct, frozen=True):
    """What the probes say, by container id: who is given up, and who has not started up yet."""

    failing: Mapping[str, Literal["liveness", "startup"]] = msgspec.field(default_factory=dict)
    starting: Set[str] = frozenset()


class Start(msgspec.Struct, frozen=True):
    kind: Kind
    container: Any
    attempt: int
    last: ContainerStatus | None = None
    """The run before this one, when it has ended: what back-off counts from."""


class Stop(msgspec.Struct, frozen=True):
    kind: Kind
    container: Any
    id: str
    message: str
    probe: Literal["", "liveness", "startup"] = ""


class Plan(msgspec.Struct, frozen=True):
    """`new_sandbox` comes before anything of `start`. With `stop_sandboxes` nothing else is planned:
    the worker stops them all, looks again and asks again."""

    stop_sandboxes: bool = False
    new_sandbox: bool = False
    attempt: int = 0
    stop: tuple[Stop, ...] = ()
    start: tuple[Start, ...] = ()
    finished: bool = False
    """Nothing of this pod runs now or will run again."""


def plan(pod: Any, view: PodView, probed: Probed) -> Plan:
    if _sandbox_lost(pod, view):
        if view.sandbox is not None or view.running():
            return Plan(stop_sandboxes=True)
        return _from_scratch(pod, view)
    start: list[Start] = [
        Start("ephemeral", c, 0) for c in pod.spec.ephemeralContainers if view.latest(c.name) is None
    ]
    stop: list[Stop] = []
    if _main_started(pod, view):
        for sidecar in (c for c in pod.spec.initContainers if is_sidecar(c)):
            _keep(pod, "init", sidecar, view, probed, start, stop)
    else:
        initialized = _initialize(pod, view, probed, start, stop)
        if initialized is not True:
            finished = initialized is None and not stop
            return Plan(stop=tuple(stop), start=tuple(start), finished=finished)
    main_alive = False
    for container in pod.spec.containers:
        main_alive |= _keep(pod, "container", container, view, probed, start, stop)
    if not main_alive:
        return Plan(finished=True)
    return Plan(stop=tuple(stop), start=tuple(start))


def next_attempt(pod: Any, view: PodView, name: str) -> int:
    """Runs are numbered; when the runtime has lost them, the reported status remembers."""
    latest = view.latest(name)
    if latest is not None:
        return latest.attempt + 1
    for status in (*pod.status.containerStatuses, *pod.status.initContainerStatuses):
        if status.name == name and status.containerID:
            return int(status.restartCount or 0) + 1
    return 0


def _sandbox_lost(pod: Any, view: PodView) -> bool:
    sandbox = view.sandbox
    if sandbox is None:
        return True
    return not host_network(pod) and not sandbox.ips


def _from_scratch(pod: Any, view: PodView) -> Plan:
    """A sandbox is needed, unless everything that was to run has run."""
    ran = bool(view.all())
    if ran and not _anything_left(pod, view):
        return Plan(finished=True)
    attempt = view.sandboxes[0].attempt + 1 if view.sandboxes else 0
    start: list[Start] = []
    if pod.spec.initContainers:
        first = pod.spec.initContainers[0]
        start.append(_start(pod, "init", first, view))
    else:
        start += [
            _start(pod, "container", c, view)
            for c in pod.spec.containers
            if _wanted(pod, "container", c, view.latest(c.name))
        ]
    return Plan(new_sandbox=True, attempt=attempt, start=tuple(start))


def _anything_left(pod: Any, view: PodView) -> bool:
    for kind, container in containers(pod):
        if kind == "ephemeral" or (kind == "init" and is_sidecar(container)):
            continue
        latest = view.latest(container.name)
        if kind == "init" and latest is not None and latest.state == "exited" and latest.exit_code != 0:
            return restarts_after(pod, kind, container, latest.exit_code)
        if kind == "container" and _wanted(pod, kind, container, latest):
            return True
    return False


def _wanted(pod: Any, kind: Kind, container: Any, latest: ContainerStatus | None) -> bool:
    """Whether a container that doesn't run now is to run."""
    if latest is None or latest.state != "exited":
        return True
    return restarts_after(pod, kind, container, latest.exit_code)


def _start(pod: Any, kind: Kind, container: Any, view: PodView) -> Start:
    latest = view.latest(container.name)
    last = latest if latest is not None and latest.state == "exited" else None
    return Start(kind, container, next_attempt(pod, view, container.name), last)


def _main_started(pod: Any, view: PodView) -> bool:
    return any(view.current(c.name) is not None for c in pod.spec.containers)


def _initialize(pod: Any, view: PodView, probed: Probed, start: list[Start], stop: list[Stop]) -> bool | None:
    """True when main containers may start, False to wait, None when initialization has failed."""
    for container in pod.spec.initContainers:
        run = view.current(container.name)
        if is_sidecar(container):
            _keep(pod, "init", container, view, probed, start, stop, current_only=True)
            if run is None or run.state != "running" or run.id in probed.starting:
                return False
            continue
        if run is None:
            start.append(_start(pod, "init", container, view))
            return False
        if run.state == "running":
            _stop_failing("init", container, run, probed, stop)
            return False
        if run.state == "unknown":
            stop.append(Stop("init", container, run.id, _unknown_state(container)))
            return False
        if run.state == "created":
            start.append(_start(pod, "init", container, view))
            return False
        if run.exit_code != 0:
            if not restarts_after(pod, "init", container, run.exit_code):
                return None
            start.append(_start(pod, "init", container, view))
            return False
    return True


def _keep(
    pod: Any,
    kind: Kind,
    container: Any,
    view: PodView,
    probed: Probed,
    start: list[Start],
    stop: list[Stop],
    *,
    current_only: bool = False,
) -> bool:
    """Adds what keeps one container running; whether it runs or will run again."""
    run = view.current(container.name) if current_only else view.latest(container.name)
    if run is not None and run.state == "running":
        _stop_failing(kind, container, run, probed, stop)
        return True
    if run is not None and run.state == "unknown":
        stop.append(Stop(kind, container, run.id, _unknown_state(container)))
        return True
    if not _wanted(pod, kind, container, run):
        return False
    start.append(_start(pod, kind, container, view))
    return True


def _stop_failing(kind: Kind, container: Any, run: ContainerStatus, probed: Probed, stop: list[Stop]) -> None:
    probe = probed.failing.get(run.id)
    if probe is not None:
        title = "Init container" if kind == "init" and not is_sidecar(container) else "Container"
        message = f"{title} {container.name} failed {probe} probe"
        stop.append(Stop(kind, container, run.id, message, probe))


def _unknown_state(container: Any) -> str:
    return f"Container {container.name} is in unknown state, try killing it before restart"
