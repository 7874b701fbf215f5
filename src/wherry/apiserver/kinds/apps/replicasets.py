"""ReplicaSet."""

from __future__ import annotations

from wherry.api.schema import Obj
from wherry.apiserver.kinds.apps.deployments import SCALE
from wherry.apiserver.kinds.columns import AGE, NAME, at, selector_text, template_columns
from wherry.apiserver.kinds.core.pod_warnings import template_warnings
from wherry.apiserver.kinds.stanzas import formats, pod_defaults, workloads
from wherry.apiserver.kinds.stanzas.formats import Errors
from wherry.apiserver.kinds.wire import tidies
from wherry.apiserver.registry.strategy import Column, Context, Strategy

COUNTS = ("replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas", "observedGeneration")


def _default(replica_set: Obj) -> None:
    spec = replica_set["spec"]
    pod_defaults.pod_spec(spec["template"]["spec"])
    spec.setdefault("replicas", 1)


def prepare_create(obj: Obj, context: Context) -> None:
    obj["status"] = {"replicas": 0}


def prepare_update(new: Obj, old: Obj, context: Context) -> None:
    new["status"] = old.get("status", {"replicas": 0})


def _validate(replica_set: Obj) -> Errors:
    out: Errors = []
    spec = replica_set["spec"]
    formats.not_negative(spec.get("replicas"), "spec.replicas", out)
    formats.not_negative(spec.get("minReadySeconds"), "spec.minReadySeconds", out)
    workloads.selected_template(spec, "ReplicaSet", out)
    return out


def _validate_update(new: Obj, old: Obj) -> Errors:
    out: Errors = []
    formats.immutable(new["spec"].get("selector"), old["spec"].get("selector"), "spec.selector", out)
    return out


def validate_status(new: Obj, old: Obj) -> Errors:
    out: Errors = []
    status = new.get("status") or {}
    workloads.status_counts(status, out, COUNTS)
    for field in ("fullyLabeledReplicas", "readyReplicas", "availableReplicas"):
        workloads.at_most(status, field, "replicas", "cannot be greater than status.replicas", out)
    workloads.at_most(
        status, "availableReplicas", "readyReplicas", "cannot be greater than readyReplicas", out
    )
    return out


REPLICA_COLUMNS = (
    NAME,
    Column("Desired", lambda obj, now: at(obj, "spec.replicas", 0), type="integer"),
    Column("Current", lambda obj, now: at(obj, "status.replicas", 0), type="integer"),
    Column("Ready", lambda obj, now: at(obj, "status.readyReplicas", 0), type="integer"),
    AGE,
)

STRATEGY = Strategy(
    default=tidies("apps.v1.ReplicaSet", _default),
    prepare_create=prepare_create,
    prepare_update=prepare_update,
    validate=_validate,
    validate_update=_validate_update,
    validate_status=validate_status,
    generation=True,
    fields={"status.replicas": lambda obj: str(at(obj, "status.replicas", 0))},
    columns=(
        *REPLICA_COLUMNS,
        *template_columns("spec.template", lambda obj: selector_text(at(obj, "spec.selector", {}))),
    ),
    warnings=lambda new, old: template_warnings(new["spec"]["template"]),
    scale=SCALE,
)
