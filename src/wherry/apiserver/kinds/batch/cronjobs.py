"""CronJob."""

from __future__ import annotations

from wherry.api.fieldpath import invalid_value, not_supported, required
from wherry.api.schema import Obj
from wherry.apiserver.kinds.batch import cron_schedule
from wherry.apiserver.kinds.batch.job_validation import job_spec
from wherry.apiserver.kinds.columns import AGE, NAME, NONE, at, selector_text, template_columns
from wherry.apiserver.kinds.core.pod_warnings import template_warnings
from wherry.apiserver.kinds.durations import age
from wherry.apiserver.kinds.stanzas import formats, pod_defaults
from wherry.apiserver.kinds.stanzas.formats import Errors
from wherry.apiserver.kinds.wire import tidies
from wherry.apiserver.registry.strategy import Column, Context, Strategy

_POLICIES = ("Allow", "Forbid", "Replace")
# Jobs get "-" and ten digits for the time they are for.
_MAX_NAME = 63 - 11


def _default(cron_job: Obj) -> None:
    spec = cron_job["spec"]
    pod_defaults.pod_spec(spec["jobTemplate"]["spec"]["template"]["spec"])
    spec.setdefault("concurrencyPolicy", "Allow")
    spec.setdefault("suspend", False)
    spec.setdefault("successfulJobsHistoryLimit", 3)
    spec.setdefault("failedJobsHistoryLimit", 1)


def _prepare_create(cron_job: Obj, context: Context) -> None:
    cron_job["status"] = {}


def _prepare_update(new: Obj, old: Obj, context: Context) -> None:
    new["status"] = old.get("status", {})


def _validate(cron_job: Obj) -> Errors:
    out: Errors = []
    spec = cron_job["spec"]
    schedule = spec.get("schedule", "")
    if not schedule:
        out.append(required("spec.schedule"))
    else:
        if problem := cron_schedule.problem(schedule):
            out.append(invalid_value("spec.schedule", schedule, problem))
        if "TZ" in schedule and "resourceVersion" not in cron_job["metadata"]:
            message = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
            out.append(invalid_value("spec.schedule", schedule, message))
    if (zone := spec.get("timeZone")) is not None:
        _time_zone(zone, out)
    formats.not_negative(spec.get("startingDeadlineSeconds"), "spec.startingDeadlineSeconds", out)
    policy = spec.get("concurrencyPolicy")
    if policy not in _POLICIES:
        formats.one_of(policy, _POLICIES, "spec.concurrencyPolicy", out)
    for field in ("successfulJobsHistoryLimit", "failedJobsHistoryLimit"):
        formats.not_negative(spec.get(field), f"spec.{field}", out)
    job = spec["jobTemplate"]["spec"]
    job_spec(job, "spec.jobTemplate.spec", out)
    if job.get("manualSelector"):
        out.append(not_supported("spec.jobTemplate.spec.manualSelector", True, ("nil", "false")))
    name = cron_job["metadata"].get("name", "")
    if len(name) > _MAX_NAME and "resourceVersion" not in cron_job["metadata"]:
        out.append(invalid_value("metadata.name", name, "must be no more than 52 characters"))
    return out


def _time_zone(zone: str, out: Errors) -> None:
    path = "spec.timeZone"
    if not zone:
        out.append(invalid_value(path, zone, "timeZone must be nil or non-empty string"))
        return
    if zone.lower() == "local":
        message = "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones"
        out.append(invalid_value(path, zone, message))
    if zone != "Local" and not _is_zone(zone):
        out.append(invalid_value(path, zone, f"unknown time zone {zone}"))


def _is_zone(zone: str) -> bool:
    import zoneinfo  # only CronJobs with a zone need the database

    try:
        zoneinfo.ZoneInfo(zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _flag(value: bool | None) -> str:
    """Upstream prints Go's words into a boolean column."""
    return "<unset>" if value is None else "True" if value else "False"


def _last(cron_job: Obj, now: float) -> str:
    when = at(cron_job, "status.lastScheduleTime")
    return age(when, now) if when else NONE


STRATEGY = Strategy(
    default=tidies("batch.v1.CronJob", _default),
    prepare_create=_prepare_create,
    prepare_update=_prepare_update,
    validate=_validate,
    generation=True,
    columns=(
        NAME,
        Column("Schedule", lambda obj, now: at(obj, "spec.schedule")),
        Column("Timezone", lambda obj, now: at(obj, "spec.timeZone") or NONE),
        Column("Suspend", lambda obj, now: _flag(at(obj, "spec.suspend", None)), type="boolean"),
        Column("Active", lambda obj, now: len(at(obj, "status.active", ())), type="integer"),
        Column("Last Schedule", _last),
        AGE,
        *template_columns(
            "spec.jobTemplate.spec.template",
            lambda obj: selector_text(at(obj, "spec.jobTemplate.spec.selector", {})),
        ),
    ),
    warnings=lambda new, old: template_warnings(
        new["spec"]["jobTemplate"]["spec"]["template"], "spec.jobTemplate.spec.template"
    ),
)
