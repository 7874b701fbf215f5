"""The kubelet's command line: upstream's flags, and the KubeletConfiguration file under them.

A flag that is given wins over the file, the file over the default. Upstream: `cmd/kubelet/app/options`,
`pkg/kubelet/apis/config`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from wherry.api.quantity import is_valid, parse, whole
from wherry.component_flags import Flag, UsageError
from wherry.kubelet.settings import KubeletSettings, ServerSettings

MAX_CONFIG = 4 << 20
_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")


def _ignored(*names: str, kind: Any = "string") -> tuple[Flag, ...]:
    return tuple(Flag(name, kind, effect=False) for name in names)


FLAGS: tuple[Flag, ...] = (
    Flag("--kubeconfig", help="Path to a kubeconfig file, specifying how to connect to the API server."),
    Flag("--config", help="A KubeletConfiguration file; flags that are given win over it."),
    Flag("--hostname-override", help="The node's name instead of the machine's host name."),
    Flag("--node-ip", help="The node's address."),
    Flag("--container-runtime-endpoint", help="The runtime's CRI socket, unix:///path."),
    Flag("--pod-manifest-path", help="A folder of static pod manifests."),
    Flag("--root-dir", default="/var/lib/kubelet", help="Where the kubelet keeps its files."),
    Flag("--pod-log-dir", help="Where container logs lie (podLogsDir in the configuration file)."),
    Flag("--cluster-dns", "strings", help="Addresses of the cluster's DNS server."),
    Flag("--cluster-domain", help="The cluster's domain."),
    Flag("--resolv-conf", default="/etc/resolv.conf", help="The resolver configuration pods start from."),
    Flag("--register-node", "bool", default=True, help="Register the node with the API server."),
    Flag("--register-with-taints", "strings", help="Taints of a node that is registered: key=value:effect."),
    Flag("--register-schedulable", "bool", default=True, help="Register the node as schedulable."),
    Flag("--node-labels", "map", help="Labels of the node."),
    Flag("--max-pods", "int", default=110, help="How many pods may run here."),
    Flag("--pod-max-pids", "int", default=-1, help="How many processes a pod may have."),
    Flag("--pod-cidr", help="The node's pod network, only when there is no API server to say it."),
    Flag("--cgroup-root", help="The control group under which pods get theirs."),
    Flag("--cgroup-driver", help="cgroupfs or systemd; by default what the runtime uses."),
    Flag("--kube-reserved", "map", help="Resources kept for Kubernetes' own processes."),
    Flag("--system-reserved", "map", help="Resources kept for the system."),
    Flag("--address", default="0.0.0.0", help="Where the kubelet's API listens."),
    Flag("--port", "int", default=10250, help="The port of the kubelet's API."),
    Flag("--read-only-port", "int", help="The port of a read-only API without authentication; 0 is off."),
    Flag("--healthz-bind-address", default="127.0.0.1", help="Where /healthz listens."),
    Flag("--healthz-port", "int", default=10248, help="The port of /healthz; 0 is off."),
    Flag("--tls-cert-file", help="The certificate of the kubelet's API; self-signed when not given."),
    Flag("--tls-private-key-file", help="Its private key."),
    Flag("--cert-dir", help="Where a self-signed certificate is kept."),
    Flag("--client-ca-file", help="Clients with a certificate of this CA are let in."),
    Flag("--authorization-mode", default="AlwaysAllow", help="AlwaysAllow or Webhook."),
    Flag("--authentication-token-webhook", "bool", help="Ask the API server who a bearer token is."),
    Flag("--anonymous-auth", "bool", default=False, help="Must be false: anonymous requests are refused."),
    Flag("--fail-swap-on", "bool", default=True, help="Refuse to start while swap is on."),
    Flag("--container-log-max-size", default="10Mi", help="A container's log is rotated at this size."),
    Flag("--container-log-max-files", "int", default=5, help="How many log files a container keeps."),
    Flag(
        "--image-gc-high-threshold", "int", default=85, help="Disk use (percent) that starts image clean-up."
    ),
    Flag("--image-gc-low-threshold", "int", default=80, help="Disk use (percent) at which it stops."),
    Flag("--allowed-unsafe-sysctls", "strings", help="Unsafe sysctls that pods may set."),
    Flag("--v", "int", short="-v", help="How much to log."),
    *_ignored("--bootstrap-kubeconfig", "--runtime-cgroups", "--kubelet-cgroups", "--system-cgroups"),
    *_ignored("--pod-infra-container-image", "--image-service-endpoint", "--provider-id", "--cloud-provider"),
    *_ignored(
        "--volume-plugin-dir", "--lock-file", "--seccomp-default", "--eviction-hard", "--eviction-soft"
    ),
    *_ignored("--eviction-minimum-reclaim", "--feature-gates", "--tls-min-version", "--tls-cipher-suites"),
    *_ignored("--cpu-manager-policy", "--memory-manager-policy", "--topology-manager-policy"),
    *_ignored("--enforce-node-allocatable", "--hairpin-mode", "--protect-kernel-defaults", "--vmodule"),
    *_ignored(
        "--rotate-certificates", "--rotate-server-certificates", "--serialize-image-pulls", kind="bool"
    ),
    *_ignored("--cgroups-per-qos", "--enable-server", "--enable-debugging-handlers", kind="bool"),
    *_ignored("--make-iptables-util-chains", "--logtostderr", "--alsologtostderr", kind="bool"),
    *_ignored(
        "--node-status-update-frequency", "--sync-frequency", "--runtime-request-timeout", kind="duration"
    ),
    *_ignored("--streaming-connection-idle-timeout", "--file-check-frequency", kind="duration"),
    *_ignored("--node-status-max-images", "--registry-qps", "--registry-burst", kind="int"),
    *_ignored(
        "--event-qps", "--event-burst", "--kube-api-qps", "--kube-api-burst", "--oom-score-adj", kind="int"
    ),
)

_CONFIG_KEYS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "staticPodPath": ("pod_manifest_path", str),
    "address": ("address", str),
    "port": ("port", int),
    "readOnlyPort": ("read_only_port", int),
    "tlsCertFile": ("tls_cert_file", str),
    "tlsPrivateKeyFile": ("tls_private_key_file", str),
    "healthzPort": ("healthz_port", int),
    "healthzBindAddress": ("healthz_bind_address", str),
    "clusterDomain": ("cluster_domain", str),
    "clusterDNS": ("cluster_dns", tuple),
    "cgroupRoot": ("cgroup_root", str),
    "cgroupDriver": ("cgroup_driver", str),
    "maxPods": ("max_pods", int),
    "podPidsLimit": ("pod_max_pids", int),
    "podCIDR": ("pod_cidr", str),
    "resolvConf": ("resolv_conf", str),
    "failSwapOn": ("fail_swap_on", bool),
    "containerLogMaxSize": ("container_log_max_size", str),
    "containerLogMaxFiles": ("container_log_max_files", int),
    "systemReserved": ("system_reserved", dict),
    "kubeReserved": ("kube_reserved", dict),
    "containerRuntimeEndpoint": ("container_runtime_endpoint", str),
    "podLogsDir": ("pod_log_dir", str),
    "registerNode": ("register_node", bool),
    "imageGCHighThresholdPercent": ("image_gc_high_threshold", int),
    "imageGCLowThresholdPercent": ("image_gc_low_threshold", int),
    "allowedUnsafeSysctls": ("allowed_unsafe_sysctls", tuple),
}
"""KubeletConfiguration keys to flags."""


def settings(flags: dict[str, Any]) -> KubeletSettings:
    """UsageError for a value that can't be used."""
    values = merged(flags)
    root = Path(values["root_dir"])
    if values["anonymous_auth"]:
        raise UsageError("--anonymous-auth=true is not supported: anonymous requests are always refused")
    if values["cgroup_driver"] not in ("", "cgroupfs", "systemd"):
        raise UsageError(f"--cgroup-driver must be cgroupfs or systemd, not {values['cgroup_driver']}")
    if bool(values["tls_cert_file"]) != bool(values["tls_private_key_file"]):
        raise UsageError("--tls-cert-file and --tls-private-key-file must be given together")
    return KubeletSettings(
        runtime_endpoint=values["container_runtime_endpoint"] or "unix:///run/containerd/containerd.sock",
        node_name=values["hostname_override"].lower(),
        node_ip=values["node_ip"],
        root=root,
        pod_logs=Path(values["pod_log_dir"] or "/var/log/pods"),
        manifests=_path(values["pod_manifest_path"]),
        cluster_dns=tuple(values["cluster_dns"]),
        cluster_domain=values["cluster_domain"],
        resolv_conf=values["resolv_conf"],
        register_node=values["register_node"],
        register_unschedulable=not values["register_schedulable"],
        taints=tuple(_taint(text) for text in values["register_with_taints"]),
        labels=values["node_labels"],
        max_pods=values["max_pods"],
        pod_pids=max(0, values["pod_max_pids"]),
        pod_cidr=values["pod_cidr"],
        cgroup_root=values["cgroup_root"],
        cgroup_driver=values["cgroup_driver"],
        reserved=_reserved(values["kube_reserved"], values["system_reserved"]),
        fail_swap_on=values["fail_swap_on"],
        log_max_size=whole(_quantity("--container-log-max-size", values["container_log_max_size"])),
        log_max_files=values["container_log_max_files"],
        image_gc_high=values["image_gc_high_threshold"],
        image_gc_low=values["image_gc_low_threshold"],
        allowed_unsafe_sysctls=tuple(values["allowed_unsafe_sysctls"]),
        server=_server(values, root),
    )


def _server(values: dict[str, Any], root: Path) -> ServerSettings:
    if values["authorization_mode"] not in ("AlwaysAllow", "Webhook"):
        mode = values["authorization_mode"]
        raise UsageError(f"--authorization-mode must be AlwaysAllow or Webhook, not {mode}")
    return ServerSettings(
        address=values["address"],
        port=values["port"],
        read_only_port=values["read_only_port"],
        healthz_address=values["healthz_bind_address"],
        healthz_port=values["healthz_port"],
        cert=_path(values["tls_cert_file"]),
        key=_path(values["tls_private_key_file"]),
        cert_dir=_path(values["cert_dir"]) or root / "pki",
        client_ca=_path(values["client_ca_file"]),
        authorization=values["authorization_mode"],
        token_webhook=values["authentication_token_webhook"],
    )


def merged(flags: dict[str, Any]) -> dict[str, Any]:
    """Flags with what the configuration file says where no flag was given."""
    if not flags["config"]:
        return flags
    return {
        **flags,
        **{k: v for k, v in read_config(Path(flags["config"])).items() if k not in flags["_given"]},
    }


def read_config(path: Path) -> dict[str, Any]:
    """A KubeletConfiguration as flag values."""
    import yaml

    try:
        if path.stat().st_size > MAX_CONFIG:
            raise UsageError(f"{path} is larger than {MAX_CONFIG} bytes")
        loaded = yaml.safe_load(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise UsageError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(loaded, dict) or loaded.get("kind") != "KubeletConfiguration":
        raise UsageError(f"{path} is no KubeletConfiguration")
    values: dict[str, Any] = {}
    for key, value in loaded.items():
        if key in _CONFIG_KEYS and value is not None:
            name, make = _CONFIG_KEYS[key]
            try:
                values[name] = make(value)
            except (TypeError, ValueError) as error:
                raise UsageError(f"{path}: {key}: {error}") from error
    return values | _authentication(loaded) | _taints_of(loaded)


def _authentication(config: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    authentication = config.get("authentication") or {}
    ca = (authentication.get("x509") or {}).get("clientCAFile")
    if ca:
        values["client_ca_file"] = str(ca)
    webhook = (authentication.get("webhook") or {}).get("enabled")
    if webhook is not None:
        values["authentication_token_webhook"] = bool(webhook)
    mode = (config.get("authorization") or {}).get("mode")
    if mode:
        values["authorization_mode"] = str(mode)
    return values


def _taints_of(config: Mapping[str, Any]) -> dict[str, Any]:
    taints = config.get("registerWithTaints") or []
    texts = tuple(f"{t.get('key', '')}={t.get('value') or ''}:{t.get('effect', '')}" for t in taints)
    return {"register_with_taints": texts} if texts else {}


def _taint(text: str) -> dict[str, str]:
    """`key=value:effect` or `key:effect`."""
    key_value, colon, effect = text.rpartition(":")
    key, _, value = key_value.partition("=")
    if not colon or not key or effect not in _EFFECTS:
        raise UsageError(
            f'invalid taint "{text}": expected key=value:effect, effect one of {", ".join(_EFFECTS)}'
        )
    return {"key": key, "effect": effect} | ({"value": value} if value else {})


def _reserved(*parts: Mapping[str, str]) -> dict[str, str]:
    total: dict[str, Any] = {}
    for part in parts:
        for name, amount in part.items():
            total[name] = total.get(name, 0) + parse(_quantity(f"reserved {name}", str(amount)))
    return {name: f"{round(value * 1000)}m" for name, value in total.items()}


def _quantity(what: str, text: str) -> str:
    if not is_valid(text):
        raise UsageError(f'invalid quantity "{text}" for {what}')
    return text


def _path(text: str) -> Path | None:
    return Path(text) if text else None
