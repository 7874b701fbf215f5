"""What a kube-proxy is told, from flags or a KubeProxyConfiguration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Mode: TypeAlias = Literal["nftables", "iptables"]


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the renderers need to know.

    `table`: the nftables table, and with `suffix` the iptables chains, are ours alone: several clusters
    share a machine, each with its own. `masquerade_egress`: pods' traffic out of the cluster leaves under
    the node's address (where the network plugin does not see to that).
    """

    cluster_cidr: str = ""
    masquerade_all: bool = False
    masquerade_bit: int = 14
    masquerade_egress: bool = False
    node_port_addresses: tuple[str, ...] = ()
    localhost_node_ports: bool = True
    table: str = "kube-proxy"
    suffix: str = ""

    @property
    def mark(self) -> str:
        return f"{1 << self.masquerade_bit:#x}"


@dataclass(frozen=True, slots=True)
class ProxySettings:
    """Times in seconds. An empty address turns its server off."""

    node: str = ""
    mode: Mode = "nftables"
    ruling: Ruling = Ruling()
    min_sync: float = 0.1
    sync_period: float = 30.0
    healthz: str = "0.0.0.0:10256"
    metrics: str = ""
    sysctls: bool = True
    kubeconfig: str = ""
