"""The taint eviction controller: deletes pods that do not tolerate a NoExecute taint of their node.

A toleration with `tolerationSeconds` puts it off; the shortest of those that match counts, from the
moment the taint was added. Follows upstream's `pkg/controller/tainteviction`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from wherry.api.errors import ApiError
from wherry.clock import parse_rfc3339, rfc3339
from wherry.controllers import pods
from wherry.controllers.base import Context, Controller, own_key, split_key
from wherry.controllers.nodes.lifecycle import NODES, PODS, by_node


def tolerates(toleration: Any, taint: Any) -> bool:
    """ToleratesTaint for the operators of NoExecute."""
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if toleration.key and toleration.key != taint.key:
        return False
    match toleration.operator or "Equal":
        case "Exists":
            return True
        case "Equal":
            return (toleration.value or "") == (taint.value or "") and bool(toleration.key)
    return False


def evict_in(pod: Any, taints: Iterable[Any], now: float) -> float | None:
    """Seconds until the pod must leave a node with these taints; None: never. Pure."""
    ends: list[float] = []
    for taint in taints:
        if taint.effect != "NoExecute":
            continue
        matching = [t for t in pod.spec.tolerations if tolerates(t, taint)]
        if not matching:
            return 0.0
        bounded = [t.tolerationSeconds for t in matching if t.tolerationSeconds is not None]
        if bounded:
            since = parse_rfc3339(taint.timeAdded) if taint.timeAdded else now
            ends.append(since + max(0, min(bounded)) - now)
    return max(0.0, min(ends)) if ends else None


class TaintEvictionController(Controller):
    name = "taint-eviction-controller"
    workers = 4

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._events = context.recorder(self.name)
        self._pods = context.indexed(PODS, "node", by_node)
        self.watch(self._pods, _placed)
        self._nodes = self.watch(context.informer(NODES), self._pods_of)
        self._due: set[str] = set()

    def _pods_of(self, node: Any) -> list[str]:
        return [key for pod in self._pods.by_index("node", node.metadata.name) for key in own_key(pod)]

    async def reconcile(self, key: str) -> float | None:
        namespace, name = split_key(key)
        pod = self._pods.get(name, namespace)
        node = None if pod is None else self._nodes.get(pod.spec.nodeName or "")
        if pod is None or node is None or not pods.is_active(pod):
            self._due.discard(key)
            return None
        wait = evict_in(pod, node.spec.taints, self.context.now())
        if wait is None:
            if key in self._due:
                self._due.discard(key)
                self._events.event(pod, "Normal", "TaintManagerEviction", f"Cancelling deletion of Pod {key}")
            return None
        if wait > 0:
            self._due.add(key)
            return wait
        self._events.event(pod, "Normal", "TaintManagerEviction", f"Marking for deletion Pod {key}")
        await self._evict(pod)
        self._due.discard(key)
        return None

    async def _evict(self, pod: Any) -> None:
        meta = pod.metadata
        condition = {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "DeletionByTaintManager",
            "message": "Taint manager: deleting due to NoExecute taint",
            "lastTransitionTime": rfc3339(self.context.now()),
        }
        patch = {"metadata": {"uid": meta.uid}, "status": {"conditions": [condition]}}
        try:
            await self.client.patch(
                PODS, meta.name, patch, meta.namespace, kind="strategic", subresource="status"
            )
            await self.client.delete(PODS, meta.name, meta.namespace, uid=meta.uid)
        except ApiError as error:
            if error.reason not in ("NotFound", "Conflict", "Invalid"):
                raise


def _placed(pod: Any) -> tuple[str, ...]:
    return own_key(pod) if pod.spec.nodeName else ()
