"""Small questions about a pod's spec, answered in one place. Pure; takes typed pods."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

Kind = Literal["init", "container", "ephemeral"]

CONFIG_SOURCE = "kubernetes.io/config.source"
CONFIG_HASH = "kubernetes.io/config.hash"
CONFIG_MIRROR = "kubernetes.io/config.mirror"
CONFIG_SEEN = "kubernetes.io/config.seen"
TERMINAL = ("Succeeded", "Failed")

_FIELD = {"init": "initContainers", "container": "containers", "ephemeral": "ephemeralContainers"}


def full_name(pod: Any) -> str:
    """`NAME_NAMESPACE(UID)`, as upstream's messages name a pod."""
    return f"{pod.metadata.name}_{pod.metadata.namespace}({pod.metadata.uid})"


def containers(pod: Any) -> Iterator[tuple[Kind, Any]]:
    """Every container of the pod in order of start."""
    for container in pod.spec.initContainers:
        yield "init", container
    for container in pod.spec.containers:
        yield "container", container
    for container in pod.spec.ephemeralContainers:
        yield "ephemeral", container


def find_container(pod: Any, name: str) -> tuple[Kind, Any] | None:
    return next(((kind, c) for kind, c in containers(pod) if c.name == name), None)


def field_path(kind: Kind, name: str) -> str:
    """Where an event about a container points."""
    return f"spec.{_FIELD[kind]}{{{name}}}"


def is_sidecar(container: Any) -> bool:
    """An init container that keeps running beside the main ones."""
    return bool(container.restartPolicy == "Always")


def restarts_after(pod: Any, kind: Kind, container: Any, exit_code: int) -> bool:
    """Whether a container that ended with `exit_code` is started again."""
    if kind == "ephemeral":
        return False
    for rule in container.restartPolicyRules:
        codes = rule.exitCodes
        if rule.action == "Restart" and codes is not None:
            listed = exit_code in codes.values
            if listed == (codes.operator == "In"):
                return True
    policy = container.restartPolicy or pod.spec.restartPolicy or "Always"
    if kind == "init" and not is_sidecar(container) and not container.restartPolicy:
        policy = "OnFailure" if policy == "Always" else policy
    return policy == "Always" or (policy == "OnFailure" and exit_code != 0)


def host_network(pod: Any) -> bool:
    return bool(pod.spec.hostNetwork)


def grace_period(pod: Any) -> int:
    """Seconds the pod may take to end, at least 1."""
    seconds = pod.metadata.deletionGracePeriodSeconds
    if seconds is None:
        seconds = pod.spec.terminationGracePeriodSeconds
    return max(1, 30 if seconds is None else seconds)


def is_terminal(pod: Any) -> bool:
    return pod.status.phase in TERMINAL


def is_mirror(pod: Any) -> bool:
    return CONFIG_MIRROR in pod.metadata.annotations


def is_static(pod: Any) -> bool:
    return bool(pod.metadata.annotations.get(CONFIG_SOURCE, "api") != "api")


def is_critical(pod: Any) -> bool:
    """Static pods and those of the system's priority: admitted when nothing else is, killed last."""
    return is_static(pod) or is_mirror(pod) or int(pod.spec.priority or 0) >= 2_000_000_000
