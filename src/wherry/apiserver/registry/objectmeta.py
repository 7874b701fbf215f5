"""metadata: what the system fills in, what clients may not set, and what is checked
(`k8s.io/apimachinery/pkg/api/validation/objectmeta.go`)."""

from __future__ import annotations

import random
from collections.abc import Callable

from wherry.api import fieldpath
from wherry.api import validation_text as text
from wherry.api.fieldpath import FieldError
from wherry.api.schema import Obj

_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_SUFFIX = 5
_MAX_BASE = 63 - _SUFFIX
_ANNOTATIONS_LIMIT = 256 * 1024
_STANDARD_FINALIZERS = ("kubernetes", "orphan", "foregroundDeletion")
_NO_OWNERS = {("v1", "Event")}

NameRule = Callable[[str], list[str]]


def generated_name(base: str, rng: random.Random) -> str:
    """`names.SimpleNameGenerator`: the base, cut so that all fits a label, and five letters."""
    return base[:_MAX_BASE] + "".join(rng.choice(_ALPHABET) for _ in range(_SUFFIX))


def validate(metadata: Obj, namespaced: bool, rule: NameRule) -> list[FieldError]:
    """Everything about the metadata of a new object."""
    problems: list[FieldError] = []
    base, name = metadata.get("generateName", ""), metadata.get("name", "")
    if base:
        # The suffix is still to come, so a base may end where a name may not.
        probe = base[:-1] + "a" if base.endswith("-") and len(base) > 1 else base
        problems += [fieldpath.invalid_value("metadata.generateName", base, p) for p in rule(probe)]
    if not name:
        problems.append(fieldpath.required("metadata.name", "name or generateName is required"))
    else:
        problems += [fieldpath.invalid_value("metadata.name", name, p) for p in rule(name)]
    if namespaced:
        namespace = metadata.get("namespace", "")
        if not namespace:
            problems.append(fieldpath.required("metadata.namespace"))
        else:
            bad = text.dns_label(namespace)
            problems += [fieldpath.invalid_value("metadata.namespace", namespace, p) for p in bad]
    elif metadata.get("namespace"):
        problems.append(fieldpath.forbidden_field("metadata.namespace", "not allowed on this type"))
    return problems + _shared(metadata)


def _shared(metadata: Obj) -> list[FieldError]:
    problems: list[FieldError] = []
    if metadata.get("generation", 0) < 0:
        detail = "must be greater than or equal to 0"
        problems.append(fieldpath.invalid_value("metadata.generation", metadata["generation"], detail))
    if labels := metadata.get("labels"):
        problems += validate_labels(labels, "metadata.labels")
    if annotations := metadata.get("annotations"):
        problems += validate_annotations(annotations, "metadata.annotations")
    if owners := metadata.get("ownerReferences"):
        problems += _owners(owners)
    if finalizers := metadata.get("finalizers"):
        problems += _finalizers(finalizers)
    return problems


def validate_labels(labels: dict[str, str], path: str) -> list[FieldError]:
    problems: list[FieldError] = []
    for key, value in labels.items():
        problems += [fieldpath.invalid_value(path, key, p) for p in text.qualified_name(key)]
        problems += [fieldpath.invalid_value(path, value, p) for p in text.label_value(value)]
    return problems


def validate_annotations(annotations: dict[str, str], path: str) -> list[FieldError]:
    problems: list[FieldError] = []
    size = 0
    for key, value in annotations.items():
        problems += [fieldpath.invalid_value(path, key, p) for p in text.qualified_name(key.lower())]
        size += len(key.encode()) + len(value.encode())
    if size > _ANNOTATIONS_LIMIT:
        problems.append(fieldpath.too_long(path, _ANNOTATIONS_LIMIT))
    return problems


def _owners(owners: list[Obj]) -> list[FieldError]:
    path = "metadata.ownerReferences"
    problems: list[FieldError] = []
    controller = ""
    for owner in owners:
        version = owner.get("apiVersion", "").rpartition("/")[2]
        if not version:
            problems.append(
                fieldpath.invalid_value(
                    f"{path}.apiVersion", owner.get("apiVersion", ""), "version must not be empty"
                )
            )
        problems += [
            fieldpath.invalid_value(f"{path}.{field}", "", "must not be empty")
            for field in ("kind", "name", "uid")
            if not owner.get(field)
        ]
        if (owner.get("apiVersion", ""), owner.get("kind", "")) in _NO_OWNERS:
            shown = f"/{version}, Kind={owner['kind']}"
            problems.append(
                fieldpath.invalid_value(path, owner, f"{shown} is disallowed from being an owner")
            )
        if owner.get("controller"):
            if controller:
                detail = (
                    "Only one reference can have Controller set to true. Found "
                    f'"true" in references for {controller} and {owner.get("name", "")}'
                )
                problems.append(fieldpath.invalid_value(path, owners, detail))
            controller = controller or owner.get("name", "")
    return problems


def _finalizers(finalizers: list[str]) -> list[FieldError]:
    problems: list[FieldError] = []
    path = "metadata.finalizers"
    for i, name in enumerate(finalizers):
        problems += [fieldpath.invalid_value(path, name, p) for p in text.qualified_name(name)]
        if "/" not in name and name not in _STANDARD_FINALIZERS:
            detail = "name is neither a standard finalizer name nor is it fully qualified"
            problems.append(fieldpath.invalid_value(f"{path}[{i}]", name, detail))
    if "orphan" in finalizers and "foregroundDeletion" in finalizers:
        detail = "finalizer orphan and foregroundDeletion cannot be both set"
        problems.append(fieldpath.invalid_value(path, finalizers, detail))
    return problems


_IMMUTABLE = (
    "name",
    "namespace",
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
)


def carry_over(new: Obj, old: Obj) -> None:
    """Fields an update may leave out because the system owns them."""
    for field in ("name", "namespace", "uid"):
        if not new.get(field) and field in old:
            new[field] = old[field]
    if "creationTimestamp" in old:
        new["creationTimestamp"] = old["creationTimestamp"]
    for field in ("generation", "deletionTimestamp", "deletionGracePeriodSeconds"):
        if field in old:
            if field == "generation" or field not in new:
                new[field] = old[field]
        elif field == "generation":
            new.pop(field, None)
    new.pop("selfLink", None)


def validate_update(new: Obj, old: Obj) -> list[FieldError]:
    """What may not change, and the rest as for a new object."""
    problems: list[FieldError] = []
    if old.get("deletionTimestamp"):
        have = old.get("finalizers") or ()
        added = [f for f in new.get("finalizers") or () if f not in have]
        if added:
            shown = ", ".join(f'"{f}"' for f in added)
            detail = (
                "no new finalizers can be added if the object is being deleted, found new finalizers "
                f"[]string{{{shown}}}"
            )
            problems.append(fieldpath.forbidden_field("metadata.finalizers", detail))
    for field in _IMMUTABLE:
        if new.get(field) != old.get(field):
            shown = new.get(field, "")
            problems.append(fieldpath.invalid_value(f"metadata.{field}", shown, "field is immutable"))
    if new.get("labels") != old.get("labels") and new.get("labels"):
        problems += validate_labels(new["labels"], "metadata.labels")
    if new.get("annotations") != old.get("annotations") and new.get("annotations"):
        problems += validate_annotations(new["annotations"], "metadata.annotations")
    if new.get("ownerReferences") != old.get("ownerReferences") and new.get("ownerReferences"):
        problems += _owners(new["ownerReferences"])
    if new.get("finalizers") != old.get("finalizers") and new.get("finalizers"):
        problems += _finalizers(new["finalizers"])
    return problems
