"""What Go's `time.Parse` says of a text that is no time: metav1.Time and MicroTime.

The two differ in the fraction of a second: none or any for Time, exactly six digits for MicroTime. The
fast check (`wiretypes.py`) lets the plain case through; what it refuses is asked about here. Two things Go
takes are refused: the year 0 and an hour of one digit. Pure.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator

SECONDS = "2006-01-02T15:04:05Z07:00"
MICROSECONDS = "2006-01-02T15:04:05.000000Z07:00"

_DAY = r"[1-9]\d{3}-(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d"
_ZONE = r"(Z|[+-]([01]\d|2[0-3]):[0-5]\d)"
PLAIN = rf"^{_DAY}(\.\d{{1,9}})?{_ZONE}$"
"""Texts that are a Time for sure, as a pattern."""
PLAIN_MICRO = rf"^{_DAY}\.\d{{6}}{_ZONE}$"
"""Texts that are a MicroTime for sure."""

# (literal before it, its name in the layout, how it looks, what it is called out of range, its bounds)
_PARTS = (
    ("", "2006", r"\d{4}", "year", 1, 9999),
    ("-", "01", r"\d{2}", "month", 1, 12),
    ("-", "02", r"\d{2}", "day", 1, 31),
    ("T", "15", r"\d{2}", "hour", 0, 23),
    (":", "04", r"\d{2}", "minute", 0, 59),
    (":", "05", r"\d{2}", "second", 0, 59),
)
_FRACTION = re.compile(r"[.,]\d+")
_OFFSET = re.compile(r"Z|[+-](\d\d):(\d\d)")


def problem(text: str, *, micro: bool = False) -> str:
    """Empty when `text` is a time."""
    layout = MICROSECONDS if micro else SECONDS
    try:
        _parse(text, micro)
    except _Unlike as unlike:
        rest, element = unlike.args
        return f'parsing time "{text}" as "{layout}": cannot parse "{rest}" as "{element}"'
    except ValueError as error:
        return f'parsing time "{text}": {error}'
    return ""


class _Unlike(Exception):
    """(rest of the text, element of the layout)"""


def _parse(text: str, micro: bool) -> None:
    numbers: list[int] = []
    for rest, number in _numbers(text):
        numbers.append(number)
        text = rest
    if micro:
        if not re.match(r"\.\d{6}", text):
            raise _Unlike(text, ".000000")
        text = text[7:]
    elif found := _FRACTION.match(text):
        text = text[found.end() :]
    zone = _OFFSET.match(text)
    if zone is None:
        raise _Unlike(text, "Z07:00")
    for digits, end, name in ((zone[1], 24, "hour"), (zone[2], 60, "minute")):
        if digits and int(digits) >= end:
            raise ValueError(f"time zone offset {name} out of range")
    if text[zone.end() :]:
        raise ValueError(f'extra text: "{text[zone.end() :]}"')
    year, month, day = numbers[:3]
    if day > calendar.monthrange(year, month)[1]:
        raise ValueError("day out of range")


def _numbers(text: str) -> Iterator[tuple[str, int]]:
    """Year to second: (what is left, the number)."""
    for literal, element, look, name, low, high in _PARTS:
        if not text.startswith(literal):
            raise _Unlike(text, literal)
        text = text[len(literal) :]
        found = re.match(look, text)
        if found is None:
            raise _Unlike(text, element)
        number = int(found[0])
        if not low <= number <= high:
            raise ValueError(f"{name} out of range")
        text = text[found.end() :]
        yield text, number
