"""A pod's spec as the runtime's configuration of its sandbox and containers. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from wherry.api.quantity import milli, whole
from wherry.cri.types import (
    CONTAINER_NAME,
    POD_NAME,
    POD_NAMESPACE,
    POD_UID,
    ContainerConfig,
    Dns,
    Image,
    Mount,
    PortMapping,
    Resources,
    SandboxConfig,
)
from wherry.kubelet.machine.env import expand
from wherry.kubelet.machine.security import container_security, sandbox_security
from wherry.kubelet.resources.qos import PERIOD, oom_score_adj, quota, shares

_HASH = "io.kubernetes.container.hash"
_RESTARTS = "io.kubernetes.container.restartCount"
_MESSAGE_PATH = "io.kubernetes.container.terminationMessagePath"
_MESSAGE_POLICY = "io.kubernetes.container.terminationMessagePolicy"
_GRACE = "io.kubernetes.pod.terminationGracePeriod"


def pod_labels(pod: Any) -> dict[str, str]:
    meta = pod.metadata
    return {POD_NAME: meta.name, POD_NAMESPACE: meta.namespace, POD_UID: meta.uid}


def sandbox(
    pod: Any,
    attempt: int,
    *,
    hostname: str,
    dns: Dns,
    log_directory: str,
    cgroup_parent: str,
    seccomp_root: str,
) -> SandboxConfig:
    meta, spec = pod.metadata, pod.spec
    context = spec.securityContext
    sysctls = {s.name: s.value for s in context.sysctls} if context is not None else {}
    return SandboxConfig(
        name=meta.name,
        namespace=meta.namespace,
        uid=meta.uid,
        attempt=attempt,
        hostname="" if spec.hostNetwork else hostname,
        log_directory=log_directory,
        dns=dns,
        port_mappings=() if spec.hostNetwork else tuple(_ports(pod)),
        labels={**meta.labels, **pod_labels(pod)},
        annotations=dict(meta.annotations),
        cgroup_parent=cgroup_parent,
        sysctls=sysctls,
        security=sandbox_security(pod, seccomp_root),
    )


def _ports(pod: Any) -> list[PortMapping]:
    return [
        PortMapping(port.containerPort, port.hostPort, port.protocol or "TCP", port.hostIP or "")
        for container in (*pod.spec.initContainers, *pod.spec.containers)
        for port in container.ports
        if port.hostPort
    ]


def container(
    pod: Any,
    spec: Any,
    attempt: int,
    *,
    image: Image,
    target: str,
    env: Mapping[str, str],
    mounts: Sequence[Mount],
    memory_capacity: int,
    seccomp_root: str,
) -> ContainerConfig:
    lifecycle = spec.lifecycle
    return ContainerConfig(
        name=spec.name,
        image=image.id,
        user_image=spec.image or "",
        attempt=attempt,
        command=tuple(expand(word, env) for word in spec.command),
        args=tuple(expand(word, env) for word in spec.args),
        working_dir=spec.workingDir or "",
        env=tuple(env.items()),
        mounts=tuple(mounts),
        labels={**pod_labels(pod), CONTAINER_NAME: spec.name},
        annotations=_annotations(pod, spec, attempt),
        log_path=f"{spec.name}/{attempt}.log",
        stdin=bool(spec.stdin),
        stdin_once=bool(spec.stdinOnce),
        tty=bool(spec.tty),
        stop_signal=(lifecycle.stopSignal or "") if lifecycle is not None else "",
        resources=resources(pod, spec, memory_capacity),
        security=container_security(pod, spec, image, seccomp_root, target),
    )


def resources(pod: Any, spec: Any, memory_capacity: int) -> Resources:
    """Requests and limits as the kernel counts them; a limit stands in for a missing request."""
    requests = spec.resources.requests if spec.resources is not None else {}
    limits = spec.resources.limits if spec.resources is not None else {}
    cpu_limit = milli(limits["cpu"]) if "cpu" in limits else 0
    cpu_request = milli(requests["cpu"]) if "cpu" in requests else cpu_limit
    return Resources(
        cpu_period=PERIOD,
        cpu_quota=quota(cpu_limit),
        cpu_shares=shares(cpu_request),
        memory_limit=whole(limits["memory"]) if "memory" in limits else 0,
        oom_score_adj=oom_score_adj(pod, spec, memory_capacity),
    )


def _annotations(pod: Any, spec: Any, attempt: int) -> dict[str, str]:
    seconds = pod.spec.terminationGracePeriodSeconds
    return {
        _HASH: spec_hash(spec),
        _RESTARTS: str(attempt),
        _MESSAGE_PATH: spec.terminationMessagePath or "/dev/termination-log",
        _MESSAGE_POLICY: spec.terminationMessagePolicy or "File",
        _GRACE: str(30 if seconds is None else seconds),
    }


def spec_hash(spec: Any) -> str:
    """Changes with the container's name and image, the fields that a pod may change."""
    return f"{zlib.crc32(msgspec.json.encode([spec.name, spec.image])):x}"
