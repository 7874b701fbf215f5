"""StatefulSet and ControllerRevision."""

from __future__ import annotations

from typing import Any

from wherry.api import validation_text
from wherry.api.fieldpath import forbidden_field, invalid_value, not_supported, required
from wherry.api.schema import Obj
from wherry.apiserver.kinds.apps.deployments import SCALE
from wherry.apiserver.kinds.columns import AGE, NAME, NONE, at, template_columns
from wherry.apiserver.kinds.core.pod_warnings import template_warnings
from wherry.apiserver.kinds.stanzas import formats, pod_defaults, workloads
from wherry.apiserver.kinds.stanzas.formats import Errors
from wherry.apiserver.kinds.wire import tidies
from wherry.apiserver.registry.strategy import Column, Context, Strategy

_COUNTS = (
    "replicas",
    "readyReplicas",
    "currentReplicas",
    "updatedReplicas",
    "observedGeneration",
    "availableReplicas",
)
_RETENTION = ("Retain", "Delete")
_MUTABLE = (
    "replicas",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
    "ordinals",
)
_FROZEN = (
    "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', "
    "'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
)


def _default(stateful_set: Obj) -> None:
    spec = stateful_set["spec"]
    pod_defaults.pod_spec(spec["template"]["spec"])
    spec.setdefault("podManagementPolicy", "OrderedReady")
    strategy = spec["updateStrategy"]
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        rolling.setdefault("partition", 0)
    retention = spec.setdefault("persistentVolumeClaimRetentionPolicy", {})
    retention.setdefault("whenDeleted", "Retain")
    retention.setdefault("whenScaled", "Retain")
    spec.setdefault("replicas", 1)
    spec.setdefault("revisionHistoryLimit", 10)
    for claim in spec.get("volumeClaimTemplates") or ():
        claim.setdefault("kind", "PersistentVolumeClaim")
        claim.setdefault("apiVersion", "v1")
        claim["spec"].setdefault("volumeMode", "Filesystem")
        claim["status"].setdefault("phase", "Pending")


def _prepare_create(stateful_set: Obj, context: Context) -> None:
    stateful_set["status"] = {"availableReplicas": 0, "replicas": 0}


def _prepare_update(new: Obj, old: Obj, context: Context) -> None:
    new["status"] = old.get("status", {"availableReplicas": 0, "replicas": 0})


def _validate(stateful_set: Obj) -> Errors:
    out: Errors = []
    spec = stateful_set["spec"]
    management = spec.get("podManagementPolicy")
    if management not in ("OrderedReady", "Parallel"):
        message = "must be 'OrderedReady' or 'Parallel'"
        out.append(invalid_value("spec.podManagementPolicy", management, message))
    _strategy(spec["updateStrategy"], out)
    retention = spec.get("persistentVolumeClaimRetentionPolicy") or {}
    for field in ("whenDeleted", "whenScaled"):
        policy = retention.get(field, "")
        if policy not in _RETENTION:
            out.append(
                not_supported(f"spec.persistentVolumeClaimRetentionPolicy.{field}", policy, _RETENTION)
            )
    formats.not_negative(spec.get("replicas"), "spec.replicas", out)
    formats.not_negative(spec.get("minReadySeconds"), "spec.minReadySeconds", out)
    if (ordinals := spec.get("ordinals")) is not None:
        formats.not_negative(ordinals.get("start", 0), "spec.ordinals.start", out)
    workloads.selected_template(spec, "StatefulSet", out, selector_kind="statefulset")
    if name := spec.get("serviceName"):
        formats.name(name, validation_text.dns_label, "spec.serviceName", out)
    return out


def _strategy(strategy: Obj, out: Errors) -> None:
    kind, rolling, path = strategy.get("type"), strategy.get("rollingUpdate"), "spec.updateStrategy"
    if kind == "OnDelete":
        if rolling is not None:
            message = "only allowed for updateStrategy 'RollingUpdate'"
            out.append(invalid_value(f"{path}.rollingUpdate", _go_rolling(rolling), message))
    elif kind == "RollingUpdate":
        if rolling is not None:
            formats.not_negative(rolling.get("partition"), f"{path}.rollingUpdate.partition", out)
            if (fewer := rolling.get("maxUnavailable")) is not None:
                _max_unavailable(fewer, f"{path}.rollingUpdate.maxUnavailable", out)
    elif not kind:
        out.append(required(path))
    else:
        shown = {"Type": kind, "RollingUpdate": rolling and _go_rolling(rolling)}
        out.append(invalid_value(path, shown, "must be 'RollingUpdate' or 'OnDelete'"))


def _go_rolling(rolling: Obj) -> Obj:
    return {"Partition": rolling.get("partition"), "MaxUnavailable": rolling.get("maxUnavailable")}


def _max_unavailable(value: Any, path: str, out: Errors) -> None:
    workloads.number_or_percent(value, path, out)
    if workloads.amount(value) == 0:
        out.append(invalid_value(path, value, "cannot be 0"))
    workloads.not_above_all(value, path, out)


def _validate_update(new: Obj, old: Obj) -> Errors:
    before, after = (
        {field: value for field, value in obj["spec"].items() if field not in _MUTABLE} for obj in (old, new)
    )
    return [] if before == after else [forbidden_field("spec", _FROZEN)]


def _validate_status(new: Obj, old: Obj) -> Errors:
    out: Errors = []
    status = new.get("status") or {}
    workloads.status_counts(status, out, _COUNTS)
    for field in ("readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas"):
        workloads.at_most(status, field, "replicas", "cannot be greater than status.replicas", out)
    workloads.at_most(
        status, "availableReplicas", "readyReplicas", "cannot be greater than status.readyReplicas", out
    )
    return out


STRATEGY = Strategy(
    default=tidies("apps.v1.StatefulSet", _default),
    prepare_create=_prepare_create,
    prepare_update=_prepare_update,
    validate=_validate,
    validate_update=_validate_update,
    validate_status=_validate_status,
    name_rule=validation_text.dns_label,
    generation=True,
    columns=(
        NAME,
        Column(
            "Ready",
            lambda obj, now: f"{at(obj, 'status.readyReplicas', 0)}/{at(obj, 'spec.replicas', 0)}",
            description="Number of the pod with ready state",
        ),
        AGE,
        *template_columns("spec.template", None),
    ),
    warnings=lambda new, old: template_warnings(new["spec"]["template"]),
    scale=SCALE,
)


def _controller(revision: Obj, now: float) -> str:
    for owner in at(revision, "metadata.ownerReferences", ()):
        if owner.get("controller"):
            kind, _, version = owner.get("apiVersion", "").partition("/")
            group = f".{kind}" if version else ""
            return f"{owner.get('kind', '').lower()}{group}/{owner.get('name', '')}"
    return NONE


def _validate_revision(revision: Obj) -> Errors:
    out: Errors = []
    formats.not_negative(revision.get("revision"), "revision", out)
    if revision.get("data") is None:
        out.append(required("data", "data is mandatory"))
    return out


def _validate_revision_update(new: Obj, old: Obj) -> Errors:
    out: Errors = []
    formats.immutable(new.get("data"), old.get("data"), "data", out)
    return out


CONTROLLER_REVISION = Strategy(
    default=tidies("apps.v1.ControllerRevision"),
    validate=_validate_revision,
    validate_update=_validate_revision_update,
    has_status=False,
    columns=(
        NAME,
        Column("Controller", _controller, description="Controller of the object"),
        Column("Revision", lambda obj, now: obj.get("revision", 0)),
        AGE,
    ),
)
