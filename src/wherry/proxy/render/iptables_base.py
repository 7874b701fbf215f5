"""The chains that are there whatever Services exist, and how the kernel's own chains come to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wherry.proxy.settings import Ruling


@dataclass(frozen=True, slots=True)
class Names:
    """Upstream's names of the shared chains, with this proxy's suffix."""

    suffix: str = ""

    @property
    def services(self) -> str:
        return f"KUBE-SERVICES{self._end}"

    @property
    def node_ports(self) -> str:
        return f"KUBE-NODEPORTS{self._end}"

    @property
    def external(self) -> str:
        return f"KUBE-EXTERNAL-SERVICES{self._end}"

    @property
    def firewall(self) -> str:
        return f"KUBE-PROXY-FIREWALL{self._end}"

    @property
    def forward(self) -> str:
        return f"KUBE-FORWARD{self._end}"

    @property
    def postrouting(self) -> str:
        return f"KUBE-POSTROUTING{self._end}"

    @property
    def mark(self) -> str:
        return f"KUBE-MARK-MASQ{self._end}"

    @property
    def _end(self) -> str:
        return f"-{self.suffix}" if self.suffix else ""


_NEW = "-m conntrack --ctstate NEW"


def jumps(names: Names) -> list[tuple[str, str, str]]:
    """(table, chain of the kernel, rule) that must stand there; put in front of what others have."""

    def said(text: str, more: str, to: str) -> str:
        return f'{more} -m comment --comment "{text}" -j {to}'.strip()

    portals, external = "kubernetes service portals", "kubernetes externally-visible service portals"
    firewall = "kubernetes load balancer firewall"
    return [
        ("filter", "INPUT", said(external, _NEW, names.external)),
        ("filter", "FORWARD", said(external, _NEW, names.external)),
        ("filter", "FORWARD", said(portals, _NEW, names.services)),
        ("filter", "OUTPUT", said(portals, _NEW, names.services)),
        ("filter", "INPUT", said(firewall, _NEW, names.firewall)),
        ("filter", "FORWARD", said(firewall, _NEW, names.firewall)),
        ("filter", "OUTPUT", said(firewall, _NEW, names.firewall)),
        ("filter", "FORWARD", said("kubernetes forwarding rules", "", names.forward)),
        ("nat", "PREROUTING", said(portals, "", names.services)),
        ("nat", "OUTPUT", said(portals, "", names.services)),
        ("nat", "POSTROUTING", said("kubernetes postrouting rules", "", names.postrouting)),
    ]


def base(names: Names, ruling: Ruling) -> Mapping[str, tuple[list[str], list[str]]]:
    """By table: the chains, and the rules that always stand in them."""
    mark = f"{ruling.mark}/{ruling.mark}"
    filters = [names.services, names.external, names.firewall, names.forward]
    nats = [names.services, names.node_ports, names.postrouting, names.mark]
    snat = '-m comment --comment "kubernetes service traffic requiring SNAT"'
    forwarding = [
        f"-A {names.forward} -m conntrack --ctstate INVALID -j DROP",
        f'-A {names.forward} -m comment --comment "kubernetes forwarding rules" -m mark --mark {mark} '
        "-j ACCEPT",
        f'-A {names.forward} -m comment --comment "kubernetes forwarding conntrack rule" -m conntrack '
        "--ctstate RELATED,ESTABLISHED -j ACCEPT",
    ]
    nat = [
        *_egress(names, ruling),
        f"-A {names.postrouting} -m mark ! --mark {mark} -j RETURN",
        f"-A {names.postrouting} -j MARK --xor-mark {ruling.mark}",
        f"-A {names.postrouting} {snat} -j MASQUERADE --random-fully",
        f"-A {names.mark} -j MARK --or-mark {ruling.mark}",
        *_node_ports(names, ruling),
    ]
    return {"filter": (filters, forwarding), "nat": (nats, nat)}


def _egress(names: Names, ruling: Ruling) -> list[str]:
    cidr = ruling.cluster_cidr
    if not (ruling.masquerade_egress and cidr):
        return []
    words = '-m comment --comment "pod traffic that leaves the cluster"'
    marked = f"-m mark ! --mark {ruling.mark}/{ruling.mark}"
    return [f"-A {names.postrouting} {words} {marked} -s {cidr} ! -d {cidr} -j MASQUERADE --random-fully"]


def _node_ports(names: Names, ruling: Ruling) -> list[str]:
    note = (
        '-m comment --comment "kubernetes service nodeports; NOTE: this must be the last rule in this chain"'
    )
    where = [f"-d {cidr} " for cidr in ruling.node_port_addresses] or [
        "" if ruling.localhost_node_ports else "! -d 127.0.0.0/8 "
    ]
    return [
        f"-A {names.services} {note} {at}-m addrtype --dst-type LOCAL -j {names.node_ports}" for at in where
    ]
