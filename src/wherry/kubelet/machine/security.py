"""securityContext to what the runtime is told (`kuberuntime/security_context.go`).

A container's own setting wins over its pod's. Everything is resolved here: the runtime gets no
inheritance.
"""

from __future__ import annotations

from typing import Any

from wherry.cri.types import Image, Namespaces, Seccomp, Security
from wherry.kubelet.host import SetupError
from wherry.kubelet.podspec import full_name

MASKED_PATHS = (
    "/proc/asound",
    "/proc/acpi",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
)
READONLY_PATHS = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")


def namespaces(pod: Any) -> Namespaces:
    spec = pod.spec
    return Namespaces(
        network="node" if spec.hostNetwork else "pod",
        pid="node" if spec.hostPID else "pod" if spec.shareProcessNamespace else "container",
        ipc="node" if spec.hostIPC else "pod",
    )


def sandbox_security(pod: Any, seccomp_root: str) -> Security:
    context = pod.spec.securityContext
    privileged = any(
        c.securityContext is not None and c.securityContext.privileged
        for c in (*pod.spec.containers, *pod.spec.initContainers)
    )
    if context is None:
        return Security(namespaces=namespaces(pod), privileged=privileged, seccomp=Seccomp("RuntimeDefault"))
    return Security(
        namespaces=namespaces(pod),
        run_as_user=context.runAsUser,
        run_as_group=context.runAsGroup if context.runAsUser is not None else None,
        supplemental_groups=_groups(context),
        privileged=privileged,
        seccomp=Seccomp("RuntimeDefault"),
        selinux=_selinux(context.seLinuxOptions),
    )


def container_security(
    pod: Any, container: Any, image: Image, seccomp_root: str, target: str = ""
) -> Security:
    """`target` is the id of a container whose processes this one shall see. SetupError when the
    image's user contradicts runAsNonRoot."""
    pod_context, own = pod.spec.securityContext, container.securityContext
    user = _either(own, pod_context, "runAsUser")
    group = _either(own, pod_context, "runAsGroup")
    if user is None and not image.username:
        user = image.uid if image.uid is not None else 0
    _check_non_root(pod, container, image, user)
    privileged = bool(own is not None and own.privileged)
    unmasked = privileged or (own is not None and own.procMount == "Unmasked")
    capabilities = own.capabilities if own is not None else None
    profile = _either(own, pod_context, "seccompProfile")
    return Security(
        namespaces=_targeted(pod, target),
        run_as_user=user,
        run_as_group=group,
        supplemental_groups=_groups(pod_context) if pod_context is not None else (),
        privileged=privileged,
        readonly_rootfs=bool(own is not None and own.readOnlyRootFilesystem),
        no_new_privs=own is not None and own.allowPrivilegeEscalation is False,
        add_capabilities=tuple(capabilities.add) if capabilities else (),
        drop_capabilities=tuple(capabilities.drop) if capabilities else (),
        masked_paths=() if unmasked else MASKED_PATHS,
        readonly_paths=() if unmasked else READONLY_PATHS,
        seccomp=_seccomp(profile, seccomp_root),
        selinux=_selinux(_either(own, pod_context, "seLinuxOptions")),
    )


def _targeted(pod: Any, target: str) -> Namespaces:
    own = namespaces(pod)
    if not target or own.pid != "container":
        return own
    return Namespaces(network=own.network, pid="target", ipc=own.ipc, target_id=target)


def _either(own: Any, pod_context: Any, name: str) -> Any:
    value = getattr(own, name) if own is not None else None
    if value is None and pod_context is not None:
        value = getattr(pod_context, name)
    return value


def _check_non_root(pod: Any, container: Any, image: Image, user: int | None) -> None:
    own, pod_context = container.securityContext, pod.spec.securityContext
    if not _either(own, pod_context, "runAsNonRoot"):
        return
    explicit = _either(own, pod_context, "runAsUser")
    problem = ""
    if explicit is not None:
        problem = "container's runAsUser breaks non-root policy" if explicit == 0 else ""
    elif image.username:
        name = image.username
        problem = f"container has runAsNonRoot and image has non-numeric user ({name})"
        problem += ", cannot verify user is non-root"
    elif user == 0:
        problem = "container has runAsNonRoot and image will run as root"
    if problem:
        where = f'(pod: "{full_name(pod)}", container: {container.name})'
        raise SetupError("CreateContainerConfigError", f"{problem} {where}")


def _groups(context: Any) -> tuple[int, ...]:
    own = (context.fsGroup,) if context.fsGroup is not None else ()
    return (*own, *context.supplementalGroups)


def _seccomp(profile: Any, root: str) -> Seccomp:
    if profile is None:
        return Seccomp("Unconfined")
    if profile.type == "Localhost":
        return Seccomp("Localhost", f"{root}/{profile.localhostProfile}")
    return Seccomp(profile.type)


def _selinux(options: Any) -> dict[str, str]:
    if options is None:
        return {}
    parts = {name: getattr(options, name) or "" for name in ("user", "role", "type", "level")}
    return parts if any(parts.values()) else {}
