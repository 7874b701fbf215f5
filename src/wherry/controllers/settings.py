"""What the controllers can be told; defaults are upstream's (`pkg/controller/*/config`)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ControllersSettings:
    controllers: tuple[str, ...] = ("*",)
    """`*`: all that are on by default; `name`: also this one; `-name`: not this one."""

    root_ca: str = ""
    """The PEM bundle put into every namespace; empty: none is published."""

    cluster_cidrs: tuple[str, ...] = ()
    service_cidrs: tuple[str, ...] = ()
    allocate_node_cidrs: bool = False
    node_mask_v4: int = 24
    node_mask_v6: int = 64

    node_monitor_period: float = 5.0
    node_monitor_grace: float = 50.0
    node_startup_grace: float = 60.0
    eviction_rate: float = 0.1
    secondary_eviction_rate: float = 0.01
    large_cluster: int = 50
    unhealthy_zone: float = 0.55

    terminated_pod_threshold: int = 12500
    max_endpoints_per_slice: int = 100
    discovery_period: float = 30.0

    deployment_workers: int = 5
    replicaset_workers: int = 5
    replication_controller_workers: int = 5
    endpoint_workers: int = 5
    service_endpoint_workers: int = 5
    namespace_workers: int = 10
    service_account_workers: int = 5
    job_workers: int = 5
    cronjob_workers: int = 5
    daemonset_workers: int = 2
    statefulset_workers: int = 5
    ttl_after_finished_workers: int = 5
    gc_workers: int = 20
