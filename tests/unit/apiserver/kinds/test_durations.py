import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.apiserver.kinds.durations import age, human_duration

HOUR, DAY, YEAR = 3600, 86400, 365 * 86400


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-3, "<invalid>"),
        (-1, "0s"),
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (150, "2m30s"),
        (599, "9m59s"),
        (600, "10m"),
        (3 * HOUR - 1, "179m"),
        (3 * HOUR, "3h"),
        (3 * HOUR + 300, "3h5m"),
        (8 * HOUR + 300, "8h"),
        (47 * HOUR, "47h"),
        (48 * HOUR, "2d"),
        (50 * HOUR, "2d2h"),
        (8 * DAY, "8d"),
        (2 * YEAR - 1, "729d"),
        (2 * YEAR, "2y"),
        (2 * YEAR + 5 * DAY, "2y5d"),
        (8 * YEAR + 5 * DAY, "8y"),
    ],
)
def test_as_upstream(seconds, text):
    assert human_duration(seconds) == text


@given(st.floats(min_value=0, max_value=1e10))
def test_never_more_than_two_units(seconds):
    assert sum(c.isalpha() for c in human_duration(seconds)) <= 2


def test_age():
    assert age(None, 0) == "<unknown>"
    assert age("1970-01-01T00:00:10Z", 20) == "10s"
