"""The pods' network on this machine: forwarding, masquerade for what leaves the cluster, the bridge.

The bridge itself is made by CNI with the first pod. What leaves the pods' range for the world takes
the machine's address; that rule stands in an nftables table of our own, apart from kube-proxy's.
"""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path

from wherry.cluster.settings import ClusterSettings

_SYSCTLS = {
    "net/ipv4/ip_forward": "1",
    "net/bridge/bridge-nf-call-iptables": "1",
}


def _table(settings: ClusterSettings) -> str:
    return f"wherry-{settings.name}-egress"


def prepare_network(settings: ClusterSettings) -> None:
    """Idempotent: replaces the table whole."""
    for name, value in _SYSCTLS.items():
        with contextlib.suppress(OSError):  # absent without the bridge module; kube-proxy says so
            Path("/proc/sys", name).write_text(value)
    table, pods = _table(settings), settings.pod_cidr
    rules = f"""
table ip {table}
delete table ip {table}
table ip {table} {{
  chain postrouting {{
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr {pods} ip daddr != {pods} oifname != "{settings.bridge}" masquerade fully-random
  }}
}}
"""
    subprocess.run(["nft", "-f", "-"], input=rules, text=True, check=True, capture_output=True)


def remove_network(settings: ClusterSettings) -> None:
    """Interfaces and tables of the cluster, those of kube-proxy included."""
    for table in (_table(settings), settings.nft_table):
        for family in ("ip", "ip6"):
            subprocess.run(["nft", "delete", "table", family, table], capture_output=True, check=False)
    subprocess.run(["ip", "link", "delete", settings.bridge], capture_output=True, check=False)
