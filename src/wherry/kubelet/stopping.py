"""Stops containers the way people expect: preStop hook, stop signal, grace, kill.

Main containers of a pod stop together; sidecars after them, in reverse order of their start, each
with what is left of the pod's grace period. Upstream: `kuberuntime_container.killContainer`,
`kuberuntime_termination_order.go`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from wherry.cri.types import ContainerStatus, RuntimeFault
from wherry.kubelet.actions import Stop
from wherry.kubelet.deps import Deps
from wherry.kubelet.podspec import Kind, containers, is_sidecar
from wherry.kubelet.view import PodView

MINIMUM_GRACE = 2.0
"""Even after a preStop hook that took all the time, the stop signal gets this many seconds."""


async def stop_pod(deps: Deps, pod: Any, view: PodView, grace: float) -> None:
    """Returns when no container of the pod runs."""
    deadline = asyncio.get_running_loop().time() + grace
    sidecars: list[tuple[Kind, Any, ContainerStatus]] = []
    others: list[tuple[Kind, Any, ContainerStatus]] = []
    for kind, container in containers(pod):
        for run in view.containers.get(container.name, ()):
            if run.state in ("running", "unknown"):
                group = sidecars if kind == "init" and is_sidecar(container) else others
                group.append((kind, container, run))
    async with asyncio.TaskGroup() as group_tasks:
        for kind, container, run in others:
            message = f"Stopping container {container.name}"
            group_tasks.create_task(stop_container(deps, pod, kind, container, run, grace, message, view))
    for kind, container, run in reversed(sidecars):
        left = max(MINIMUM_GRACE, deadline - asyncio.get_running_loop().time())
        message = f"Stopping container {container.name}"
        await stop_container(deps, pod, kind, container, run, left, message, view)
    known = {container.name for _, container in containers(pod)}
    for run in view.running():
        if run.name not in known:
            await deps.runtime.stop_container(run.id, grace)


async def stop_container(
    deps: Deps,
    pod: Any,
    kind: Kind,
    container: Any,
    run: ContainerStatus,
    grace: float,
    message: str,
    view: PodView,
) -> None:
    deps.container_event(pod, kind, container.name, "Normal", "Killing", message)
    loop = asyncio.get_running_loop()
    began = loop.time()
    if container.lifecycle is not None and container.lifecycle.preStop is not None and run.state == "running":
        await _pre_stop(deps, pod, kind, container, run, grace, view)
        grace = max(MINIMUM_GRACE, grace - (loop.time() - began))
    try:
        await deps.runtime.stop_container(run.id, grace)
    except RuntimeFault as fault:
        text = f"error killing pod: failed to stop container {container.name}: {fault.rpc_text}"
        deps.container_event(pod, kind, container.name, "Warning", "FailedKillPod", text)
        raise


async def _pre_stop(
    deps: Deps, pod: Any, kind: Kind, container: Any, run: ContainerStatus, grace: float, view: PodView
) -> None:
    handler = container.lifecycle.preStop
    ip = view.ips[0] if view.ips else ""
    try:
        async with asyncio.timeout(grace):
            failure = await deps.hooks.run(pod, container, run.id, handler, ip)
    except TimeoutError:
        return  # the hook has used up the grace period: no failure, the stop signal comes now
    if failure:
        deps.container_event(pod, kind, container.name, "Warning", "FailedPreStopHook", "PreStopHook failed")


async def stop_failing(deps: Deps, pod: Any, view: PodView, stops: Iterable[Stop]) -> None:
    """Stops the containers that their probes have given up, or whose state nobody knows."""
    runs = {run.id: run for run in view.all()}
    for stop in stops:
        message = f"{stop.message}, will be restarted" if stop.probe else stop.message
        grace = probe_grace(pod, stop.container, stop.probe)
        await stop_container(deps, pod, stop.kind, stop.container, runs[stop.id], grace, message, view)


def probe_grace(pod: Any, container: Any, probe: str) -> float:
    """Seconds a container gets that is stopped because a probe gave it up."""
    spec = getattr(container, f"{probe}Probe", None) if probe else None
    if spec is not None and spec.terminationGracePeriodSeconds is not None:
        return float(spec.terminationGracePeriodSeconds)
    seconds = pod.spec.terminationGracePeriodSeconds
    return float(30 if seconds is None else seconds)
