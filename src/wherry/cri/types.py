"""What goes over the container runtime interface, as plain values.

The names follow CRI v1 (`k8s.io/cri-api`), without its wrappers. Times are seconds since the epoch;
0.0 means "not yet". Anything a runtime reports about what it doesn't know is empty, never None.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

SandboxState = Literal["ready", "notready"]
ContainerState = Literal["created", "running", "exited", "unknown"]
NamespaceMode = Literal["pod", "container", "node", "target"]
Propagation = Literal["private", "host-to-container", "bidirectional"]
SeccompType = Literal["RuntimeDefault", "Unconfined", "Localhost"]

POD_NAME = "io.kubernetes.pod.name"
POD_NAMESPACE = "io.kubernetes.pod.namespace"
POD_UID = "io.kubernetes.pod.uid"
CONTAINER_NAME = "io.kubernetes.container.name"


class RuntimeFault(Exception):
    """The runtime refused or failed a call. `code` is gRPC's name of the failure (`NOT_FOUND`,
    `DEADLINE_EXCEEDED`, `UNAVAILABLE`, `UNIMPLEMENTED`, `UNKNOWN`, ...)."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    @property
    def rpc_text(self) -> str:
        """As Go's gRPC library writes it, which is how upstream's events show it."""
        name = "Canceled" if self.code == "CANCELLED" else self.code.title().replace("_", "")
        return f"rpc error: code = {name} desc = {self.message}"


class Seccomp(msgspec.Struct, frozen=True):
    type: SeccompType = "Unconfined"
    localhost_ref: str = ""


class Namespaces(msgspec.Struct, frozen=True):
    """The same value goes to the sandbox and to each of its containers."""

    network: NamespaceMode = "pod"
    pid: NamespaceMode = "container"
    ipc: NamespaceMode = "pod"
    target_id: str = ""


class Security(msgspec.Struct, frozen=True):
    """Security context of a sandbox or a container, resolved: no inheritance is left."""

    namespaces: Namespaces = msgspec.field(default_factory=Namespaces)
    run_as_user: int | None = None
    run_as_group: int | None = None
    supplemental_groups: tuple[int, ...] = ()
    strict_groups: bool = False
    privileged: bool = False
    readonly_rootfs: bool = False
    no_new_privs: bool = False
    add_capabilities: tuple[str, ...] = ()
    drop_capabilities: tuple[str, ...] = ()
    masked_paths: tuple[str, ...] = ()
    readonly_paths: tuple[str, ...] = ()
    seccomp: Seccomp = msgspec.field(default_factory=Seccomp)
    selinux: Mapping[str, str] = msgspec.field(default_factory=dict)


class Dns(msgspec.Struct, frozen=True):
    servers: tuple[str, ...] = ()
    searches: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


class PortMapping(msgspec.Struct, frozen=True):
    container_port: int
    host_port: int
    protocol: str = "TCP"
    host_ip: str = ""


class Resources(msgspec.Struct, frozen=True):
    """Zero means "leave it to the runtime"."""

    cpu_period: int = 0
    cpu_quota: int = 0
    cpu_shares: int = 0
    memory_limit: int = 0
    oom_score_adj: int = 0
    cpuset_cpus: str = ""
    cpuset_mems: str = ""


class SandboxConfig(msgspec.Struct, frozen=True):
    name: str
    namespace: str
    uid: str
    attempt: int = 0
    hostname: str = ""
    log_directory: str = ""
    dns: Dns | None = None
    port_mappings: tuple[PortMapping, ...] = ()
    labels: Mapping[str, str] = msgspec.field(default_factory=dict)
    annotations: Mapping[str, str] = msgspec.field(default_factory=dict)
    cgroup_parent: str = ""
    sysctls: Mapping[str, str] = msgspec.field(default_factory=dict)
    security: Security = msgspec.field(default_factory=Security)


class Mount(msgspec.Struct, frozen=True):
    container_path: str
    host_path: str
    readonly: bool = False
    propagation: Propagation = "private"


class Device(msgspec.Struct, frozen=True):
    container_path: str
    host_path: str
    permissions: str = "rwm"


class ContainerConfig(msgspec.Struct, frozen=True):
    name: str
    image: str
    """What the runtime resolves: an image id once the image is present."""
    attempt: int = 0
    user_image: str = ""
    """The image as the pod names it."""
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    working_dir: str = ""
    env: tuple[tuple[str, str], ...] = ()
    mounts: tuple[Mount, ...] = ()
    devices: tuple[Device, ...] = ()
    labels: Mapping[str, str] = msgspec.field(default_factory=dict)
    annotations: Mapping[str, str] = msgspec.field(default_factory=dict)
    log_path: str = ""
    stdin: bool = False
    stdin_once: bool = False
    tty: bool = False
    stop_signal: str = ""
    resources: Resources = msgspec.field(default_factory=Resources)
    security: Security = msgspec.field(default_factory=Security)


class Sandbox(msgspec.Struct, frozen=True):
    """A pod's sandbox. `ips` is filled by `sandbox_status` only."""

    id: str
    name: str
    namespace: str
    uid: str
    attempt: int
    state: SandboxState
    created_at: float
    labels: Mapping[str, str] = msgspec.field(default_factory=dict)
    annotations: Mapping[str, str] = msgspec.field(default_factory=dict)
    ips: tuple[str, ...] = ()
    host_network: bool = False


class Container(msgspec.Struct, frozen=True):
    """A container as a listing shows it."""

    id: str
    sandbox_id: str
    name: str
    attempt: int
    state: ContainerState
    created_at: float
    labels: Mapping[str, str] = msgspec.field(default_factory=dict)
    annotations: Mapping[str, str] = msgspec.field(default_factory=dict)

    @property
    def pod_uid(self) -> str:
        return self.labels.get(POD_UID, "")


class Snapshot(msgspec.Struct, frozen=True):
    """Everything the runtime holds, newest first."""

    sandboxes: tuple[Sandbox, ...] = ()
    containers: tuple[Container, ...] = ()


class ContainerStatus(msgspec.Struct, frozen=True):
    id: str
    name: str
    attempt: int
    state: ContainerState
    created_at: float
    sandbox_id: str = ""
    """Filled by who knows it: runtimes report it in listings only."""
    started_at: float = 0.0
    finished_at: float = 0.0
    exit_code: int = 0
    reason: str = ""
    message: str = ""
    image: str = ""
    image_ref: str = ""
    labels: Mapping[str, str] = msgspec.field(default_factory=dict)
    annotations: Mapping[str, str] = msgspec.field(default_factory=dict)
    log_path: str = ""
    user: tuple[int, int, tuple[int, ...]] | None = None


class Image(msgspec.Struct, frozen=True):
    id: str
    tags: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    size: int = 0
    uid: int | None = None
    username: str = ""
    pinned: bool = False


class Auth(msgspec.Struct, frozen=True):
    username: str = ""
    password: str = ""
    auth: str = ""
    server_address: str = ""
    identity_token: str = ""
    registry_token: str = ""


class RuntimeInfo(msgspec.Struct, frozen=True):
    name: str
    version: str
    ready: bool = True
    network_ready: bool = True
    ready_message: str = ""
    network_message: str = ""
    cgroup_driver: str = ""
    """`cgroupfs` or `systemd`; empty when the runtime doesn't tell (before CRI RuntimeConfig)."""


class ExecResult(msgspec.Struct, frozen=True):
    exit_code: int
    stdout: bytes = b""
    stderr: bytes = b""


class Event(msgspec.Struct, frozen=True):
    """Something happened to a container, or (`kind` "lost") events may have been missed."""

    kind: Literal["exited", "oom", "deleted", "lost"]
    container_id: str = ""


class ContainerUsage(msgspec.Struct, frozen=True):
    """What one container uses: counters since its start, at `time`."""

    id: str
    name: str
    labels: Mapping[str, str]
    time: float
    cpu_nanoseconds: int = 0
    memory_usage: int = 0
    memory_working_set: int = 0
    memory_rss: int = 0
    rootfs_used: int = 0
    rootfs_inodes: int = 0
