"""RuntimeClass: the class a pod names exists, and brings its overhead and its nodes."""

from __future__ import annotations

from collections.abc import Callable

from wherry.api.schema import Obj
from wherry.apiserver.admission.plugin import Plugin, forbidden, the_object
from wherry.apiserver.attributes import Attributes, Reader

_CLASSES = "runtimeclasses.node.k8s.io"


class RuntimeClass(Plugin):
    name = "RuntimeClass"
    resources = ("pods",)

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def admit(self, attributes: Attributes) -> Callable[[bool], None] | None:
        spec = the_object(attributes)["spec"]
        found = self._class_of(attributes, spec)
        if found is None:
            return None
        overhead = (found.get("overhead") or {}).get("podFixed")
        if overhead:
            if spec.get("overhead") not in (None, overhead):
                why = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead"
                raise forbidden(attributes, why)
            spec["overhead"] = dict(overhead)
        scheduling = found.get("scheduling") or {}
        self._place(attributes, spec, scheduling)
        return None

    async def validate(self, attributes: Attributes) -> None:
        spec = the_object(attributes)["spec"]
        if spec.get("overhead") and self._class_of(attributes, spec) is None:
            why = "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead"
            raise forbidden(attributes, why)

    def _class_of(self, attributes: Attributes, spec: Obj) -> Obj | None:
        name = spec.get("runtimeClassName")
        if not name:
            return None
        found = self._reader.get(_CLASSES, name)
        if found is None:
            raise forbidden(attributes, f'pod rejected: RuntimeClass "{name}" not found')
        return found

    def _place(self, attributes: Attributes, spec: Obj, scheduling: Obj) -> None:
        selector = dict(spec.get("nodeSelector") or {})
        for key, value in (scheduling.get("nodeSelector") or {}).items():
            if selector.setdefault(key, value) != value:
                theirs, ours = f"{key}={value}", f"{key}={selector[key]}"
                why = f"conflict: runtimeClass.scheduling.nodeSelector {theirs} and pod.spec.nodeSelector "
                raise forbidden(attributes, why + ours)
        if selector:
            spec["nodeSelector"] = selector
        present = spec.get("tolerations") or []
        added = [dict(t) for t in scheduling.get("tolerations") or () if t not in present]
        if added:
            spec["tolerations"] = [*present, *added]
