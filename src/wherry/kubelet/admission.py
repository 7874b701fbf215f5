"""Whether this node can run a pod that was given to it: a pure function, asked once for each new pod.

The scheduler has looked already; this is for pods that came past it (`spec.nodeName` set by hand,
DaemonSets, races) and for what only the node knows. A refused pod fails for good. Upstream:
`kubelet/lifecycle/predicate.go`, `kubelet/sysctl`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

import msgspec

from wherry.api.quantity import milli, whole
from wherry.api.selectors import requirement
from wherry.kubelet.podspec import is_critical
from wherry.kubelet.resources.qos import pod_amount

SAFE_SYSCTLS = (
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.ping_group_range",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_wmem",
)


class Refusal(msgspec.Struct, frozen=True):
    """Why a pod can't run here: the reason and message of its failed status."""

    reason: str
    message: str

    @property
    def status(self) -> tuple[str, str]:
        return self.reason, f"Pod was rejected: {self.message}"


class NodeOffer(msgspec.Struct, frozen=True):
    """What the node has for pods."""

    allocatable: Mapping[str, str]
    labels: Mapping[str, str]
    name: str = ""
    unsafe_sysctls: tuple[str, ...] = ()
    user_namespaces: bool = False


def refusal(pod: Any, others: Iterable[Any], node: NodeOffer) -> Refusal | None:
    """`others` are the pods that run here already."""
    return (
        _operating_system(pod)
        or _forbidden_sysctl(pod, node)
        or _user_namespace(pod, node)
        or _apparmor(pod)
        or _affinity(pod, node)
        or _resources(pod, list(others), node)
    )


def _operating_system(pod: Any) -> Refusal | None:
    system = pod.spec.os
    if system is not None and system.name != "linux":
        message = "Failed to admit pod as the OS field doesn't match node OS"
        return Refusal("PodOSNotSupported", message)
    return None


def _forbidden_sysctl(pod: Any, node: NodeOffer) -> Refusal | None:
    context = pod.spec.securityContext
    for sysctl in context.sysctls if context is not None else ():
        name = sysctl.name.replace("/", ".")
        allowed = name in SAFE_SYSCTLS or any(fnmatchcase(name, p) for p in node.unsafe_sysctls)
        if not allowed:
            return Refusal("SysctlForbidden", f'forbidden sysctl: "{sysctl.name}" not allowlisted')
    return None


def _user_namespace(pod: Any, node: NodeOffer) -> Refusal | None:
    if pod.spec.hostUsers is False and not node.user_namespaces:
        message = "user namespaces are not supported by the container runtime"
        return Refusal("UnexpectedAdmissionError", message)
    return None


def _apparmor(pod: Any) -> Refusal | None:
    contexts = [pod.spec.securityContext]
    contexts += [c.securityContext for c in (*pod.spec.initContainers, *pod.spec.containers)]
    for context in contexts:
        profile = context.appArmorProfile if context is not None else None
        if profile is not None and profile.type == "Localhost":
            return Refusal("AppArmor", "Cannot enforce AppArmor: AppArmor is not enabled on the host")
    return None


def _affinity(pod: Any, node: NodeOffer) -> Refusal | None:
    spec = pod.spec
    fits = all(node.labels.get(key) == value for key, value in spec.nodeSelector.items())
    required = None
    if spec.affinity is not None and spec.affinity.nodeAffinity is not None:
        required = spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution
    if fits and required is not None:
        fits = any(_term_fits(term, node) for term in required.nodeSelectorTerms)
    if fits:
        return None
    message = "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector"
    return Refusal("NodeAffinity", message)


def _term_fits(term: Any, node: NodeOffer) -> bool:
    """An empty term matches nothing."""
    if not term.matchExpressions and not term.matchFields:
        return False
    wanted = (requirement(e.key, e.operator, e.values) for e in term.matchExpressions)
    fields = (requirement(e.key, e.operator, e.values) for e in term.matchFields)
    named = {"metadata.name": node.name}
    return all(r.matches(node.labels) for r in wanted) and all(r.matches(named) for r in fields)


def _resources(pod: Any, others: list[Any], node: NodeOffer) -> Refusal | None:
    if is_critical(pod):
        return None
    capacity = int(node.allocatable.get("pods", "0"))
    if len(others) + 1 > capacity:
        return _out_of("pods", 1, len(others), capacity)
    for name, parse in (("cpu", milli), ("memory", whole), ("ephemeral-storage", whole)):
        wanted = pod_amount(pod, "requests", name) or 0
        if not wanted:
            continue
        used = sum(pod_amount(other, "requests", name) or 0 for other in others)
        capacity = parse(node.allocatable.get(name, "0"))
        if used + wanted > capacity:
            return _out_of(name, wanted, used, capacity)
    return None


def _out_of(name: str, requested: int, used: int, capacity: int) -> Refusal:
    message = f"Node didn't have enough resource: {name}, requested: {requested}"
    message += f", used: {used}, capacity: {capacity}"
    return Refusal(f"OutOf{name}", message)
