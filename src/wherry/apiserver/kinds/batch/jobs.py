"""Job. Beside this file: `job_validation.py`."""

from __future__ import annotations

from wherry.api.schema import Obj
from wherry.apiserver.kinds.batch.job_validation import validate, validate_status, validate_update
from wherry.apiserver.kinds.columns import AGE, NAME, at, selector_text, template_columns
from wherry.apiserver.kinds.core.pod_warnings import template_warnings
from wherry.apiserver.kinds.durations import human_duration
from wherry.apiserver.kinds.stanzas import pod_defaults
from wherry.apiserver.kinds.wire import tidies
from wherry.apiserver.registry.strategy import Column, Context, Strategy
from wherry.clock import parse_rfc3339

UID_LABELS = ("batch.kubernetes.io/controller-uid", "controller-uid")
NAME_LABELS = ("batch.kubernetes.io/job-name", "job-name")
_BACKOFF_MAX = 2**31 - 1


def _default_spec(spec: Obj) -> None:
    pod_defaults.pod_spec(spec["template"]["spec"])
    if spec.get("completions") is None and spec.get("parallelism") is None:
        spec["completions"] = spec["parallelism"] = 1
    spec.setdefault("parallelism", 1)
    if "backoffLimit" not in spec:
        spec["backoffLimit"] = 6 if spec.get("backoffLimitPerIndex") is None else _BACKOFF_MAX
    spec.setdefault("completionMode", "NonIndexed")
    spec.setdefault("suspend", False)
    policy = spec.get("podFailurePolicy")
    for rule in (policy or {}).get("rules") or ():
        for pattern in rule.get("onPodConditions") or ():
            if not pattern.get("status"):
                pattern["status"] = "True"
    spec.setdefault("podReplacementPolicy", "Failed" if policy else "TerminatingOrFailed")
    spec.setdefault("manualSelector", False)


def _default(job: Obj) -> None:
    spec, metadata = job["spec"], job["metadata"]
    _default_spec(spec)
    if not metadata.get("labels") and (labels := (spec["template"].get("metadata") or {}).get("labels")):
        # The same object on purpose: what `_prepare_create` adds to the one shows in the other, as it
        # does upstream.
        metadata["labels"] = labels


def _prepare_create(job: Obj, context: Context) -> None:
    """Its pods are told apart by its uid, which nobody can guess and reuse."""
    job["status"] = {}
    spec, metadata = job["spec"], job["metadata"]
    if spec.get("manualSelector"):
        return
    uid = metadata.get("uid", "")
    labels = spec["template"].setdefault("metadata", {}).setdefault("labels", {})
    for key in UID_LABELS:
        labels[key] = uid
    for key in NAME_LABELS:
        labels[key] = metadata.get("name", "")
    selector = spec.setdefault("selector", {}).setdefault("matchLabels", {})
    selector.setdefault(UID_LABELS[0], uid)


def _prepare_update(new: Obj, old: Obj, context: Context) -> None:
    new["status"] = old.get("status", {})


def _state(job: Obj, now: float) -> str:
    kinds = {c.get("type"): c.get("status") for c in at(job, "status.conditions", ())}
    for kind, shown in (("Complete", "Complete"), ("Failed", "Failed")):
        if kinds.get(kind) == "True":
            return shown
    if at(job, "metadata.deletionTimestamp"):
        return "Terminating"
    for kind in ("Suspended", "FailureTarget", "SuccessCriteriaMet"):
        if kinds.get(kind) == "True":
            return kind
    return "Running"


def _completions(job: Obj, now: float) -> str:
    spec, done = job.get("spec", {}), at(job, "status.succeeded", 0)
    if spec.get("completions") is not None:
        return f"{done}/{spec['completions']}"
    parallel = spec.get("parallelism", 0)
    return f"{done}/1 of {parallel}" if parallel > 1 else f"{done}/1"


def _duration(job: Obj, now: float) -> str:
    started, ended = at(job, "status.startTime"), at(job, "status.completionTime")
    if not started:
        return ""
    return human_duration((parse_rfc3339(ended) if ended else now) - parse_rfc3339(started))


STRATEGY = Strategy(
    default=tidies("batch.v1.Job", _default),
    prepare_create=_prepare_create,
    prepare_update=_prepare_update,
    validate=validate,
    validate_update=validate_update,
    validate_status=validate_status,
    generation=True,
    default_propagation="orphan",
    fields={"status.successful": lambda obj: str(at(obj, "status.succeeded", 0))},
    columns=(
        NAME,
        Column("Status", _state, description="Status of the job."),
        Column("Completions", _completions),
        Column("Duration", _duration, description="Time required to complete the job."),
        AGE,
        *template_columns("spec.template", lambda obj: selector_text(at(obj, "spec.selector", {}))),
    ),
    warnings=lambda new, old: template_warnings(new["spec"]["template"]),
)
