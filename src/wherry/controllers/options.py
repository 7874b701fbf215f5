"""kube-controller-manager's command line: upstream's flags as data, and `serve`, which runs it."""

from __future__ import annotations

import ipaddress
import logging
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wherry.clock import uuid4
from wherry.component import Env
from wherry.component_flags import Flag, UsageError
from wherry.controllers.settings import ControllersSettings

if TYPE_CHECKING:
    from wherry.client.rest import Client
    from wherry.controllers.manager import ControllerManager

log = logging.getLogger("wherry.controllers")

_MAX_CA = 1 << 20
_DEFAULTS = ControllersSettings()

_EFFECTIVE: tuple[Flag, ...] = (
    Flag("--kubeconfig", help="path to a kubeconfig file with authorization and master location"),
    Flag("--controllers", "strings", ("*",), "which to run: '*' all on by default, 'foo', not '-foo'"),
    Flag("--leader-elect", "bool", True, "hold a Lease while working; one of several managers works"),
    Flag("--leader-elect-lease-duration", "duration", 15.0, "how long a lost leader's Lease lasts"),
    Flag("--leader-elect-renew-deadline", "duration", 10.0, "how long a leader tries to renew"),
    Flag("--leader-elect-retry-period", "duration", 2.0, "how long to wait between tries"),
    Flag("--leader-elect-resource-name", default="kube-controller-manager", help="name of the Lease"),
    Flag("--leader-elect-resource-namespace", default="kube-system", help="namespace of the Lease"),
    Flag("--bind-address", default="0.0.0.0", help="address to serve health on"),
    Flag("--secure-port", "int", 10257, "port to serve health on, 0 for none"),
    Flag("--cert-dir", help="folder in which a self-signed serving certificate is kept"),
    Flag("--tls-cert-file", help="serving certificate"),
    Flag("--tls-private-key-file", help="its key"),
    Flag("--cluster-cidr", "strings", help="ranges of pod addresses, one of each family at most"),
    Flag("--allocate-node-cidrs", "bool", help="give each node a part of the cluster's range"),
    Flag("--node-cidr-mask-size", "int", help="size of a node's range; 24 for IPv4, 64 for IPv6 if 0"),
    Flag("--node-cidr-mask-size-ipv4", "int", help="size of a node's IPv4 range (24)"),
    Flag("--node-cidr-mask-size-ipv6", "int", help="size of a node's IPv6 range (64)"),
    Flag("--service-cluster-ip-range", "strings", help="ranges of service addresses, kept free of nodes'"),
    Flag("--root-ca-file", help="CA bundle published as kube-root-ca.crt in every namespace"),
    Flag("--node-monitor-period", "duration", _DEFAULTS.node_monitor_period, "how often to look at nodes"),
    Flag("--node-monitor-grace-period", "duration", _DEFAULTS.node_monitor_grace, "silence that is borne"),
    Flag("--node-startup-grace-period", "duration", _DEFAULTS.node_startup_grace, "the same for new nodes"),
    Flag("--node-eviction-rate", "float", _DEFAULTS.eviction_rate, "nodes given up a second, in a zone"),
    Flag("--secondary-node-eviction-rate", "float", _DEFAULTS.secondary_eviction_rate, "in an unhealthy one"),
    Flag("--large-cluster-size-threshold", "int", _DEFAULTS.large_cluster, "zones up to this are small"),
    Flag("--unhealthy-zone-threshold", "float", _DEFAULTS.unhealthy_zone, "part of a zone's nodes"),
    Flag("--terminated-pod-gc-threshold", "int", _DEFAULTS.terminated_pod_threshold, "finished pods kept"),
    Flag("--enable-garbage-collector", "bool", True, "delete what has lost its owners"),
    Flag("--max-endpoints-per-slice", "int", _DEFAULTS.max_endpoints_per_slice, "endpoints in a slice"),
    Flag("--concurrent-deployment-syncs", "int", _DEFAULTS.deployment_workers, "Deployments at a time"),
    Flag("--concurrent-replicaset-syncs", "int", _DEFAULTS.replicaset_workers, "ReplicaSets at a time"),
    Flag("--concurrent-rc-syncs", "int", _DEFAULTS.replication_controller_workers, "RCs at a time"),
    Flag("--concurrent-endpoint-syncs", "int", _DEFAULTS.endpoint_workers, "Endpoints at a time"),
    Flag("--concurrent-service-endpoint-syncs", "int", _DEFAULTS.service_endpoint_workers, "Services"),
    Flag("--concurrent-namespace-syncs", "int", _DEFAULTS.namespace_workers, "namespaces at a time"),
    Flag("--concurrent-job-syncs", "int", _DEFAULTS.job_workers, "Jobs at a time"),
    Flag("--concurrent-cron-job-syncs", "int", _DEFAULTS.cronjob_workers, "CronJobs at a time"),
    Flag("--concurrent-statefulset-syncs", "int", _DEFAULTS.statefulset_workers, "StatefulSets"),
    Flag("--concurrent-daemonset-syncs", "int", _DEFAULTS.daemonset_workers, "DaemonSets at a time"),
    Flag("--concurrent-ttl-after-finished-syncs", "int", _DEFAULTS.ttl_after_finished_workers, "Jobs"),
    Flag("--concurrent-gc-syncs", "int", _DEFAULTS.gc_workers, "garbage collected at a time"),
)


def _without_effect(kind: Any, *names: str) -> tuple[Flag, ...]:
    return tuple(Flag(f"--{name}", kind, effect=False) for name in names)


FLAGS: tuple[Flag, ...] = (
    *_EFFECTIVE,
    *_without_effect(
        "string",
        "master",
        "leader-elect-resource-lock",
        "leader-migration-config",
        "service-account-private-key-file",
        "client-ca-file",
        "requestheader-client-ca-file",
        "authentication-kubeconfig",
        "authorization-kubeconfig",
        "cidr-allocator-type",
        "cloud-config",
        "cloud-provider",
        "cluster-name",
        "cluster-signing-cert-file",
        "cluster-signing-key-file",
        "cluster-signing-kube-apiserver-client-cert-file",
        "cluster-signing-kube-apiserver-client-key-file",
        "cluster-signing-kubelet-client-cert-file",
        "cluster-signing-kubelet-client-key-file",
        "cluster-signing-kubelet-serving-cert-file",
        "cluster-signing-kubelet-serving-key-file",
        "cluster-signing-legacy-unknown-cert-file",
        "cluster-signing-legacy-unknown-key-file",
        "external-cloud-volume-plugin",
        "flex-volume-plugin-dir",
        "pv-recycler-pod-template-filepath-hostpath",
        "pv-recycler-pod-template-filepath-nfs",
        "kube-api-content-type",
        "tls-min-version",
        "tls-sni-cert-key",
        "allow-metric-labels-manifest",
        "show-hidden-metrics-for-version",
        "logging-format",
        "log-json-info-buffer-size",
        "log-text-info-buffer-size",
        "feature-gates",
        "vmodule",
    ),
    *_without_effect(
        "bool",
        "contention-profiling",
        "profiling",
        "enable-leader-migration",
        "configure-cloud-routes",
        "use-service-account-credentials",
        "disable-http2-serving",
        "permit-address-sharing",
        "permit-port-sharing",
        "authentication-skip-lookup",
        "authentication-tolerate-lookup-failure",
        "disable-attach-detach-reconcile-sync",
        "disable-force-detach-on-timeout",
        "enable-dynamic-provisioning",
        "enable-hostpath-provisioner",
        "log-json-split-stream",
        "log-text-split-stream",
    ),
    *_without_effect(
        "int",
        "http2-max-streams-per-connection",
        "kube-api-burst",
        "concurrent-service-syncs",
        "concurrent-device-taint-eviction-syncs",
        "concurrent-resourceclaim-syncs",
        "concurrent-ephemeralvolume-syncs",
        "concurrent-horizontal-pod-autoscaler-syncs",
        "concurrent-resource-quota-syncs",
        "concurrent-serviceaccount-token-syncs",
        "concurrent-validating-admission-policy-status-syncs",
        "mirroring-concurrent-service-endpoint-syncs",
        "mirroring-max-endpoints-per-subset",
        "pv-recycler-increment-timeout-nfs",
        "pv-recycler-minimum-timeout-hostpath",
        "pv-recycler-minimum-timeout-nfs",
        "pv-recycler-timeout-increment-hostpath",
    ),
    *_without_effect("float", "kube-api-qps", "horizontal-pod-autoscaler-tolerance"),
    *_without_effect(
        "duration",
        "controller-shutdown-timeout",
        "controller-start-interval",
        "min-resync-period",
        "route-reconciliation-period",
        "authentication-token-webhook-cache-ttl",
        "authorization-webhook-cache-authorized-ttl",
        "authorization-webhook-cache-unauthorized-ttl",
        "attach-detach-reconcile-sync-period",
        "cluster-signing-duration",
        "endpoint-updates-batch-period",
        "endpointslice-updates-batch-period",
        "mirroring-endpointslice-updates-batch-period",
        "horizontal-pod-autoscaler-cpu-initialization-period",
        "horizontal-pod-autoscaler-downscale-stabilization",
        "horizontal-pod-autoscaler-initial-readiness-delay",
        "horizontal-pod-autoscaler-sync-period",
        "legacy-service-account-token-clean-up-period",
        "namespace-sync-period",
        "pvclaimbinder-sync-period",
        "resource-quota-sync-period",
        "log-flush-frequency",
    ),
    *_without_effect(
        "strings",
        "emulated-version",
        "min-compatibility-version",
        "tls-cipher-suites",
        "tls-curve-preferences",
        "requestheader-allowed-names",
        "requestheader-extra-headers-prefix",
        "requestheader-group-headers",
        "requestheader-uid-headers",
        "requestheader-username-headers",
        "authorization-always-allow-paths",
        "disabled-metrics",
    ),
    *_without_effect("map", "allow-metric-labels"),
    Flag("--v", "int", 0, "log verbosity", short="-v"),
)


def settings(flags: dict[str, Any]) -> ControllersSettings:
    """Raises UsageError for values that cannot be meant."""
    from wherry.controllers.registry import unknown

    controllers = tuple(flags["controllers"])
    for name in unknown(controllers):
        raise UsageError(f'"{name.removeprefix("-")}" is not in the list of known controllers')
    if not flags["enable_garbage_collector"]:
        controllers = (*controllers, "-garbage-collector-controller")
    cluster = _ranges("--cluster-cidr", flags["cluster_cidr"])
    if flags["allocate_node_cidrs"] and not cluster:
        raise UsageError("--allocate-node-cidrs needs --cluster-cidr")
    return ControllersSettings(
        controllers=controllers,
        root_ca=_root_ca(flags["root_ca_file"]),
        cluster_cidrs=cluster,
        service_cidrs=_ranges("--service-cluster-ip-range", flags["service_cluster_ip_range"]),
        allocate_node_cidrs=flags["allocate_node_cidrs"],
        node_mask_v4=_mask(flags, 4, cluster),
        node_mask_v6=_mask(flags, 6, cluster),
        node_monitor_period=flags["node_monitor_period"],
        node_monitor_grace=flags["node_monitor_grace_period"],
        node_startup_grace=flags["node_startup_grace_period"],
        eviction_rate=flags["node_eviction_rate"],
        secondary_eviction_rate=flags["secondary_node_eviction_rate"],
        large_cluster=flags["large_cluster_size_threshold"],
        unhealthy_zone=flags["unhealthy_zone_threshold"],
        terminated_pod_threshold=flags["terminated_pod_gc_threshold"],
        max_endpoints_per_slice=_between(flags, "max_endpoints_per_slice", 1, 1000),
        deployment_workers=_workers(flags, "concurrent_deployment_syncs"),
        replicaset_workers=_workers(flags, "concurrent_replicaset_syncs"),
        replication_controller_workers=_workers(flags, "concurrent_rc_syncs"),
        endpoint_workers=_workers(flags, "concurrent_endpoint_syncs"),
        service_endpoint_workers=_workers(flags, "concurrent_service_endpoint_syncs"),
        namespace_workers=_workers(flags, "concurrent_namespace_syncs"),
        job_workers=_workers(flags, "concurrent_job_syncs"),
        cronjob_workers=_workers(flags, "concurrent_cron_job_syncs"),
        statefulset_workers=_workers(flags, "concurrent_statefulset_syncs"),
        daemonset_workers=_workers(flags, "concurrent_daemonset_syncs"),
        ttl_after_finished_workers=_workers(flags, "concurrent_ttl_after_finished_syncs"),
        gc_workers=_workers(flags, "concurrent_gc_syncs"),
    )


def _workers(flags: dict[str, Any], key: str) -> int:
    return _between(flags, key, 1, 1000)


def _between(flags: dict[str, Any], key: str, least: int, most: int) -> int:
    value: int = flags[key]
    if not least <= value <= most:
        raise UsageError(f"--{key.replace('_', '-')} must be between {least} and {most}")
    return value


def _ranges(flag: str, texts: tuple[str, ...]) -> tuple[str, ...]:
    versions: list[int] = []
    for text in texts:
        try:
            versions.append(ipaddress.ip_network(text, strict=False).version)
        except ValueError as error:
            raise UsageError(f"{flag}: {error}") from error
    if len(versions) > 2 or len(set(versions)) != len(versions):
        raise UsageError(f"{flag}: at most one range of each family, got {','.join(texts)}")
    return texts


def _mask(flags: dict[str, Any], version: int, cluster: tuple[str, ...]) -> int:
    default, longest = (24, 32) if version == 4 else (64, 128)
    size = flags[f"node_cidr_mask_size_ipv{version}"] or default
    if len(cluster) == 1:
        size = flags[f"node_cidr_mask_size_ipv{version}"] or flags["node_cidr_mask_size"] or default
    for text in cluster:
        network = ipaddress.ip_network(text, strict=False)
        if network.version != version:
            continue
        if not network.prefixlen <= size <= longest:
            raise UsageError(f"--node-cidr-mask-size: {size} does not fit into {text}")
        if size - network.prefixlen > 16:
            raise UsageError(f"--node-cidr-mask-size: more than 65536 ranges of /{size} in {text}")
    return int(size)


def _root_ca(path: str) -> str:
    if not path:
        return ""
    try:
        if Path(path).stat().st_size > _MAX_CA:
            raise UsageError(f"--root-ca-file: {path} is larger than {_MAX_CA} bytes")
        text = Path(path).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--root-ca-file: {error}") from error
    if "-----BEGIN CERTIFICATE-----" not in text:
        raise UsageError(f"--root-ca-file: {path} has no certificate")
    return text


async def serve(flags: dict[str, Any], ready: Callable[[], None]) -> None:
    """Runs the controllers until cancelled, holding the manager's Lease when leader election is on."""
    from wherry.client.connect import client_from_kubeconfig
    from wherry.client.kubeconfig import KubeconfigError
    from wherry.controllers.health import HealthSettings, serving
    from wherry.controllers.manager import ControllerManager

    chosen = settings(flags)
    if not flags["kubeconfig"]:
        raise UsageError("--kubeconfig is needed")
    env = Env(rng=random.Random(int.from_bytes(os.urandom(16), "big")))
    try:
        client = client_from_kubeconfig(flags["kubeconfig"], user_agent="kube-controller-manager")
    except KubeconfigError as error:
        raise UsageError(f"--kubeconfig: {error}") from error
    manager = ControllerManager(client, env, chosen)
    health = HealthSettings(
        flags["bind_address"],
        flags["secure_port"],
        flags["tls_cert_file"],
        flags["tls_private_key_file"],
        flags["cert_dir"],
    )
    try:
        async with serving(health, env.clock):
            await _lead(flags, client, env, manager, ready)
    finally:
        await client.close()


async def _lead(
    flags: dict[str, Any], client: Client, env: Env, manager: ControllerManager, ready: Callable[[], None]
) -> None:
    """Runs the manager, at once or whenever it holds the Lease."""
    from wherry.client.leader import LeaderElector

    if not flags["leader_elect"]:
        await manager.run(ready)
        return
    elector = LeaderElector(
        client,
        env,
        name=flags["leader_elect_resource_name"],
        namespace=flags["leader_elect_resource_namespace"],
        identity=f"{os.uname().nodename}_{uuid4(env.rng)}",
        lease_duration=flags["leader_elect_lease_duration"],
        renew_deadline=flags["leader_elect_renew_deadline"],
        retry_period=flags["leader_elect_retry_period"],
    )
    # A manager that waits for its turn does its job: ready is said at once.
    ready()
    await elector.run(lambda: manager.run(_said_already))


def _said_already() -> None:
    """The manager's own readiness, once the elector has started."""
