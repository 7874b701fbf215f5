"""PodTopologyLabels: a pod bound to a node carries the node's zone and region."""

from __future__ import annotations

from collections.abc import Callable

from wherry.api.scheme import Resource
from wherry.apiserver.admission.plugin import Plugin, the_object
from wherry.apiserver.attributes import Attributes, Reader

_LABELS = ("topology.kubernetes.io/zone", "topology.kubernetes.io/region")


class PodTopologyLabels(Plugin):
    """Asked about bindings, whose labels the binding gives to the pod, and pods made with a node."""

    name = "PodTopologyLabels"

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def handles(self, resource: Resource, subresource: str, operation: str) -> bool:
        if operation != "CREATE":
            return False
        return resource.group_resource == "pods" and subresource in ("", "binding")

    async def admit(self, attributes: Attributes) -> Callable[[bool], None] | None:
        obj = the_object(attributes)
        if attributes.info.subresource == "binding":
            name = (obj.get("target") or {}).get("name", "")
        else:
            name = (obj.get("spec") or {}).get("nodeName", "")
        node = self._reader.get("nodes", name) if name else None
        if node is None:
            return None
        found = node["metadata"].get("labels") or {}
        copied = {key: found[key] for key in _LABELS if key in found}
        if copied:
            metadata = obj.setdefault("metadata", {})
            metadata["labels"] = {**(metadata.get("labels") or {}), **copied}
        return None
