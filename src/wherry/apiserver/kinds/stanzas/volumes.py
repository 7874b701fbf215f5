"""Volumes of a pod: one source each, well formed.

Sources of file systems that left the tree (`_REQUIRED` below) are checked for the fields they cannot do
without, as upstream still does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wherry.api import quantity, validation_text
from wherry.api.fieldpath import duplicate, forbidden_field, invalid_value, not_supported, required
from wherry.api.schema import Obj
from wherry.apiserver.kinds.stanzas import environment, formats, selectors
from wherry.apiserver.kinds.stanzas.formats import Errors

_VOLUME_FIELDS = (
    "metadata.annotations",
    "metadata.labels",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
)
_HOST_PATHS = (
    "",
    "BlockDevice",
    "CharDevice",
    "Directory",
    "DirectoryOrCreate",
    "File",
    "FileOrCreate",
    "Socket",
)
_ONE_TYPE = "may not specify more than 1 volume type"
_REQUIRED: dict[str, tuple[str, ...]] = {
    "persistentVolumeClaim": ("claimName",),
    "nfs": ("server", "path"),
    "gcePersistentDisk": ("pdName",),
    "awsElasticBlockStore": ("volumeID",),
    "glusterfs": ("endpoints", "path"),
    "rbd": ("monitors", "image"),
    "cinder": ("volumeID",),
    "cephfs": ("monitors",),
    "flexVolume": ("driver",),
    "azureFile": ("secretName", "shareName"),
    "azureDisk": ("diskName", "diskURI"),
    "vsphereVolume": ("volumePath",),
    "photonPersistentDisk": ("pdID",),
    "portworxVolume": ("volumeID",),
    "quobyte": ("registry", "volume"),
    "gitRepo": ("repository",),
    "scaleIO": ("gateway", "system", "volumeName"),
    "csi": ("driver",),
    "iscsi": ("targetPortal", "iqn"),
}
SOURCES = [
    "emptyDir",
    "hostPath",
    "gitRepo",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "secret",
    "nfs",
    "iscsi",
    "glusterfs",
    "flocker",
    "persistentVolumeClaim",
    "rbd",
    "cinder",
    "cephfs",
    "quobyte",
    "downwardAPI",
    "fc",
    "flexVolume",
    "configMap",
    "azureFile",
    "vsphereVolume",
    "photonPersistentDisk",
    "portworxVolume",
    "azureDisk",
    "storageos",
    "projected",
    "scaleIO",
    "csi",
    "ephemeral",
    "image",
]


def volumes(found: list[Obj], pod_name: str, path: str, out: Errors) -> dict[str, Obj]:
    """Checks all of them; the good ones by name, for the mounts to refer to."""
    good: dict[str, Obj] = {}
    made_here = {f"{pod_name}-{v.get('name', '')}" for v in found if "ephemeral" in v} if pod_name else set()
    for i, volume in enumerate(found):
        here, name, before = f"{path}[{i}]", volume.get("name", ""), len(out)
        _source(volume, pod_name, here, out)
        if not name:
            out.append(required(f"{here}.name"))
        else:
            formats.dns_label(name, f"{here}.name", out)
        if name in good:
            out.append(duplicate(f"{here}.name", name))
        if len(out) == before:
            good[name] = volume
        claim = (volume.get("persistentVolumeClaim") or {}).get("claimName")
        if claim and claim in made_here:
            message = "must not reference a PVC that gets created for an ephemeral volume"
            out.append(invalid_value(f"{here}.persistentVolumeClaim.claimName", claim, message))
    return good


def _source(volume: Obj, pod_name: str, path: str, out: Errors) -> None:
    given = [kind for kind in volume if kind != "name"]
    if not given:
        out.append(required(path, "must specify a volume type"))
        return
    if len(given) > 1:
        given.sort(key=SOURCES.index)
        for extra in given[1:]:
            out.append(forbidden_field(f"{path}.{extra}", _ONE_TYPE))
    kind = given[0]
    for field in _REQUIRED.get(kind, ()):
        if not volume[kind].get(field):
            out.append(required(f"{path}.{kind}.{field}"))
    check = _CHECKS.get(kind)
    if check is not None:
        check(volume[kind], f"{path}.{kind}", out)
    if kind == "ephemeral" and pod_name and volume.get("name"):
        claim = f"{pod_name}-{volume['name']}"
        for problem in validation_text.dns_subdomain(claim):
            message = f'PVC name "{claim}": {problem}'
            out.append(invalid_value(f"{path}.name", volume["name"], message))


def _empty_dir(source: Obj, path: str, out: Errors) -> None:
    if "sizeLimit" in source and quantity.parse(source["sizeLimit"]) < 0:
        message = "SizeLimit field must be a valid resource quantity"
        out.append(forbidden_field(f"{path}.sizeLimit", message))


def host_path(source: Obj, path: str, out: Errors) -> None:
    if not source.get("path"):
        out.append(required(f"{path}.path"))
        return
    formats.no_backsteps(source["path"], f"{path}.path", out)
    kind = source.get("type", "")
    if kind not in _HOST_PATHS:
        out.append(not_supported(f"{path}.type", kind, _HOST_PATHS))


def nfs(source: Obj, path: str, out: Errors) -> None:
    if not source.get("path", "").startswith("/"):
        out.append(invalid_value(f"{path}.path", source.get("path", ""), "must be an absolute path"))


def _keyed(name_field: str) -> Callable[[Obj, str, Errors], None]:
    def check(source: Obj, path: str, out: Errors) -> None:
        if not source.get(name_field):
            out.append(required(f"{path}.{name_field}"))
        formats.file_mode(source.get("defaultMode"), f"{path}.defaultMode", out)
        for i, item in enumerate(source.get("items") or ()):
            _key_to_path(item, f"{path}.items[{i}]", out)

    return check


def _key_to_path(item: Obj, path: str, out: Errors) -> None:
    for field in ("key", "path"):
        if not item.get(field):
            out.append(required(f"{path}.{field}"))
    formats.file_path(item.get("path", ""), f"{path}.path", out)
    formats.file_mode(item.get("mode"), f"{path}.mode", out)


def _downward(source: Obj, path: str, out: Errors) -> None:
    formats.file_mode(source.get("defaultMode"), f"{path}.defaultMode", out)
    for item in source.get("items") or ():
        _downward_file(item, path, out)


def _downward_file(item: Obj, path: str, out: Errors) -> None:
    if not item.get("path"):
        out.append(required(f"{path}.path"))
    formats.file_path(item.get("path", ""), f"{path}.path", out)
    field, resource = item.get("fieldRef"), item.get("resourceFieldRef")
    if field is not None:
        environment.field_selector(field, _VOLUME_FIELDS, f"{path}.fieldRef", out)
        if resource is not None:
            message = "fieldRef and resourceFieldRef can not be specified simultaneously"
            out.append(invalid_value(path, "resource", message))
    elif resource is not None:
        environment.resource_selector(resource, f"{path}.resourceFieldRef", out, volume=True)
    else:
        out.append(required(path, "one of fieldRef and resourceFieldRef is required"))
    formats.file_mode(item.get("mode"), f"{path}.mode", out)


def _projected(source: Obj, path: str, out: Errors) -> None:
    formats.file_mode(source.get("defaultMode"), f"{path}.defaultMode", out)
    taken: set[str] = set()

    def claim(file: str, shown: Any) -> None:
        if file in taken:
            out.append(invalid_value(path, shown, "conflicting duplicate paths"))
        taken.add(file)

    for i, projection in enumerate(source.get("sources") or ()):
        here = f"{path}.sources[{i}]"
        for kind in ("secret", "configMap"):
            if (keyed := projection.get(kind)) is not None:
                if not keyed.get("name"):
                    out.append(required(f"{here}.{kind}.name"))
                for j, item in enumerate(keyed.get("items") or ()):
                    _key_to_path(item, f"{here}.{kind}.items[{j}]", out)
                    if item.get("path"):
                        claim(item["path"], keyed.get("name", ""))
        for item in (projection.get("downwardAPI") or {}).get("items") or ():
            _downward_file(item, f"{here}.downwardAPI", out)
            if item.get("path"):
                claim(item["path"], item["path"])
        if (token := projection.get("serviceAccountToken")) is not None:
            _token(token, here, path, out)
        if (bundle := projection.get("clusterTrustBundle")) is not None:
            _trust_bundle(bundle, f"{here}.clusterTrustBundle", out)
            claim(bundle.get("path", ""), bundle.get("path", ""))
        if len(projection) > 1:
            out.append(forbidden_field(here, "may not specify more than 1 volume type per source"))


def _token(token: Obj, here: str, path: str, out: Errors) -> None:
    seconds, field = token.get("expirationSeconds", 0), f"{here}.serviceAccountToken.expirationSeconds"
    if seconds < 600:
        out.append(invalid_value(field, seconds, "may not specify a duration less than 10 minutes"))
    if seconds > 1 << 32:
        out.append(invalid_value(field, seconds, "may not specify a duration larger than 2^32 seconds"))
    if not token.get("path"):
        out.append(required(f"{path}.path"))
    else:
        formats.file_path(token["path"], f"{path}.path", out)


def _trust_bundle(bundle: Obj, path: str, out: Errors) -> None:
    name, signer = bundle.get("name"), bundle.get("signerName")
    if name is not None and signer is not None:
        out.append(invalid_value(path, bundle, "only one of name and signerName may be used"))
    elif name is not None:
        if not name:
            out.append(required(f"{path}.name", "must be a valid object name"))
        if bundle.get("labelSelector") is not None:
            message = "labelSelector must be unset if name is specified"
            out.append(invalid_value(f"{path}.labelSelector", bundle["labelSelector"], message))
    elif signer is not None:
        if not signer:
            out.append(required(f"{path}.signerName", "must be a valid signer name"))
        selectors.label_selector(bundle.get("labelSelector"), f"{path}.labelSelector", out)
    else:
        out.append(required(path, "either name or signerName must be specified"))
    if not bundle.get("path"):
        out.append(required(f"{path}.path"))
    formats.file_path(bundle.get("path", ""), f"{path}.path", out)


def _image(source: Obj, path: str, out: Errors) -> None:
    policies = ("Always", "IfNotPresent", "Never")
    formats.one_of(source.get("pullPolicy"), policies, f"{path}.pullPolicy", out)


def _fibre_channel(source: Obj, path: str, out: Errors) -> None:
    names, ids = source.get("targetWWNs"), source.get("wwids")
    if not names and not ids:
        message = "must specify either targetWWNs or wwids, but not both"
        out.append(required(f"{path}.targetWWNs", message))
    if names and ids:
        message = "targetWWNs and wwids can not be specified simultaneously"
        out.append(invalid_value(f"{path}.targetWWNs", names, message))
    if names and source.get("lun") is None:
        out.append(required(f"{path}.lun", "lun is required if targetWWNs is specified"))


_CHECKS: dict[str, Callable[[Obj, str, Errors], None]] = {
    "emptyDir": _empty_dir,
    "hostPath": host_path,
    "nfs": nfs,
    "secret": _keyed("secretName"),
    "configMap": _keyed("name"),
    "downwardAPI": _downward,
    "projected": _projected,
    "image": _image,
    "fc": _fibre_channel,
}
