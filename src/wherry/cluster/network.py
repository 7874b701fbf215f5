"""What a cluster leaves in the machine's network: the bridge that CNI makes with the first pod, and
kube-proxy's nftables tables (which also masquerade what pods send out of the cluster)."""

from __future__ import annotations

import subprocess

from wherry.cluster.settings import ClusterSettings


def remove_network(settings: ClusterSettings) -> None:
    """Idempotent: what is not there is no error."""
    for family in ("ip", "ip6"):
        command = ["nft", "delete", "table", family, settings.nft_table]
        subprocess.run(command, capture_output=True, check=False)
    subprocess.run(["ip", "link", "delete", settings.bridge], capture_output=True, check=False)
