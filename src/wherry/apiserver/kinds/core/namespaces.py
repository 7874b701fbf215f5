"""Namespace: two finalizer lists, and a phase that says whether it is going away."""

from __future__ import annotations

from wherry.api import validation_text
from wherry.api.fieldpath import invalid_value
from wherry.api.schema import Obj
from wherry.apiserver.kinds.columns import AGE, NAME, at
from wherry.apiserver.kinds.stanzas import formats
from wherry.apiserver.kinds.stanzas.formats import Errors
from wherry.apiserver.kinds.wire import tidies
from wherry.apiserver.registry.strategy import Column, Context, Strategy

NAME_LABEL = "kubernetes.io/metadata.name"
_FINALIZERS = ("kubernetes", "orphan", "foregroundDeletion")


def _default(namespace: Obj) -> None:
    metadata = namespace["metadata"]
    if metadata.get("name"):
        metadata.setdefault("labels", {})[NAME_LABEL] = metadata["name"]
    namespace["status"].setdefault("phase", "Active")


def _prepare_create(namespace: Obj, context: Context) -> None:
    namespace["status"] = {"phase": "Active"}
    finalizers = namespace.setdefault("spec", {}).setdefault("finalizers", [])
    if "kubernetes" not in finalizers:
        finalizers.append("kubernetes")
    _default(namespace)


def _prepare_update(new: Obj, old: Obj, context: Context) -> None:
    """`finalize` is the only way to the finalizers."""
    if context.subresource != "finalize":
        if "finalizers" in old.get("spec", {}):
            new.setdefault("spec", {})["finalizers"] = old["spec"]["finalizers"]
        else:
            new.get("spec", {}).pop("finalizers", None)
    new["status"] = old.get("status", {})


def _validate(namespace: Obj) -> Errors:
    out: Errors = []
    for name in at(namespace, "spec.finalizers", ()):
        formats.name(name, validation_text.qualified_name, "spec.finalizers", out)
        if "/" not in name and name not in _FINALIZERS:
            message = "name is neither a standard finalizer name nor is it fully qualified"
            out.append(invalid_value("spec.finalizers", name, message))
    return out


def _validate_status(new: Obj, old: Obj) -> Errors:
    going = bool(new["metadata"].get("deletionTimestamp"))
    expected = "Terminating" if going else "Active"
    phase = at(new, "status.phase")
    if phase == expected:
        return []
    message = f"may only be '{expected}' if `deletionTimestamp` is {'not ' if going else ''}empty"
    return [invalid_value("status.Phase", phase, message)]


STRATEGY = Strategy(
    default=tidies("core.v1.Namespace", _default),
    prepare_create=_prepare_create,
    prepare_update=_prepare_update,
    validate=_validate,
    validate_status=_validate_status,
    name_rule=validation_text.dns_label,
    fields={"status.phase": lambda obj: at(obj, "status.phase")},
    columns=(NAME, Column("Status", lambda obj, now: at(obj, "status.phase")), AGE),
)
