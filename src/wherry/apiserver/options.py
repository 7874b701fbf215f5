"""kube-apiserver's flags: the table, what they mean, and the process they start."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from wherry.apiserver.admission.settings import PLUGINS
from wherry.apiserver.serving import run
from wherry.apiserver.settings import (
    DEFAULT_ISSUER,
    ApiServerSettings,
    KubeletSettings,
    ServiceAccountSettings,
)
from wherry.component_flags import Flag, Kind, UsageError

_ADDRESS_TYPES = ("Hostname", "InternalDNS", "InternalIP", "ExternalDNS", "ExternalIP")
_MODES = ("ABAC", "AlwaysAllow", "AlwaysDeny", "Node", "RBAC", "Webhook")

_UNUSED: dict[Kind, tuple[str, ...]] = {
    "string": (
        "etcd-cafile",
        "etcd-certfile",
        "etcd-keyfile",
        "etcd-prefix",
        "storage-backend",
        "storage-media-type",
        "requestheader-client-ca-file",
        "proxy-client-cert-file",
        "proxy-client-key-file",
        "tls-min-version",
        "service-account-jwks-uri",
        "audit-log-path",
        "audit-policy-file",
        "encryption-provider-config",
        "authorization-webhook-config-file",
        "admission-control-config-file",
        "oidc-issuer-url",
        "oidc-client-id",
        "logging-format",
        "external-hostname",
    ),
    "duration": (
        "etcd-compaction-interval",
        "kubelet-timeout",
        "request-timeout",
    ),
    "bool": (
        "watch-cache",
        "enable-bootstrap-token-auth",
        "enable-aggregator-routing",
        "enable-priority-and-fairness",
        "profiling",
        "emulation-forward-compatible",
    ),
    "strings": (
        "requestheader-allowed-names",
        "requestheader-username-headers",
        "requestheader-group-headers",
        "requestheader-extra-headers-prefix",
        "requestheader-uid-headers",
        "emulated-version",
        "tls-cipher-suites",
        "tls-sni-cert-key",
    ),
    "map": (
        "runtime-config",
        "feature-gates",
    ),
    "int": (
        "min-request-timeout",
        "default-not-ready-toleration-seconds",
        "default-unreachable-toleration-seconds",
        "delete-collection-workers",
        "apiserver-count",
        "audit-log-maxage",
        "audit-log-maxbackup",
        "audit-log-maxsize",
        "lease-reuse-duration-seconds",
    ),
    "float": ("goaway-chance",),
}
"""Flags of upstream's that change nothing here."""

FLAGS: tuple[Flag, ...] = (
    Flag("--advertise-address", help="address on which members of the cluster reach this server"),
    Flag("--bind-address", default="0.0.0.0", help="address to listen on"),
    Flag("--secure-port", "int", default=6443, help="port for HTTPS"),
    Flag("--data-dir", help="folder of the embedded store, when --etcd-servers is not given"),
    Flag("--etcd-servers", "strings", help="etcd servers (scheme://ip:port)"),
    Flag("--cert-dir", default="/var/run/kubernetes", help="where a self-signed certificate goes"),
    Flag("--tls-cert-file", help="x509 certificate for HTTPS"),
    Flag("--tls-private-key-file", help="key of --tls-cert-file"),
    Flag("--client-ca-file", help="authorities that sign client certificates"),
    Flag("--token-auth-file", help='static tokens: token,user,uid,"groups" a line'),
    Flag("--anonymous-auth", "bool", default=True, help="let requests without credentials see server health"),
    Flag("--service-account-issuer", "strings", default=(DEFAULT_ISSUER,), help="issuers of account tokens"),
    Flag("--service-account-key-file", "strings", help="keys that verify account tokens"),
    Flag("--service-account-signing-key-file", help="key that signs account tokens"),
    Flag("--service-account-max-token-expiration", "duration", help="longest life of a token asked for"),
    Flag("--service-account-extend-token-expiration", "bool", default=True, help="let pod tokens outlive"),
    Flag("--service-account-lookup", "bool", default=True, help="tokens die with what they are bound to"),
    Flag("--api-audiences", "strings", help="what tokens for this server are meant for"),
    Flag("--authorization-mode", "strings", default=("AlwaysAllow",), help="authorizers, in order"),
    Flag("--enable-admission-plugins", "strings", help="admission plugins beside the default ones"),
    Flag("--disable-admission-plugins", "strings", help="default admission plugins not wanted"),
    Flag("--allow-privileged", "bool", help="allow privileged containers"),
    Flag("--service-cluster-ip-range", default="10.0.0.0/24", help="CIDR of Service addresses"),
    Flag("--service-node-port-range", default="30000-32767", help="ports of NodePort Services"),
    Flag("--kubelet-client-certificate", help="certificate shown to kubelets"),
    Flag("--kubelet-client-key", help="key of --kubelet-client-certificate"),
    Flag("--kubelet-certificate-authority", help="authorities of kubelets' certificates"),
    Flag(
        "--kubelet-preferred-address-types", "strings", default=_ADDRESS_TYPES, help="node addresses to use"
    ),
    Flag("--kubelet-port", "int", default=10250, help="port of kubelets that state none"),
    Flag("--event-ttl", "duration", default=3600.0, help="how long Events are kept"),
    Flag("--max-requests-inflight", "int", default=400, help="reads under way at once; 0 is no bound"),
    Flag("--max-mutating-requests-inflight", "int", default=200, help="writes under way at once"),
    Flag("--endpoint-reconciler-type", default="lease", help="lease or none"),
    Flag("--shutdown-delay-duration", "duration", help="time between not ready and closed", effect=False),
    Flag("--v", "int", short="-v", help="log verbosity"),
    *(
        Flag(f"--{name}", kind, help="as upstream", effect=False)
        for kind, names in _UNUSED.items()
        for name in names
    ),
)


def settings(flags: dict[str, Any]) -> ApiServerSettings:
    """Flag values as settings. Raises UsageError for what can't be."""
    files = {
        flag: _file(flags, flag)
        for flag in (
            "--tls-cert-file",
            "--tls-private-key-file",
            "--client-ca-file",
            "--token-auth-file",
            "--service-account-signing-key-file",
            "--kubelet-client-certificate",
            "--kubelet-client-key",
            "--kubelet-certificate-authority",
        )
    }
    if (files["--tls-cert-file"] is None) != (files["--tls-private-key-file"] is None):
        raise UsageError("--tls-cert-file and --tls-private-key-file must be given together")
    made = ApiServerSettings(
        bind_address=_address(flags, "bind_address") or "0.0.0.0",
        secure_port=_port(flags["secure_port"]),
        advertise_address=_address(flags, "advertise_address") or _own_address(flags["bind_address"]),
        tls_cert_file=files["--tls-cert-file"],
        tls_private_key_file=files["--tls-private-key-file"],
        client_ca_file=files["--client-ca-file"],
        token_auth_file=files["--token-auth-file"],
        anonymous_auth=flags["anonymous_auth"],
        service_account=_service_account(flags, files["--service-account-signing-key-file"]),
        kubelet=KubeletSettings(
            files["--kubelet-client-certificate"],
            files["--kubelet-client-key"],
            files["--kubelet-certificate-authority"],
            flags["kubelet_port"],
            tuple(flags["kubelet_preferred_address_types"]),
        ),
        authorization_modes=_modes(flags["authorization_mode"]),
        enable_admission_plugins=_plugins(flags, "enable_admission_plugins"),
        disable_admission_plugins=_plugins(flags, "disable_admission_plugins"),
        allow_privileged=flags["allow_privileged"],
        service_cluster_ip_range=flags["service_cluster_ip_range"],
        service_node_port_range=_port_range(flags["service_node_port_range"]),
        event_ttl=flags["event_ttl"],
        max_requests_inflight=_count(flags, "max_requests_inflight"),
        max_mutating_requests_inflight=_count(flags, "max_mutating_requests_inflight"),
        endpoint_reconciler=flags["endpoint_reconciler_type"] != "none",
    )
    _check_range(made)
    return made


def _service_account(flags: dict[str, Any], signing: Path | None) -> ServiceAccountSettings:
    keys = tuple(
        _readable(Path(name), "--service-account-key-file") for name in flags["service_account_key_file"]
    )
    return ServiceAccountSettings(
        issuers=tuple(flags["service_account_issuer"]),
        key_files=keys,
        signing_key_file=signing,
        audiences=tuple(flags["api_audiences"]),
        max_expiration=int(flags["service_account_max_token_expiration"]),
        extend_expiration=flags["service_account_extend_token_expiration"],
        lookup=flags["service_account_lookup"],
    )


def _file(flags: dict[str, Any], flag: str) -> Path | None:
    text = flags[flag.removeprefix("--").replace("-", "_")]
    return _readable(Path(text), flag) if text else None


def _readable(path: Path, flag: str) -> Path:
    try:
        with path.open("rb"):
            return path
    except OSError as error:
        raise UsageError(f"{flag}: cannot read {path}: {error.strerror}") from error


def _address(flags: dict[str, Any], key: str) -> str:
    text: str = flags[key]
    if text:
        try:
            ipaddress.ip_address(text)
        except ValueError:
            raise UsageError(f'--{key.replace("_", "-")}: "{text}" is not an IP address') from None
    return text


def _own_address(bind: str) -> str:
    """What others reach us by: the address bound, or that of the default route's interface."""
    if bind and not ipaddress.ip_address(bind).is_unspecified:
        return bind
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # A datagram socket's connect only asks the routing table; nothing is sent.
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return ""
        found: str = probe.getsockname()[0]
        return found


def _port(number: int) -> int:
    if not 0 <= number <= 65535:
        raise UsageError(f"--secure-port {number} must be between 0 and 65535, inclusive")
    return number


def _port_range(text: str) -> tuple[int, int]:
    low, _, high = text.partition("-")
    try:
        found = int(low), int(high)
    except ValueError:
        raise UsageError(
            f'--service-node-port-range: "{text}" is not a range of ports like 30000-32767'
        ) from None
    if not 0 < found[0] <= found[1] <= 65535:
        raise UsageError(f'--service-node-port-range: "{text}" is not a range of ports like 30000-32767')
    return found


def _modes(modes: tuple[str, ...]) -> tuple[str, ...]:
    for mode in modes:
        if mode not in _MODES:
            raise UsageError(f'authorization-mode "{mode}" is not one of {", ".join(_MODES)}')
    return tuple(modes)


def _plugins(flags: dict[str, Any], key: str) -> tuple[str, ...]:
    for name in flags[key]:
        if name not in PLUGINS:
            raise UsageError(f'{key.replace("_", "-")} plugin "{name}" is unknown')
    return tuple(flags[key])


def _count(flags: dict[str, Any], key: str) -> int:
    number: int = flags[key]
    if number < 0:
        raise UsageError(f"--{key.replace('_', '-')} can not be negative value")
    return number


def _check_range(made: ApiServerSettings) -> None:
    try:
        networks = made.service_networks
        made.kubernetes_service_ip  # noqa: B018 - raises when the range is too small
    except (ValueError, IndexError) as error:
        raise UsageError(f"--service-cluster-ip-range: {error}") from error
    if len(networks) > 2:
        raise UsageError("--service-cluster-ip-range must not contain more than two entries")


async def serve(flags: dict[str, Any], ready: Callable[[], None]) -> None:
    """Runs an API server until cancelled. Raises UsageError for what the person can put right."""
    await run(settings(flags), flags, ready)
