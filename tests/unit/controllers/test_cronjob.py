from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.clock import rfc3339
from wherry.controllers.cronjob.plan import NoSchedule, history_surplus, job_of, plan
from wherry.controllers.cronjob.schedule import parse

from .world import NOW, typed

START = 1_800_000_000.0 - 1_800_000_000.0 % 3600


@pytest.mark.parametrize(
    ("line", "after", "expected"),
    [
        ("* * * * *", "2026-01-01T00:00:30", "2026-01-01T00:01"),
        ("*/15 * * * *", "2026-01-01T00:45:00", "2026-01-01T01:00"),
        ("30 9-17 * * mon-fri", "2026-01-02T17:30:00", "2026-01-05T09:30"),
        ("0 0 29 2 *", "2026-01-01T00:00:00", "2028-02-29T00:00"),
        ("0 0 13 * 5", "2026-01-01T00:00:00", "2026-01-02T00:00"),
        ("5/20 * * * *", "2026-01-01T00:10:00", "2026-01-01T00:25"),
        ("@monthly", "2026-01-01T00:00:00", "2026-02-01T00:00"),
        ("0 12 ? JAN,jul *", "2026-02-01T00:00:00", "2026-07-01T12:00"),
    ],
)
def test_next_times(line: str, after: str, expected: str) -> None:
    found = parse(line).next(datetime.fromisoformat(after).replace(tzinfo=UTC))
    assert found == datetime.fromisoformat(expected).replace(tzinfo=UTC)


NONSENSE = ("", "* * * *", "60 * * * *", "* * * * 8", "*/0 * * * *", "5-1 * * * *", "x * * * *")


@pytest.mark.parametrize("line", NONSENSE)
def test_nonsense_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse(line)


def test_the_hour_that_summer_time_skips_is_skipped() -> None:
    berlin = zoneinfo.ZoneInfo("Europe/Berlin")
    eve = datetime(2026, 3, 28, 12, 0, tzinfo=berlin)
    assert parse("30 2 * * *").next(eve) == datetime(2026, 3, 30, 2, 30, tzinfo=berlin)


def test_impossible_dates_never_come() -> None:
    assert parse("0 0 30 2 *").next(datetime(2026, 1, 1, tzinfo=UTC)) is None


@given(minute=st.integers(0, 59), hour=st.integers(0, 23), offset=st.integers(0, 400 * 24 * 60))
def test_daily_times_come_within_a_day(minute: int, hour: int, offset: int) -> None:
    after = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=offset)
    found = parse(f"{minute} {hour} * * *").next(after)
    assert found is not None
    assert (found.hour, found.minute) == (hour, minute)
    assert timedelta() < found - after <= timedelta(days=1)


def cron_job(last: float | None = None, **spec: Any) -> Any:
    metadata = {"name": "c", "namespace": "ns", "uid": "c", "creationTimestamp": rfc3339(START)}
    status = {} if last is None else {"lastScheduleTime": rfc3339(last)}
    full = {"schedule": "*/10 * * * *", "jobTemplate": {"spec": {"template": {"spec": {}}}}, **spec}
    return typed(
        {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": metadata, "spec": full, "status": status}
    )


def a_job(name: str, ended: str = "") -> Any:
    conditions = [{"type": ended, "status": "True"}] if ended else []
    metadata = {"name": name, "namespace": "ns", "uid": name}
    status = {"conditions": conditions, "startTime": rfc3339(NOW)}
    return typed({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "status": status})


def test_waits_for_its_time_and_starts_the_latest_that_was_missed() -> None:
    assert plan(cron_job(), [], START + 60).start is None
    assert plan(cron_job(), [], START + 60).wake == pytest.approx(540.1)
    assert plan(cron_job(), [], START + 1300).start == START + 1200
    assert plan(cron_job(last=START + 1200), [], START + 1300).start is None


def test_a_deadline_gives_up_on_what_is_too_late() -> None:
    assert plan(cron_job(startingDeadlineSeconds=50), [], START + 1300).start is None
    assert plan(cron_job(startingDeadlineSeconds=150), [], START + 1300).start == START + 1200


def test_many_missed_times_end_at_the_last() -> None:
    late = plan(cron_job(schedule="* * * * *"), [], START + 200 * 60 + 5)
    assert late.start == START + 200 * 60
    assert late.missed > 100


def test_concurrency_policies() -> None:
    running = [a_job("c-1")]
    now = START + 605
    assert plan(cron_job(), running, now).start == START + 600
    forbidden = plan(cron_job(concurrencyPolicy="Forbid"), running, now)
    assert forbidden.start is None
    assert forbidden.skip is not None
    assert forbidden.skip[0] == "JobAlreadyActive"
    replaced = plan(cron_job(concurrencyPolicy="Replace"), running, now)
    assert (replaced.start, replaced.replace) == (START + 600, tuple(running))
    assert plan(cron_job(suspend=True), [], now).start is None


def test_a_job_is_named_after_its_minute() -> None:
    made = job_of(cron_job(), START + 600)
    assert made["metadata"]["name"] == f"c-{int(START + 600) // 60}"
    assert plan(cron_job(), [a_job(made["metadata"]["name"])], START + 605).start is None


def test_history_keeps_the_latest() -> None:
    owner = cron_job(successfulJobsHistoryLimit=1, failedJobsHistoryLimit=0)
    jobs = [a_job("a", "Complete"), a_job("b", "Complete"), a_job("f", "Failed"), a_job("r")]
    assert [job.metadata.name for job in history_surplus(owner, jobs)] == ["a", "f"]


def test_wrong_schedules_are_said_to_be_wrong() -> None:
    with pytest.raises(NoSchedule, match="unparseable schedule"):
        plan(cron_job(schedule="nonsense"), [], START)
    with pytest.raises(NoSchedule, match="unknown time zone"):
        plan(cron_job(timeZone="Nowhere/Land"), [], START)
