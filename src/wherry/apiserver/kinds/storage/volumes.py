"""PersistentVolume and PersistentVolumeClaim."""

from __future__ import annotations

from typing import Any

from wherry.api import quantity, validation_text
from wherry.api.fieldpath import FieldError, forbidden_field, invalid_value, not_supported, required
from wherry.api.schema import Obj
from wherry.apiserver.kinds.columns import AGE, NAME, UNSET, at
from wherry.apiserver.kinds.differences import differences
from wherry.apiserver.kinds.stanzas import formats, resources, selectors
from wherry.apiserver.kinds.stanzas.formats import Errors
from wherry.apiserver.kinds.stanzas.volumes import host_path, nfs
from wherry.apiserver.kinds.wire import tidies
from wherry.apiserver.registry.strategy import Column, Context, Strategy
from wherry.clock import rfc3339

ACCESS_MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
_SHORT = {"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP"}
_RECLAIM = ("Delete", "Recycle", "Retain")
_MODES = ("Block", "Filesystem")
_BETA_CLASS = "volume.beta.kubernetes.io/storage-class"
_NOT_SOURCES = frozenset(
    [
        "capacity",
        "accessModes",
        "claimRef",
        "persistentVolumeReclaimPolicy",
        "storageClassName",
        "mountOptions",
        "volumeMode",
        "nodeAffinity",
        "volumeAttributesClassName",
    ]
)


def modes_text(modes: Any) -> str:
    given = set(modes or ())
    return ",".join(short for mode, short in _SHORT.items() if mode in given)


def _access_modes(modes: list[str], out: Errors, *, detail: str = "") -> None:
    if not modes:
        out.append(required("spec.accessModes", detail))
    for mode in modes:
        if mode not in ACCESS_MODES:
            out.append(not_supported("spec.accessModes", mode, ACCESS_MODES))
    if "ReadWriteOncePod" in modes and len(set(modes)) > 1:
        message = "may not use ReadWriteOncePod with other access modes"
        out.append(forbidden_field("spec.accessModes", message))


def _default_volume(volume: Obj) -> None:
    spec = volume["spec"]
    volume["status"].setdefault("phase", "Pending")
    spec.setdefault("persistentVolumeReclaimPolicy", "Retain")
    spec.setdefault("volumeMode", "Filesystem")
    if (source := spec.get("hostPath")) is not None and source.get("type") is None:
        source["type"] = ""


def _prepare_volume(volume: Obj, context: Context) -> None:
    volume["status"] = {"phase": "Pending", "lastPhaseTransitionTime": rfc3339(context.time)}


def _prepare_volume_update(new: Obj, old: Obj, context: Context) -> None:
    new["status"] = old.get("status", {})


def _prepare_volume_status(new: Obj, old: Obj, context: Context) -> None:
    """When the phase last changed is for the server to say."""
    if at(new, "status.phase") != at(old, "status.phase"):
        new["status"]["lastPhaseTransitionTime"] = rfc3339(context.time)


def _sources(spec: Obj) -> list[str]:
    return [field for field in spec if field not in _NOT_SOURCES]


def _validate_volume(volume: Obj) -> Errors:
    out: Errors = []
    spec = volume["spec"]
    _access_modes(spec.get("accessModes") or [], out)
    capacity = spec.get("capacity") or {}
    if not capacity:
        out.append(required("spec.capacity"))
    if "storage" not in capacity or len(capacity) > 1:
        out.append(
            FieldError(
                "FieldValueNotSupported", "spec.capacity", capacity or None, 'supported values: "storage"'
            )
        )
    for name, value in capacity.items():
        if quantity.parse(value) < 0:
            message = "must be a valid resource quantity"
            out.append(invalid_value(f"spec.capacity[{name}]", quantity.whole(value), message))
        formats.positive_quantity(value, f"spec.capacity[{name}]", out)
    policy = spec.get("persistentVolumeReclaimPolicy")
    if policy and policy not in _RECLAIM:
        out.append(not_supported("spec.persistentVolumeReclaimPolicy", policy, _RECLAIM))
    affinity = spec.get("nodeAffinity")
    if affinity is not None:
        if affinity.get("required") is None:
            message = "must specify required node constraints"
            out.append(required("spec.nodeAffinity.required", message))
        else:
            selectors.node_selector(affinity["required"], "spec.nodeAffinity.required", out)
    _volume_source(spec, affinity is not None, out)
    if name := spec.get("storageClassName"):
        formats.name(name, validation_text.dns_subdomain, "spec.storageClassName", out)
    if (mode := spec.get("volumeMode")) is not None and mode not in _MODES:
        out.append(not_supported("spec.volumeMode", mode, _MODES))
    return out


def _volume_source(spec: Obj, has_affinity: bool, out: Errors) -> None:
    given = _sources(spec)
    if not given:
        out.append(required("spec", "must specify a volume type"))
        return
    for extra in given[1:]:
        out.append(forbidden_field(f"spec.{extra}", "may not specify more than 1 volume type"))
    kind, source = given[0], spec[given[0]]
    path = f"spec.{kind}"
    if kind == "hostPath":
        host_path(source, path, out)
        if source.get("path") == "/" and spec.get("persistentVolumeReclaimPolicy") == "Recycle":
            message = "may not be 'recycle' for a hostPath mount of '/'"
            out.append(forbidden_field("spec.persistentVolumeReclaimPolicy", message))
    elif kind == "nfs":
        for field in ("server", "path"):
            if not source.get(field):
                out.append(required(f"{path}.{field}"))
        nfs(source, path, out)
    elif kind == "local":
        if not source.get("path"):
            out.append(required(f"{path}.path"))
        else:
            formats.no_backsteps(source["path"], f"{path}.path", out)
        if not has_affinity:
            out.append(required("spec.nodeAffinity", "Local volume requires node affinity"))
    elif kind == "csi":
        for field in ("driver", "volumeHandle"):
            if not source.get(field):
                out.append(required(f"{path}.{field}"))


def _validate_volume_update(new: Obj, old: Obj) -> Errors:
    out: Errors = []
    before, after = old["spec"], new["spec"]
    changed = any(before.get(field) != after.get(field) for field in {*_sources(before), *_sources(after)})
    if changed:
        was = {field: before[field] for field in _sources(before)}
        now = {field: after[field] for field in _sources(after)}
        text = differences(was, now, "core.PersistentVolumeSource")
        message = f"spec.persistentvolumesource is immutable after creation\n{text}"
        out.append(forbidden_field("spec.persistentvolumesource", message))
    formats.immutable(after.get("volumeMode"), before.get("volumeMode"), "spec.volumeMode", out)
    if before.get("nodeAffinity") is not None and before["nodeAffinity"] != after.get("nodeAffinity"):
        message = f"{formats.IMMUTABLE}, except for updating from beta label to GA"
        out.append(invalid_value("spec.nodeAffinity", after.get("nodeAffinity"), message))
    return out


def _class_of(obj: Obj) -> str:
    beta = (at(obj, "metadata.annotations", {})).get(_BETA_CLASS)
    return str(beta if beta is not None else at(obj, "spec.storageClassName"))


def _attributes_class(obj: Obj, now: float) -> str:
    return at(obj, "spec.volumeAttributesClassName") or UNSET


def _phase(obj: Obj, now: float) -> str:
    return "Terminating" if at(obj, "metadata.deletionTimestamp") else str(at(obj, "status.phase"))


def _claim(volume: Obj, now: float) -> str:
    reference = at(volume, "spec.claimRef", None)
    return f"{reference.get('namespace', '')}/{reference.get('name', '')}" if reference else ""


_VOLUME_MODE = Column("VolumeMode", lambda obj, now: at(obj, "spec.volumeMode", UNSET), priority=1)

VOLUME = Strategy(
    default=tidies("core.v1.PersistentVolume", _default_volume),
    prepare_create=_prepare_volume,
    prepare_update=_prepare_volume_update,
    prepare_status=_prepare_volume_status,
    validate=_validate_volume,
    validate_update=_validate_volume_update,
    columns=(
        NAME,
        Column("Capacity", lambda obj, now: at(obj, "spec.capacity", {}).get("storage", "0")),
        Column("Access Modes", lambda obj, now: modes_text(at(obj, "spec.accessModes", ()))),
        Column("Reclaim Policy", lambda obj, now: at(obj, "spec.persistentVolumeReclaimPolicy")),
        Column("Status", _phase),
        Column("Claim", _claim),
        Column("StorageClass", lambda obj, now: _class_of(obj)),
        Column("VolumeAttributesClass", _attributes_class),
        Column("Reason", lambda obj, now: at(obj, "status.reason")),
        AGE,
        _VOLUME_MODE,
    ),
)


def default_claim_spec(spec: Obj) -> None:
    if spec.get("volumeMode") is None:
        spec["volumeMode"] = "Filesystem"


def _default_claim(claim: Obj) -> None:
    claim["status"].setdefault("phase", "Pending")
    default_claim_spec(claim["spec"])


def _prepare_claim(claim: Obj, context: Context) -> None:
    claim["status"] = {"phase": "Pending"}
    _one_data_source(claim["spec"])


def _one_data_source(spec: Obj) -> None:
    """`dataSource` and `dataSourceRef` say the same; whoever sets one gets the other."""
    source, reference = spec.get("dataSource"), spec.get("dataSourceRef")
    if source is not None and reference is None:
        spec["dataSourceRef"] = dict(source)
    elif reference is not None and source is None and not reference.get("namespace"):
        spec["dataSource"] = dict(reference)


def _prepare_claim_update(new: Obj, old: Obj, context: Context) -> None:
    new["status"] = old.get("status", {})


def _validate_claim(claim: Obj) -> Errors:
    out: Errors = []
    claim_spec(claim["spec"], out)
    return out


def claim_spec(spec: Obj, out: Errors) -> None:
    selectors.label_selector(spec.get("selector"), "spec.selector", out)
    _access_modes(spec.get("accessModes") or [], out, detail="at least 1 access mode is required")
    requests = (spec.get("resources") or {}).get("requests") or {}
    path = "spec.resources[storage]"
    if "storage" not in requests:
        out.append(required(path))
    else:
        before = len(out)
        formats.positive_quantity(requests["storage"], path, out)
        if len(out) == before:
            resources.quantity_value("storage", requests["storage"], path, out)
    for field in ("storageClassName", "volumeAttributesClassName"):
        if name := spec.get(field):
            formats.name(name, validation_text.dns_subdomain, f"spec.{field}", out)
    if (mode := spec.get("volumeMode")) is not None and mode not in _MODES:
        out.append(not_supported("spec.volumeMode", mode, _MODES))
    for field in ("dataSource", "dataSourceRef"):
        if (source := spec.get(field)) is not None:
            _data_source(source, f"spec.{field}", out)


def _data_source(source: Obj, path: str, out: Errors) -> None:
    for field in ("name", "kind"):
        if not source.get(field):
            out.append(required(f"{path}.{field}"))
    if not source.get("apiGroup") and source.get("kind") != "PersistentVolumeClaim":
        message = "must be 'PersistentVolumeClaim' when referencing the default apiGroup"
        out.append(invalid_value(path, source.get("kind", ""), message))


def _validate_claim_update(new: Obj, old: Obj) -> Errors:
    out: Errors = []
    before, after = dict(old["spec"]), dict(new["spec"])
    if not before.get("volumeName"):
        before["volumeName"] = after.get("volumeName")
    if before.get("storageClassName") is None and after.get("storageClassName") is not None:
        before["storageClassName"] = after["storageClassName"]
    bound = at(new, "status.phase") == "Bound"
    if bound:
        before["volumeAttributesClassName"] = after.get("volumeAttributesClassName")
    sizes = [(spec.get("resources") or {}).get("requests") or {} for spec in (before, after)]
    if bound and sizes[1]:
        after["resources"] = {
            **after.get("resources", {}),
            "requests": {**sizes[1], "storage": sizes[0].get("storage")},
        }
    strip = [{k: v for k, v in spec.items() if v is not None} for spec in (before, after)]
    if strip[0] != strip[1]:
        text = differences(strip[0], strip[1], "core.PersistentVolumeClaimSpec")
        message = (
            "spec is immutable after creation except resources.requests and volumeAttributesClassName for "
            f"bound claims\n{text}"
        )
        out.append(forbidden_field("spec", message))
    was, now = sizes[0].get("storage", "0"), sizes[1].get("storage", "0")
    least = quantity.parse(at(old, "status.capacity", {}).get("storage", "0"))
    if quantity.parse(now) < quantity.parse(was) and quantity.parse(now) <= least:
        path = "spec.resources.requests.storage"
        out.append(forbidden_field(path, "field can not be less than status.capacity"))
    return out


def _claim_capacity(claim: Obj, now: float) -> str:
    if not at(claim, "spec.volumeName"):
        return ""
    return str(at(claim, "status.capacity", {}).get("storage", "0"))


def _claim_modes(claim: Obj, now: float) -> str:
    return modes_text(at(claim, "status.accessModes", ())) if at(claim, "spec.volumeName") else ""


CLAIM = Strategy(
    default=tidies("core.v1.PersistentVolumeClaim", _default_claim),
    prepare_create=_prepare_claim,
    prepare_update=_prepare_claim_update,
    validate=_validate_claim,
    validate_update=_validate_claim_update,
    columns=(
        NAME,
        Column("Status", _phase),
        Column("Volume", lambda obj, now: at(obj, "spec.volumeName")),
        Column("Capacity", _claim_capacity),
        Column("Access Modes", _claim_modes),
        Column("StorageClass", lambda obj, now: _class_of(obj)),
        Column("VolumeAttributesClass", _attributes_class),
        AGE,
        _VOLUME_MODE,
    ),
)
