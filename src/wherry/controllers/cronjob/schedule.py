"""Crontab lines: when is the next time? Pure.

    parse("*/15 9-17 * * mon-fri").next(datetime)

Five fields, names of months and days, `@hourly` and the like, `@every 1h30m` is not taken by the API.
Day of month and day of week are alternatives when both are restricted, as cron has it. Times that a
clock change skips are skipped; times that come twice are taken once. Follows robfig/cron v3.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import datetime, timedelta

_NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_MONTHS = {name.lower(): number for number, name in enumerate(calendar.month_abbr) if name}
_DAYS = {name: number for number, name in enumerate(("sun", "mon", "tue", "wed", "thu", "fri", "sat"))}
_LIMITS: tuple[tuple[int, int, dict[str, int]], ...] = (
    (0, 59, {}),
    (0, 23, {}),
    (1, 31, {}),
    (1, 12, _MONTHS),
    (0, 6, _DAYS),
)
_HORIZON = 5 * 366
"""Days to look ahead: 29 February of a given weekday may be long in coming; upstream gives up too."""


@dataclass(frozen=True, slots=True)
class Schedule:
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool
    """Both kinds of day are restricted: one that fits is enough."""

    def next(self, after: datetime) -> datetime | None:
        """The first time later than `after`, in its time zone; None when there is none in five years."""
        start = after.replace(second=0, microsecond=0, tzinfo=None) + timedelta(minutes=1)
        zone = after.tzinfo
        for offset in range(_HORIZON):
            day = (start + timedelta(days=offset)).date()
            if day.month not in self.months or not self._fits(day.day, day.isoweekday() % 7):
                continue
            for hour in sorted(self.hours):
                for minute in sorted(self.minutes):
                    naive = datetime(day.year, day.month, day.day, hour, minute)
                    found = naive.replace(tzinfo=zone)
                    if naive >= start and found > after and _exists(found):
                        return found
        return None

    def _fits(self, day: int, weekday: int) -> bool:
        if self.either_day:
            return day in self.days or weekday in self.weekdays
        return day in self.days and weekday in self.weekdays


def _exists(moment: datetime) -> bool:
    """False for a wall-clock time that the change to summer time skips."""
    zone = moment.tzinfo
    if zone is None:
        return True
    there_and_back = datetime.fromtimestamp(moment.timestamp(), zone)
    return there_and_back.replace(tzinfo=None) == moment.replace(tzinfo=None)


def parse(text: str) -> Schedule:
    """ValueError when it is no crontab line."""
    line = _NICKNAMES.get(text.strip().lower(), text)
    parts = line.split()
    if len(parts) != 5:
        raise ValueError(f"expected exactly 5 fields, found {len(parts)}: [{text}]")
    minutes, hours, days, months, weekdays = (
        _field(part, *limits) for part, limits in zip(parts, _LIMITS, strict=True)
    )
    both = not any(part.startswith(("*", "?")) for part in (parts[2], parts[4]))
    return Schedule(minutes, hours, days, months, weekdays, both)


def _field(text: str, low: int, high: int, names: dict[str, int]) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        span, slash, step_text = part.partition("/")
        step = _number(step_text, {}) if slash else 1
        if span in ("*", "?"):
            first, last = low, high
        else:
            left, dash, right = span.partition("-")
            first = _number(left, names)
            last = _number(right, names) if dash else (high if slash else first)
        if step < 1 or not low <= first <= last <= high:
            raise ValueError(f"failed to parse field {text!r}: not within {low} and {high}")
        found.update(range(first, last + 1, step))
    return frozenset(found)


def _number(text: str, names: dict[str, int]) -> int:
    name = text.lower()
    if name in names:
        return names[name]
    if not (text.isascii() and text.isdecimal()):
        raise ValueError(f"failed to parse int from {text!r}")
    return int(text)
