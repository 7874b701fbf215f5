"""The node IPAM controller: a range of pod addresses for every node, the lowest that is free.

One worker, so two nodes never get the same range; what is taken is read from the nodes themselves and
from what was just written. Follows upstream's range allocator (`pkg/controller/nodeipam`), which
takes the next free range after the last one given instead.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from wherry.controllers.base import Context, Controller, own_key
from wherry.controllers.nodes.lifecycle import NODES

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(slots=True)
class Pool:
    """The ranges of one cluster CIDR."""

    network: Network
    mask: int
    reserved: tuple[Network, ...] = ()
    """Ranges never given out: service addresses that lie inside."""

    taken: dict[str, int] = field(default_factory=dict)
    """range index by node"""

    def size(self) -> int:
        return 1 << (self.mask - self.network.prefixlen)

    def take(self, node: str) -> Network | None:
        """The node's range, the lowest free one if it has none yet; None when all are taken."""
        if node not in self.taken:
            used = set(self.taken.values())
            free = (i for i in range(self.size()) if i not in used and not self._is_reserved(i))
            index = next(free, None)
            if index is None:
                return None
            self.taken[node] = index
        return self.at(self.taken[node])

    def occupy(self, node: str, text: str) -> None:
        """Notes a range that a node has, if it is one of this pool."""
        network = ipaddress.ip_network(text, strict=False)
        if network.version == self.network.version and network.network_address in self.network:
            offset = int(network.network_address) - int(self.network.network_address)
            self.taken[node] = offset >> (self.network.max_prefixlen - self.mask)

    def release(self, node: str) -> None:
        self.taken.pop(node, None)

    def at(self, index: int) -> Network:
        base = int(self.network.network_address) + (index << (self.network.max_prefixlen - self.mask))
        kind = type(self.network)
        return kind((base, self.mask))

    def _is_reserved(self, index: int) -> bool:
        mine = self.at(index)
        return any(mine.version == other.version and mine.overlaps(other) for other in self.reserved)


class NodeIpamController(Controller):
    name = "node-ipam-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        settings = context.settings
        self._events = context.recorder("cidrAllocator")
        reserved = tuple(ipaddress.ip_network(text, strict=False) for text in settings.service_cidrs)
        networks = [ipaddress.ip_network(text, strict=False) for text in settings.cluster_cidrs]
        self._pools = [
            Pool(one, settings.node_mask_v4 if one.version == 4 else settings.node_mask_v6, reserved)
            for one in networks
        ]
        self._nodes = context.informer(NODES)
        self._nodes.add_handler(self._observe)
        self.watch(self._nodes, own_key)

    def _observe(self, event: str, old: Any, new: Any) -> None:
        for pool in self._pools:
            if new is None:
                pool.release(old.metadata.name)
            else:
                for text in new.spec.podCIDRs:
                    pool.occupy(new.metadata.name, text)

    async def reconcile(self, key: str) -> float | None:
        node = self._nodes.get(key)
        if node is None or node.spec.podCIDRs or node.metadata.deletionTimestamp is not None:
            return None
        ranges = [pool.take(key) for pool in self._pools]
        if None in ranges:
            for pool in self._pools:
                pool.release(key)
            message = f"Node {key} status is now: CIDRNotAvailable"
            self._events.event(node, "Normal", "CIDRNotAvailable", message)
            return 60.0
        texts = [str(one) for one in ranges]
        precondition = {"uid": node.metadata.uid, "resourceVersion": node.metadata.resourceVersion}
        patch = {"metadata": precondition, "spec": {"podCIDR": texts[0], "podCIDRs": texts}}
        await self.client.patch(NODES, key, patch)
        return None
