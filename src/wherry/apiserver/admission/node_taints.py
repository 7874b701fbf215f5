"""TaintNodesByCondition: a new node takes no pods until it has been seen to be ready."""

from __future__ import annotations

from collections.abc import Callable

from wherry.apiserver.admission.plugin import Plugin, the_object
from wherry.apiserver.attributes import Attributes

NOT_READY = "node.kubernetes.io/not-ready"


class TaintNodesByCondition(Plugin):
    name = "TaintNodesByCondition"
    resources = ("nodes",)

    async def admit(self, attributes: Attributes) -> Callable[[bool], None] | None:
        spec = the_object(attributes).setdefault("spec", {})
        taints = spec.get("taints") or []
        if not any(t.get("key") == NOT_READY and t.get("effect") == "NoSchedule" for t in taints):
            spec["taints"] = [*taints, {"key": NOT_READY, "effect": "NoSchedule"}]
        return None
