"""DefaultIngressClass: an Ingress that names no class gets the one marked as default."""

from __future__ import annotations

from collections.abc import Callable

from wherry.apiserver.admission.plugin import Plugin, the_object
from wherry.apiserver.admission.storage import newest
from wherry.apiserver.attributes import Attributes, Reader

_CLASSES = "ingressclasses.networking.k8s.io"
_MARK = "ingressclass.kubernetes.io/is-default-class"
_OLD_ANNOTATION = "kubernetes.io/ingress.class"


class DefaultIngressClass(Plugin):
    name = "DefaultIngressClass"
    resources = ("ingresses.networking.k8s.io",)

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def admit(self, attributes: Attributes) -> Callable[[bool], None] | None:
        ingress = the_object(attributes)
        annotations = ingress["metadata"].get("annotations") or {}
        if ingress["spec"].get("ingressClassName") is not None or _OLD_ANNOTATION in annotations:
            return None
        marked = [
            c
            for c in self._reader.list(_CLASSES)
            if (c["metadata"].get("annotations") or {}).get(_MARK) == "true"
        ]
        if marked:
            ingress["spec"]["ingressClassName"] = newest(marked)["metadata"]["name"]
        return None
