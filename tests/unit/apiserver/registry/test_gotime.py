"""Times as Go reads them; the messages are upstream's."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.apiserver.registry import gotime

SECONDS, MICRO = gotime.SECONDS, gotime.MICROSECONDS


@pytest.mark.parametrize(
    ("text", "micro", "problem"),
    [
        ("2026-01-01T00:00:00Z", False, ""),
        ("2026-01-01T00:00:00.123+01:00", False, ""),
        ("2024-02-29T00:00:00Z", False, ""),
        ("2026-01-01T00:00:00.123456Z", True, ""),
        ("", False, f'as "{SECONDS}": cannot parse "" as "2006"'),
        ("yesterday", False, f'as "{SECONDS}": cannot parse "yesterday" as "2006"'),
        ("2026", False, f'as "{SECONDS}": cannot parse "" as "-"'),
        ("2026-01-01", False, f'as "{SECONDS}": cannot parse "" as "T"'),
        ("2026-01-01 00:00:00Z", False, f'as "{SECONDS}": cannot parse " 00:00:00Z" as "T"'),
        ("2026-01-01T00:00:00", False, f'as "{SECONDS}": cannot parse "" as "Z07:00"'),
        ("2026-13-01T00:00:00Z", False, "month out of range"),
        ("2026-02-29T00:00:00Z", False, "day out of range"),
        ("2026-01-01T25:00:00Z", False, "hour out of range"),
        ("2026-01-01T00:00:00+25:00", False, "time zone offset hour out of range"),
        ("0000-01-01T00:00:00Z", False, "year out of range"),
        ("2026-01-01T00:00:00Zx", False, 'extra text: "x"'),
        ("2026-01-01T00:00:00Z", True, f'as "{MICRO}": cannot parse "Z" as ".000000"'),
        ("2026-01-01T00:00:00.1Z", True, f'as "{MICRO}": cannot parse ".1Z" as ".000000"'),
        ("2026-01-01T00:00:00.1234567Z", True, f'as "{MICRO}": cannot parse "7Z" as "Z07:00"'),
    ],
)
def test_problem(text: str, micro: bool, problem: str) -> None:
    found = gotime.problem(text, micro=micro)
    joint = " " if problem.startswith("as ") else ": "
    assert found == (f'parsing time "{text}"{joint}{problem}' if problem else "")


@given(st.datetimes(), st.booleans())
def test_what_is_plain_has_no_problem(when: object, micro: bool) -> None:
    text = f"{when:%Y-%m-%dT%H:%M:%S.%f}Z" if micro else f"{when:%Y-%m-%dT%H:%M:%S}Z"
    if re.match(gotime.PLAIN_MICRO if micro else gotime.PLAIN, text):
        assert gotime.problem(text, micro=micro) == ""
