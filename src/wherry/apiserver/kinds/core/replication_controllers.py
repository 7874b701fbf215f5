"""ReplicationController and PodTemplate."""

from __future__ import annotations

from wherry.api import selectors
from wherry.api.fieldpath import invalid_value, required
from wherry.api.schema import Obj
from wherry.apiserver.kinds.apps.deployments import SCALE
from wherry.apiserver.kinds.apps.replicasets import (
    REPLICA_COLUMNS,
    prepare_create,
    prepare_update,
    validate_status,
)
from wherry.apiserver.kinds.columns import NAME, at, labels_text, template_columns
from wherry.apiserver.kinds.core.pod_warnings import template_warnings
from wherry.apiserver.kinds.stanzas import formats, pod_defaults, pod_spec, workloads
from wherry.apiserver.kinds.stanzas.formats import Errors
from wherry.apiserver.kinds.wire import tidies
from wherry.apiserver.registry.strategy import Column, Strategy


def _default(controller: Obj) -> None:
    spec = controller["spec"]
    template = spec.get("template")
    if template is not None:
        pod_defaults.pod_spec(template["spec"])
        if labels := (template.get("metadata") or {}).get("labels"):
            spec.setdefault("selector", dict(labels))
            controller["metadata"].setdefault("labels", dict(labels))
    spec.setdefault("replicas", 1)


def _validate(controller: Obj) -> Errors:
    out: Errors = []
    spec = controller["spec"]
    formats.not_negative(spec.get("minReadySeconds"), "spec.minReadySeconds", out)
    selector, template = spec.get("selector") or {}, spec.get("template")
    if not selector:
        out.append(required("spec.selector"))
    formats.not_negative(spec.get("replicas"), "spec.replicas", out)
    if template is None:
        out.append(required("spec.template"))
        return out
    labels = (template.get("metadata") or {}).get("labels") or {}
    if selector and not selectors.from_map(selector).matches(labels):
        message = "`selector` does not match template `labels`"
        out.append(invalid_value("spec.template.metadata.labels", workloads.shown_labels(labels), message))
    pod_spec.template(template, "spec.template", out)
    workloads.always_restarts(spec, "ReplicationController", out)
    return out


STRATEGY = Strategy(
    default=tidies("core.v1.ReplicationController", _default),
    prepare_create=prepare_create,
    prepare_update=prepare_update,
    validate=_validate,
    validate_status=validate_status,
    generation=True,
    default_propagation="orphan",
    fields={"status.replicas": lambda obj: str(at(obj, "status.replicas", 0))},
    columns=(
        *REPLICA_COLUMNS,
        *template_columns("spec.template", lambda obj: labels_text(at(obj, "spec.selector", {}))),
    ),
    warnings=lambda new, old: template_warnings(new["spec"].get("template") or {}),
    scale=SCALE,
)


def _default_template(obj: Obj) -> None:
    pod_defaults.pod_spec(obj["template"]["spec"])


def _validate_template(obj: Obj) -> Errors:
    out: Errors = []
    pod_spec.template(obj["template"], "template", out)
    return out


_NAMES, _IMAGES = template_columns("template", None)

POD_TEMPLATE = Strategy(
    default=tidies("core.v1.PodTemplate", _default_template),
    validate=_validate_template,
    has_status=False,
    generation=True,
    columns=(
        NAME,
        Column(_NAMES.name, _NAMES.value),
        Column(_IMAGES.name, _IMAGES.value),
        Column("Pod Labels", lambda obj, now: labels_text(at(obj, "template.metadata.labels", {}))),
    ),
    warnings=lambda new, old: template_warnings(new["template"], "template"),
)
