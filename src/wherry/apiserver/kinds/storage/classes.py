"""The storage.k8s.io kinds: classes, CSI drivers and nodes, attachments, capacities."""

from __future__ import annotations

from wherry.api import validation_text
from wherry.api.fieldpath import forbidden_field, invalid_value, not_supported, required
from wherry.api.schema import Obj
from wherry.apiserver.kinds.columns import AGE, NAME, UNSET, at
from wherry.apiserver.kinds.stanzas import formats
from wherry.apiserver.kinds.stanzas.formats import Errors
from wherry.apiserver.kinds.wire import tidies
from wherry.apiserver.registry.strategy import Column, Context, Strategy

_DEFAULT_CLASS = (
    "storageclass.kubernetes.io/is-default-class",
    "storageclass.beta.kubernetes.io/is-default-class",
)
_RECLAIM = ("Delete", "Retain")
_BINDING = ("Immediate", "WaitForFirstConsumer")


def is_default(storage_class: Obj) -> bool:
    annotations = at(storage_class, "metadata.annotations", {})
    return any(annotations.get(key) == "true" for key in _DEFAULT_CLASS)


def _default_class(storage_class: Obj) -> None:
    for field, value in (("reclaimPolicy", "Delete"), ("volumeBindingMode", "Immediate")):
        if storage_class.get(field) is None:
            storage_class[field] = value


def _validate_class(storage_class: Obj) -> Errors:
    out: Errors = []
    provisioner = storage_class.get("provisioner", "")
    if not provisioner:
        out.append(required("provisioner"))
    else:
        formats.name(provisioner.lower(), validation_text.qualified_name, "provisioner", out)
    if any(not key for key in storage_class.get("parameters") or ()):
        out.append(invalid_value("parameters", "", "field can not be empty."))
    policy, mode = storage_class.get("reclaimPolicy"), storage_class.get("volumeBindingMode")
    if policy and policy not in _RECLAIM:
        out.append(not_supported("reclaimPolicy", policy, _RECLAIM))
    if mode is None:
        out.append(required("volumeBindingMode"))
    elif mode not in _BINDING:
        out.append(not_supported("volumeBindingMode", mode, _BINDING))
    return out


def _validate_class_update(new: Obj, old: Obj) -> Errors:
    out: Errors = []
    for field in ("parameters", "provisioner"):
        if new.get(field) != old.get(field):
            out.append(forbidden_field(field, f"updates to {field} are forbidden."))
    formats.immutable(new.get("reclaimPolicy"), old.get("reclaimPolicy"), "reclaimPolicy", out)
    formats.immutable(new.get("volumeBindingMode"), old.get("volumeBindingMode"), "volumeBindingMode", out)
    return out


def _class_name(storage_class: Obj, now: float) -> str:
    name = at(storage_class, "metadata.name")
    return f"{name} (default)" if is_default(storage_class) else str(name)


STORAGE_CLASS = Strategy(
    default=tidies("storage.v1.StorageClass", _default_class),
    validate=_validate_class,
    validate_update=_validate_class_update,
    has_status=False,
    columns=(
        Column("Name", _class_name, format="name", description=NAME.description),
        Column("Provisioner", lambda obj, now: obj.get("provisioner", "")),
        Column("ReclaimPolicy", lambda obj, now: obj.get("reclaimPolicy", "Delete")),
        Column("VolumeBindingMode", lambda obj, now: obj.get("volumeBindingMode", UNSET)),
        Column("AllowVolumeExpansion", lambda obj, now: bool(obj.get("allowVolumeExpansion"))),
        AGE,
    ),
)


def _default_driver(driver: Obj) -> None:
    spec = driver["spec"]
    for field, value in (
        ("attachRequired", True),
        ("podInfoOnMount", False),
        ("storageCapacity", False),
        ("fsGroupPolicy", "ReadWriteOnceWithFSType"),
        ("requiresRepublish", False),
        ("seLinuxMount", False),
    ):
        if spec.get(field) is None:
            spec[field] = value
    if not spec.get("volumeLifecycleModes"):
        spec["volumeLifecycleModes"] = ["Persistent"]


def _flag(path: str) -> Column:
    return Column("", lambda obj, now: bool(at(obj, path, False)), type="boolean")


def _named(name: str, column: Column) -> Column:
    return Column(name, column.value, type=column.type)


def _audiences(driver: Obj, now: float) -> str:
    return ",".join(t.get("audience", "") for t in at(driver, "spec.tokenRequests", ())) or UNSET


CSI_DRIVER = Strategy(
    default=tidies("storage.v1.CSIDriver", _default_driver),
    has_status=False,
    columns=(
        NAME,
        _named("AttachRequired", _flag("spec.attachRequired")),
        _named("PodInfoOnMount", _flag("spec.podInfoOnMount")),
        _named("StorageCapacity", _flag("spec.storageCapacity")),
        Column("TokenRequests", _audiences),
        _named("RequiresRepublish", _flag("spec.requiresRepublish")),
        Column("Modes", lambda obj, now: ",".join(at(obj, "spec.volumeLifecycleModes", ())) or "<none>"),
        AGE,
    ),
)

CSI_NODE = Strategy(
    default=tidies("storage.v1.CSINode"),
    has_status=False,
    columns=(
        NAME,
        Column("Drivers", lambda obj, now: len(at(obj, "spec.drivers", ())), type="integer"),
        AGE,
    ),
)

CSI_CAPACITY = Strategy(default=tidies("storage.v1.CSIStorageCapacity"), has_status=False)


def _prepare_attachment(attachment: Obj, context: Context) -> None:
    attachment["status"] = {"attached": False}


def _validate_attachment(attachment: Obj) -> Errors:
    out: Errors = []
    spec = attachment["spec"]
    for field in ("attacher", "nodeName"):
        if not spec.get(field):
            out.append(required(f"spec.{field}"))
    source = spec.get("source") or {}
    if not source:
        message = "must specify exactly one of inlineVolumeSpec and persistentVolumeName"
        out.append(required("spec.source", message))
    return out


def _validate_attachment_update(new: Obj, old: Obj) -> Errors:
    if new["spec"] == old["spec"]:
        return []
    return [invalid_value("spec", new["spec"], formats.IMMUTABLE)]


VOLUME_ATTACHMENT = Strategy(
    default=tidies("storage.v1.VolumeAttachment"),
    prepare_create=_prepare_attachment,
    validate=_validate_attachment,
    validate_update=_validate_attachment_update,
    columns=(
        NAME,
        Column("Attacher", lambda obj, now: at(obj, "spec.attacher"), format="name"),
        Column("PV", lambda obj, now: at(obj, "spec.source.persistentVolumeName")),
        Column("Node", lambda obj, now: at(obj, "spec.nodeName")),
        Column("Attached", lambda obj, now: bool(at(obj, "status.attached", False)), type="boolean"),
        AGE,
    ),
)


def _validate_attributes(attributes: Obj) -> Errors:
    return [] if attributes.get("driverName") else [required("driverName")]


def _validate_attributes_update(new: Obj, old: Obj) -> Errors:
    fields = ("driverName", "parameters")
    return [
        forbidden_field(field, f"updates to {field} are forbidden.")
        for field in fields
        if new.get(field) != old.get(field)
    ]


VOLUME_ATTRIBUTES_CLASS = Strategy(
    default=tidies("storage.v1.VolumeAttributesClass"),
    validate=_validate_attributes,
    validate_update=_validate_attributes_update,
    has_status=False,
    columns=(NAME, Column("DriverName", lambda obj, now: obj.get("driverName", "")), AGE),
)
