"""The node lifecycle controller: notices silent nodes, tells their pods, taints them.

    Lease and status events -> when heard -> silent for too long -> Ready Unknown -> taints
                                                                  -> pods Ready False

Deciding is in health.py and zones.py. What taints do to pods is eviction.py's. Follows upstream's
`pkg/controller/nodelifecycle`.
"""

from __future__ import annotations

import asyncio
from typing import Any

from wherry.api.errors import ApiError
from wherry.api.schema import Obj
from wherry.api.scheme import resource
from wherry.clock import rfc3339
from wherry.controllers import pods
from wherry.controllers.base import Context, Controller, own_key, soonest
from wherry.controllers.nodes import health
from wherry.controllers.nodes.health import Heard
from wherry.controllers.nodes.zones import pace, zone_of

NODES = resource("nodes")
LEASES = resource("leases.coordination.k8s.io")
PODS = resource("pods")
LEASE_NAMESPACE = "kube-node-lease"


def by_node(pod: Any) -> tuple[str, ...]:
    return (pod.spec.nodeName,) if pod.spec.nodeName else ()


class NodeLifecycleController(Controller):
    name = "node-lifecycle-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._settings = context.settings
        self._events = context.recorder("node-controller")
        self._heard: dict[str, Heard] = {}
        self._next_eviction: dict[str, float] = {}
        self._nodes = context.informer(NODES)
        self._leases = context.informers.informer(LEASES, namespace=LEASE_NAMESPACE)
        self._nodes.add_handler(self._node_event)
        self._leases.add_handler(self._lease_event)
        self.watch(self._nodes, own_key)
        self.watch(self._leases)
        self._pods = self.watch(context.indexed(PODS, "node", by_node))

    def _node_event(self, event: str, old: Any, new: Any) -> None:
        if new is not None:
            self._listen(new)
            return
        self._heard.pop(old.metadata.name, None)
        message = f"Node {old.metadata.name} event: Removing Node {old.metadata.name} from Controller"
        self._events.event(old, "Normal", "RemovingNode", message)

    def _lease_event(self, event: str, old: Any, new: Any) -> None:
        node = None if new is None else self._nodes.get(new.metadata.name)
        if node is not None:
            self._listen(node)

    def _listen(self, node: Any) -> None:
        name = node.metadata.name
        lease = self._leases.get(name, LEASE_NAMESPACE)
        now = asyncio.get_running_loop().time()
        heard = self._heard.get(name)
        if heard is None:
            heard = self._heard[name] = Heard(now)
            message = f"Node {name} event: Registered Node {name} in Controller"
            self._events.event(node, "Normal", "RegisteredNode", message)
        renewed = "" if lease is None else str(lease.spec.renewTime or "")
        heard.listen(health.heartbeat(node), renewed, now)

    async def reconcile(self, key: str) -> float | None:
        node = self._nodes.get(key)
        if node is None or node.metadata.deletionTimestamp is not None:
            return None
        silence = self._silence(node)
        if silence <= 0:
            unknown = health.unknown_conditions(node, self.context.now())
            if unknown:
                node = await self._write_conditions(node, unknown)
        if health.ready_status(node) != "True":
            await self._tell_pods(node)
        pause = await self._taint(node)
        return soonest(silence if silence > 0 else None, pause, self._settings.node_monitor_grace)

    def _silence(self, node: Any) -> float:
        """Seconds for which the node may still be silent."""
        heard = self._heard[node.metadata.name]
        never = not node.status.conditions
        grace = self._settings.node_startup_grace if never else self._settings.node_monitor_grace
        return heard.at + grace - asyncio.get_running_loop().time()

    async def _write_conditions(self, node: Any, unknown: list[Obj]) -> Any:
        meta = node.metadata
        patch = {"metadata": {"resourceVersion": meta.resourceVersion}, "status": {"conditions": unknown}}
        was_ready = health.ready_status(node) == "True"
        written = await self.client.patch(NODES, meta.name, patch, kind="strategic", subresource="status")
        if was_ready:
            message = f"Node {meta.name} status is now: NodeNotReady"
            self._events.event(node, "Normal", "NodeNotReady", message)
        return written

    async def _tell_pods(self, node: Any) -> None:
        """A pod on a node that is not ready is not ready either, whoever last said so."""
        for pod in self._pods.by_index("node", node.metadata.name):
            if not pods.is_ready(pod) or pod.metadata.deletionTimestamp is not None:
                continue
            now, meta = rfc3339(self.context.now()), pod.metadata
            condition = {"type": "Ready", "status": "False", "lastTransitionTime": now}
            patch = {"metadata": {"uid": meta.uid}, "status": {"conditions": [condition]}}
            try:
                await self.client.patch(
                    PODS, meta.name, patch, meta.namespace, kind="strategic", subresource="status"
                )
            except ApiError as error:
                if error.reason not in ("NotFound", "Conflict", "Invalid"):
                    raise
            self._events.event(pod, "Warning", "NodeNotReady", "Node is not ready")

    async def _taint(self, node: Any) -> float | None:
        """Brings the taints up to date; seconds until a NoExecute taint may be added that may not yet."""
        execute, pause = self._may_evict(node, health.no_execute_key(node))
        wanted = health.taints(node, execute, self.context.now())
        if wanted is not None:
            meta = node.metadata
            patch = {
                "metadata": {"resourceVersion": meta.resourceVersion},
                "spec": {"taints": wanted or None},
            }
            await self.client.patch(NODES, meta.name, patch)
        return pause

    def _may_evict(self, node: Any, key: str) -> tuple[str, float | None]:
        """(the key, if the node may have that NoExecute taint now, seconds until asking again)."""
        if not key:
            return "", None
        speed = pace(self._nodes.list(), self._settings)
        if speed.disrupted:
            return "", self._settings.node_monitor_period
        if health.is_marked(node):
            return key, None
        zone = zone_of(node)
        interval = speed.interval(zone)
        if interval is None:
            return "", self._settings.node_monitor_period
        now = asyncio.get_running_loop().time()
        due = self._next_eviction.get(zone, now)
        if due > now:
            return "", due - now
        self._next_eviction[zone] = now + interval
        return key, None
