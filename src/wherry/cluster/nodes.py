"""Which nodes are Ready by their own word, given since a certain time.

A node object from an earlier run may say Ready although nobody stands behind it (yet). The kubelet
renews the node's Lease and reports its status when it starts: both must be newer.
"""

from __future__ import annotations

from typing import Any

from wherry.api.errors import ApiError
from wherry.api.scheme import resource
from wherry.client.rest import Client
from wherry.clock import parse_rfc3339

_LEASE_NAMESPACE = "kube-node-lease"


async def ready_nodes(client: Client, since: float) -> int:
    """How many are Ready with a heartbeat after `since` (seconds since the epoch). 0 while the API
    server does not answer."""
    try:
        nodes = (await client.list(resource("nodes"))).items
        leases = (await client.list(resource("leases.coordination.k8s.io"), _LEASE_NAMESPACE)).items
    except (ApiError, OSError):
        return 0
    beating = {lease.metadata.name for lease in leases if _after(lease.spec.renewTime, since)}
    return sum(is_ready(node, since) for node in nodes if node.metadata.name in beating)


def is_ready(node: Any, since: float) -> bool:
    return any(
        condition.type == "Ready"
        and condition.status == "True"
        and _after(condition.lastHeartbeatTime, int(since))
        for condition in node.status.conditions
    )


def _after(stamp: str | None, since: float) -> bool:
    try:
        return stamp is not None and parse_rfc3339(stamp) >= since
    except ValueError:
        return False
