"""What a kubelet is told: one dataclass, filled from flags and the configuration file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """The kubelet's own HTTPS API. Port 0 turns a listener off."""

    address: str = "0.0.0.0"
    port: int = 10250
    read_only_port: int = 0
    healthz_address: str = "127.0.0.1"
    healthz_port: int = 10248
    cert: Path | None = None
    key: Path | None = None
    cert_dir: Path = Path("/var/lib/kubelet/pki")
    client_ca: Path | None = None
    authorization: Literal["AlwaysAllow", "Webhook"] = "AlwaysAllow"
    token_webhook: bool = False


@dataclass(frozen=True, slots=True)
class KubeletSettings:
    runtime_endpoint: str = "unix:///run/containerd/containerd.sock"
    node_name: str = ""
    node_ip: str = ""
    root: Path = Path("/var/lib/kubelet")
    pod_logs: Path = Path("/var/log/pods")
    manifests: Path | None = None
    cluster_dns: tuple[str, ...] = ()
    cluster_domain: str = "cluster.local"
    resolv_conf: str = "/etc/resolv.conf"
    register_node: bool = True
    register_unschedulable: bool = False
    taints: tuple[Mapping[str, str], ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    max_pods: int = 110
    pod_pids: int = 0
    pod_cidr: str = ""
    cgroup_root: str = ""
    cgroup_driver: Literal["", "cgroupfs", "systemd"] = ""
    """Empty: what the runtime says, else cgroupfs."""
    reserved: Mapping[str, str] = field(default_factory=dict)
    """Resources kept back from pods (systemReserved and kubeReserved together)."""
    fail_swap_on: bool = True
    log_max_size: int = 10 << 20
    log_max_files: int = 5
    image_gc_high: int = 85
    image_gc_low: int = 80
    allowed_unsafe_sysctls: tuple[str, ...] = ()
    server: ServerSettings = field(default_factory=ServerSettings)
