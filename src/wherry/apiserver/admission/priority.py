"""Priority: a pod's priority is its class's, never its own say."""

from __future__ import annotations

from collections.abc import Callable

from wherry.api.schema import Obj
from wherry.apiserver.admission.plugin import Plugin, forbidden, the_object
from wherry.apiserver.attributes import Attributes, Reader
from wherry.apiserver.kinds.policy.priority_classes import SYSTEM_CLASSES

_CLASSES = "priorityclasses.scheduling.k8s.io"
_PREEMPT = "PreemptLowerPriority"


class Priority(Plugin):
    name = "Priority"
    resources = ("pods", _CLASSES)
    operations = ("CREATE", "UPDATE")

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def admit(self, attributes: Attributes) -> Callable[[bool], None] | None:
        if attributes.resource.group_resource != "pods":
            return None
        spec = the_object(attributes)["spec"]
        if attributes.operation == "UPDATE":
            _keep(spec, (attributes.old or {}).get("spec") or {})
            return None
        name, value, policy = self._class_of(attributes, spec.get("priorityClassName", ""))
        if name:
            spec["priorityClassName"] = name
        computed = "priority admission controller computed {} from the given PriorityClass name"
        if spec.get("priority") not in (None, value):
            given = f"the integer value of priority ({spec['priority']}) must not be provided in pod spec; "
            raise forbidden(attributes, given + computed.format(value))
        if spec.get("preemptionPolicy") not in (None, policy):
            stated = f"the string value of PreemptionPolicy ({spec['preemptionPolicy']})"
            given = f"{stated} must not be provided in pod spec; "
            raise forbidden(attributes, given + computed.format(policy))
        spec["priority"], spec["preemptionPolicy"] = value, policy
        return None

    async def validate(self, attributes: Attributes) -> None:
        if attributes.resource.group_resource != _CLASSES:
            return
        found = the_object(attributes)
        if not found.get("globalDefault"):
            return
        default = self._default()
        name = found["metadata"].get("name")
        if default is None:
            return
        there = default["metadata"]["name"]
        if attributes.operation == "CREATE" or there != name:
            raise forbidden(
                attributes, f"PriorityClass {there} is already marked as default. Only one default can exist"
            )

    def _class_of(self, attributes: Attributes, name: str) -> tuple[str, int, str]:
        """Name (as it will be written), value and preemption policy."""
        if not name:
            default = self._default()
            if default is None:
                return "", 0, _PREEMPT
            return default["metadata"]["name"], default.get("value", 0), _policy(default)
        found = self._reader.get(_CLASSES, name)
        if found is not None:
            return name, found.get("value", 0), _policy(found)
        if name in SYSTEM_CLASSES:
            return name, SYSTEM_CLASSES[name], _PREEMPT
        raise forbidden(attributes, f"no PriorityClass with name {name} was found")

    def _default(self) -> Obj | None:
        """The class for those who name none: of several (made before there was a check) the lowest."""
        marked = [c for c in self._reader.list(_CLASSES) if c.get("globalDefault")]
        return min(marked, key=lambda c: (c.get("value", 0), c["metadata"]["name"]), default=None)


def _policy(priority_class: Obj) -> str:
    return priority_class.get("preemptionPolicy") or _PREEMPT


def _keep(spec: Obj, old: Obj) -> None:
    """An update that says nothing about them means the old values."""
    for field in ("priority", "preemptionPolicy"):
        if spec.get(field) is None and old.get(field) is not None:
            spec[field] = old[field]
