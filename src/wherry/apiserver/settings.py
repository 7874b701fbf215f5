"""What an API server is told when it is made. Flags become this in options.py; the in-process cluster
and the tests make it themselves. File names are read by whoever needs the file."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path

DEFAULT_ISSUER = "https://kubernetes.default.svc.cluster.local"


@dataclass(frozen=True, slots=True)
class KubeletSettings:
    """How the API server reaches kubelets (logs, exec, attach, port-forward, node proxy)."""

    client_certificate: Path | None = None
    client_key: Path | None = None
    certificate_authority: Path | None = None
    port: int = 10250
    address_types: tuple[str, ...] = ("Hostname", "InternalDNS", "InternalIP", "ExternalDNS", "ExternalIP")


@dataclass(frozen=True, slots=True)
class ServiceAccountSettings:
    issuers: tuple[str, ...] = (DEFAULT_ISSUER,)
    """The first signs; all are accepted."""
    key_files: tuple[Path, ...] = ()
    """Public (or private) keys that verify; none: the signing key's."""
    signing_key_file: Path | None = None
    """None: a key that lives as long as the process."""
    audiences: tuple[str, ...] = ()
    """What tokens for this API server are meant for; none: the issuers."""
    max_expiration: int = 0
    extend_expiration: bool = True
    lookup: bool = True

    @property
    def api_audiences(self) -> tuple[str, ...]:
        return self.audiences or self.issuers


@dataclass(frozen=True, slots=True)
class ApiServerSettings:
    bind_address: str = "0.0.0.0"
    secure_port: int = 6443
    advertise_address: str = ""
    """"": bind_address, or what the default route's interface has when that is unspecified."""
    tls_cert_file: Path | None = None
    tls_private_key_file: Path | None = None
    client_ca_file: Path | None = None
    token_auth_file: Path | None = None
    anonymous_auth: bool = True
    service_account: ServiceAccountSettings = ServiceAccountSettings()
    kubelet: KubeletSettings = KubeletSettings()
    authorization_modes: tuple[str, ...] = ("AlwaysAllow",)
    enable_admission_plugins: tuple[str, ...] = ()
    disable_admission_plugins: tuple[str, ...] = ()
    allow_privileged: bool = False
    service_cluster_ip_range: str = "10.0.0.0/24"
    service_node_port_range: tuple[int, int] = (30000, 32767)
    event_ttl: float = 3600.0
    max_requests_inflight: int = 400
    max_mutating_requests_inflight: int = 200
    endpoint_reconciler: bool = True
    shutdown_grace: float = 5.0

    @property
    def service_networks(self) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
        """One network a family; ValueError for what is none."""
        texts = self.service_cluster_ip_range.split(",")
        return tuple(ipaddress.ip_network(text.strip(), strict=False) for text in texts)

    @property
    def kubernetes_service_ip(self) -> str:
        """The first address of the service range."""
        return str(self.service_networks[0][1])
