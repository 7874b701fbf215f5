"""What a Job is refused for (apis/batch/validation)."""

from __future__ import annotations

from typing import Any

from wherry.api import validation_text
from wherry.api.fieldpath import (
    OMIT,
    FieldError,
    duplicate,
    forbidden_field,
    invalid_value,
    not_supported,
    required,
    too_many,
)
from wherry.api.schema import Obj
from wherry.apiserver.kinds.stanzas import formats, pod_spec, selectors, workloads
from wherry.apiserver.kinds.stanzas.formats import Errors

_NUMBERS = ("parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished")
_MODES = ("NonIndexed", "Indexed")
_INDEXED = "when completion mode is Indexed"
_ACTIONS = ("Count", "FailIndex", "FailJob", "Ignore")
_MAX_RULES, _MAX_VALUES = 20, 255
_MAX_PARALLELISM = 10**5


def validate(job: Obj) -> Errors:
    out: Errors = []
    spec, metadata = job["spec"], job["metadata"]
    job_spec(spec, "spec", out)
    if not spec.get("manualSelector"):
        _generated(metadata, spec, out)
    if "selector" not in spec:
        out.append(required("spec.selector"))
    selectors.label_selector(spec.get("selector"), "spec.selector", out)
    workloads.matches_template(spec, out)
    return out


def _generated(metadata: Obj, spec: Obj, out: Errors) -> None:
    """The labels that bind pods to this job are there and say so."""
    labels = (spec["template"].get("metadata") or {}).get("labels") or {}
    for key, expected in (
        ("controller-uid", metadata.get("uid", "")),
        ("job-name", metadata.get("name", "")),
        ("batch.kubernetes.io/controller-uid", metadata.get("uid", "")),
        ("batch.kubernetes.io/job-name", metadata.get("name", "")),
    ):
        path = f"spec.template.metadata.labels[{key}]"
        if key not in labels:
            if key.startswith("batch."):
                out.append(required(path, f"must be '{expected}'"))
        elif labels[key] != expected:
            out.append(invalid_value(path, labels, f"must be '{expected}'"))
    selector = spec.get("selector") or {}
    uid = metadata.get("uid", "")
    wanted = [{"matchLabels": {key: uid}} for key in ("batch.kubernetes.io/controller-uid", "controller-uid")]
    if selector not in wanted:
        message = "`selector` not auto-generated"
        out.append(invalid_value("spec.selector", selector, message))


def job_spec(spec: Obj, path: str, out: Errors) -> None:
    for field in _NUMBERS:
        formats.not_negative(spec.get(field), f"{path}.{field}", out)
    _indexed(spec, path, out)
    if (manager := spec.get("managedBy")) is not None:
        if problems := validation_text.qualified_name(manager):
            formats.complain(problems, f"{path}.managedBy", manager, out)
        elif "/" not in manager:
            message = 'must be a domain-prefixed path (such as "acme.io/foo")'
            out.append(invalid_value(f"{path}.managedBy", manager, message))
    if (policy := spec.get("podFailurePolicy")) is not None:
        _failure_policy(policy, spec, f"{path}.podFailurePolicy", out)
    replacement = spec.get("podReplacementPolicy")
    if replacement is not None:
        _replacement(replacement, spec, f"{path}.podReplacementPolicy", out)
    pod_spec.template(spec["template"], f"{path}.template", out)
    restart = spec["template"]["spec"].get("restartPolicy")
    if restart not in ("OnFailure", "Never"):
        where = f"{path}.template.spec.restartPolicy"
        if restart == "Always":
            out.append(required(where, 'valid values: "OnFailure", "Never"'))
        else:
            out.append(not_supported(where, restart or "", ("OnFailure", "Never")))
    elif spec.get("podFailurePolicy") is not None and restart != "Never":
        message = 'only "Never" is supported when podFailurePolicy is specified'
        out.append(invalid_value(f"{path}.template.spec.restartPolicy", restart, message))


def _indexed(spec: Obj, path: str, out: Errors) -> None:
    mode, completions = spec.get("completionMode"), spec.get("completions")
    if mode is not None and mode not in _MODES:
        out.append(not_supported(f"{path}.completionMode", mode, _MODES))
    if mode == "Indexed":
        if completions is None:
            out.append(required(f"{path}.completions", _INDEXED))
        if spec.get("parallelism", 0) > _MAX_PARALLELISM:
            message = f"must be less than or equal to {_MAX_PARALLELISM} {_INDEXED}"
            out.append(invalid_value(f"{path}.parallelism", spec["parallelism"], message))
    formats.not_negative(spec.get("backoffLimitPerIndex"), f"{path}.backoffLimitPerIndex", out)
    if mode == "NonIndexed":
        for field in ("backoffLimitPerIndex", "maxFailedIndexes"):
            if spec.get(field) is not None:
                message = "requires indexed completion mode"
                out.append(invalid_value(f"{path}.{field}", spec[field], message))
    if (most := spec.get("maxFailedIndexes")) is not None:
        formats.not_negative(most, f"{path}.maxFailedIndexes", out)
        if spec.get("backoffLimitPerIndex") is None:
            message = "when maxFailedIndexes is specified"
            out.append(required(f"{path}.backoffLimitPerIndex", message))
        if completions is not None and most > completions:
            message = "must be less than or equal to completions"
            out.append(invalid_value(f"{path}.maxFailedIndexes", most, message))


def _replacement(policy: str, spec: Obj, path: str, out: Errors) -> None:
    if spec.get("podFailurePolicy") is not None:
        if policy != "Failed":
            out.append(not_supported(path, policy, ("Failed",)))
    elif policy not in ("Failed", "TerminatingOrFailed"):
        out.append(not_supported(path, policy, ("Failed", "TerminatingOrFailed")))


def _failure_policy(policy: Obj, spec: Obj, path: str, out: Errors) -> None:
    names = {
        c.get("name")
        for kind in ("containers", "initContainers")
        for c in spec["template"]["spec"].get(kind) or ()
    }
    rules = policy.get("rules") or ()
    if len(rules) > _MAX_RULES:
        out.append(too_many(f"{path}.rules", len(rules), _MAX_RULES))
    for i, rule in enumerate(rules):
        here = f"{path}.rules[{i}]"
        if rule.get("action") not in _ACTIONS:
            formats.one_of(rule.get("action"), _ACTIONS, f"{here}.action", out)
        codes, conditions = rule.get("onExitCodes"), rule.get("onPodConditions")
        if codes is None and not conditions:
            message = "specifying one of OnExitCodes and OnPodConditions is required"
            out.append(invalid_value(here, OMIT, message))
        if codes is not None:
            _exit_codes(codes, names, f"{here}.onExitCodes", out)
        for j, condition in enumerate(conditions or ()):
            where = f"{here}.onPodConditions[{j}]"
            formats.label_key(condition.get("type", ""), f"{where}.type", out)
            formats.one_of(condition.get("status"), ("False", "True", "Unknown"), f"{where}.status", out)
        if codes is not None and conditions:
            message = "specifying both OnExitCodes and OnPodConditions is not supported"
            out.append(invalid_value(here, OMIT, message))


def _exit_codes(codes: Obj, names: set[Any], path: str, out: Errors) -> None:
    operator, values = codes.get("operator", ""), codes.get("values") or []
    if operator not in ("In", "NotIn"):
        formats.one_of(operator, ("In", "NotIn"), f"{path}.operator", out)
    if (name := codes.get("containerName")) is not None and name not in names:
        out.append(
            invalid_value(
                f"{path}.containerName",
                name,
                "must be one of the container or initContainer names in the pod template",
            )
        )
    if not values:
        out.append(invalid_value(f"{path}.values", values, "at least one value is required"))
    elif len(values) > _MAX_VALUES:
        out.append(too_many(f"{path}.values", len(values), _MAX_VALUES))
    for i, value in enumerate(values):
        if operator == "In" and value == 0:
            message = "must not be 0 for the In operator"
            out.append(invalid_value(f"{path}.values[{i}]", 0, message))
        if value in values[:i]:
            out.append(duplicate(f"{path}.values[{i}]", value))
    if values != sorted(values):
        out.append(invalid_value(f"{path}.values", values, "must be ordered"))


def validate_update(new: Obj, old: Obj) -> Errors:
    out: Errors = []
    before, after = old["spec"], new["spec"]
    _completions(before, after, out)
    for field in (
        "selector",
        "completionMode",
        "podFailurePolicy",
        "backoffLimitPerIndex",
        "managedBy",
        "successPolicy",
    ):
        formats.immutable(after.get(field), before.get(field), f"spec.{field}", out)
    if not _same_template(before, after, old):
        out.append(invalid_value("spec.template", after.get("template"), formats.IMMUTABLE))
    return out


def _completions(before: Obj, after: Obj, out: Errors) -> None:
    was, now = before.get("completions"), after.get("completions")
    if was == now:
        return
    if after.get("completionMode") == "Indexed":
        if now != after.get("parallelism") or was != before.get("parallelism"):
            message = "can only be modified in tandem with parallelism"
            out.append(invalid_value("spec.completions", now, message))
    else:
        out.append(invalid_value("spec.completions", now, formats.IMMUTABLE))


def _same_template(before: Obj, after: Obj, old: Obj) -> bool:
    """While a job is suspended and never ran, where its pods may go can still be changed."""
    was, now = before.get("template") or {}, after.get("template") or {}
    if was == now:
        return True
    if not before.get("suspend") or (old.get("status") or {}).get("startTime"):
        return False

    def rest(template: Obj) -> Obj:
        spec = dict(template.get("spec") or {})
        for field in ("nodeSelector", "tolerations", "schedulingGates", "affinity"):
            spec.pop(field, None)
        spec["containers"] = [
            {k: v for k, v in c.items() if k != "resources"} for c in spec.get("containers") or ()
        ]
        spec["initContainers"] = [
            {k: v for k, v in c.items() if k != "resources"} for c in spec.get("initContainers") or ()
        ]
        return {**template, "metadata": None, "spec": spec}

    return rest(was) == rest(now)


def validate_status(new: Obj, old: Obj) -> Errors:
    out: Errors = []
    status = new.get("status") or {}
    for field in ("active", "succeeded", "failed", "ready", "terminating"):
        formats.not_negative(status.get(field), f"status.{field}", out)
    counted = status.get("uncountedTerminatedPods") or {}
    seen: set[str] = set()
    for field in ("succeeded", "failed"):
        for i, uid in enumerate(counted.get(field) or ()):
            path = f"status.uncountedTerminatedPods.{field}[{i}]"
            if not uid:
                out.append(invalid_value(path, uid, "must not be empty"))
            elif uid in seen:
                out.append(FieldError("FieldValueDuplicate", path, uid, ""))
            seen.add(uid)
    kinds = {c.get("type") for c in status.get("conditions") or () if c.get("status") == "True"}
    if {"Complete", "Failed"} <= kinds:
        out.append(
            invalid_value("status.conditions", None, "cannot set Complete=True and Failed=true conditions")
        )
    if (old.get("status") or {}).get("completionTime") not in (None, status.get("completionTime")):
        out.append(forbidden_field("status.completionTime", "completionTime cannot be mutated"))
    return out
