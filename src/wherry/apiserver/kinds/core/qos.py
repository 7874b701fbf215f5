"""The quality-of-service class of a pod (upstream apis/core/v1/helper/qos).

Guaranteed: every container has cpu and memory limits, equal to its requests. BestEffort: nobody asks
for either. Burstable: the rest. Pod-level resources, where given, speak for all containers.
"""

from __future__ import annotations

from typing import Any

from wherry.api import quantity
from wherry.api.schema import Obj

_COMPUTE = ("cpu", "memory")


def qos_class(spec: Obj) -> str:
    whole = spec.get("resources") or {}
    if whole.get("requests") or whole.get("limits"):
        groups = [whole]
    else:
        containers = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
        groups = [c.get("resources") or {} for c in containers]
    guaranteed = True
    some = False
    for resources in groups:
        requests, limits = _positive(resources.get("requests")), _positive(resources.get("limits"))
        some = some or bool(requests or limits)
        if len(limits) < len(_COMPUTE) or requests != limits:
            guaranteed = False
    if not some:
        return "BestEffort"
    return "Guaranteed" if guaranteed else "Burstable"


def _positive(resources: Any) -> dict[str, Any]:
    if not resources:
        return {}
    found = {name: quantity.parse(resources[name]) for name in _COMPUTE if name in resources}
    return {name: value for name, value in found.items() if value > 0}
