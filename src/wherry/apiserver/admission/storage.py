"""Plugins about storage: DefaultStorageClass, StorageObjectInUseProtection, PersistentVolumeClaimResize."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from wherry.api import quantity
from wherry.api.schema import Obj
from wherry.apiserver.admission.plugin import Plugin, forbidden, the_object
from wherry.apiserver.attributes import Attributes, Reader
from wherry.apiserver.kinds.storage.classes import is_default

_CLASSES = "storageclasses.storage.k8s.io"
_BETA_CLASS = "volume.beta.kubernetes.io/storage-class"
_FINALIZERS = {
    "persistentvolumes": "kubernetes.io/pv-protection",
    "persistentvolumeclaims": "kubernetes.io/pvc-protection",
}


class DefaultStorageClass(Plugin):
    """A claim that names no class gets the default one; "" means none is wanted."""

    name = "DefaultStorageClass"
    resources = ("persistentvolumeclaims",)

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def admit(self, attributes: Attributes) -> Callable[[bool], None] | None:
        claim = the_object(attributes)
        annotations = claim["metadata"].get("annotations") or {}
        if claim["spec"].get("storageClassName") is None and _BETA_CLASS not in annotations:
            marked = [c for c in self._reader.list(_CLASSES) if is_default(c)]
            if marked:
                claim["spec"]["storageClassName"] = newest(marked)["metadata"]["name"]
        return None


def newest(marked: list[Obj]) -> Obj:
    """Of several defaults the one made last, then the first by name."""
    by_name = sorted(marked, key=lambda obj: str(obj["metadata"]["name"]))
    return max(by_name, key=lambda obj: str(obj["metadata"].get("creationTimestamp", "")))


class StorageObjectInUseProtection(Plugin):
    """Volumes and claims are not gone before nobody uses them: a finalizer keeps them."""

    name = "StorageObjectInUseProtection"
    resources = tuple(_FINALIZERS)

    async def admit(self, attributes: Attributes) -> Callable[[bool], None] | None:
        metadata = the_object(attributes)["metadata"]
        finalizer = _FINALIZERS[attributes.resource.group_resource]
        present = metadata.get("finalizers") or []
        if finalizer not in present:
            metadata["finalizers"] = [*present, finalizer]
        return None


class PersistentVolumeClaimResize(Plugin):
    """Only what the class can make larger may be asked to be larger."""

    name = "PersistentVolumeClaimResize"
    resources = ("persistentvolumeclaims",)
    operations = ("UPDATE",)

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def validate(self, attributes: Attributes) -> None:
        new, old = the_object(attributes), attributes.old or {}
        if _size(new) <= _size(old):
            return
        if (old.get("status") or {}).get("phase") != "Bound":
            raise forbidden(attributes, "Only bound persistent volume claims can be expanded")
        name = (old.get("spec") or {}).get("storageClassName")
        found = self._reader.get(_CLASSES, name) if name else None
        if found is None or not found.get("allowVolumeExpansion"):
            raise forbidden(
                attributes,
                "only dynamically provisioned pvc can be resized and the storageclass that provisions the "
                "pvc must support resize",
            )


def _size(claim: Obj) -> Fraction:
    requests = ((claim.get("spec") or {}).get("resources") or {}).get("requests") or {}
    return quantity.parse(requests.get("storage", "0"))
