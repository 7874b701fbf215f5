from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wherry.kubelet.backoff import Backoff, go_duration


def test_doubles_up_to_five_minutes() -> None:
    backoff, now, waits = Backoff(), 1000.0, []
    for _ in range(8):
        waits.append(backoff.remaining("k", now, now))
        now += waits[-1]
        backoff.next("k", now)
        now += 1  # runs for a second and fails
    assert waits == [0, 10, 20, 40, 80, 160, 300, 300]


def test_counts_from_the_failure() -> None:
    backoff = Backoff()
    backoff.next("k", 0)
    assert backoff.remaining("k", 5, 8) == 7
    assert backoff.remaining("k", 5, 15) == 0
    assert backoff.remaining("other", 5, 8) == 0


def test_starts_over_after_a_long_good_time() -> None:
    backoff = Backoff()
    for now in (0, 10, 30):
        backoff.next("k", now)
    assert backoff.delay("k") == 40
    assert backoff.remaining("k", 700, 700) == 0
    backoff.next("k", 700)
    assert backoff.delay("k") == 10


def test_forgets() -> None:
    backoff = Backoff()
    backoff.next("k", 0)
    backoff.forget("k")
    assert backoff.delay("k") == 0


@given(st.lists(st.floats(0, 100), max_size=30))
def test_never_longer_than_the_maximum(gaps: list[float]) -> None:
    backoff, now = Backoff(), 0.0
    for gap in gaps:
        now += gap
        backoff.next("k", now)
        assert 10 <= backoff.delay("k") <= 300


def test_go_duration() -> None:
    assert [go_duration(s) for s in (10, 60, 80, 300)] == ["10s", "1m0s", "1m20s", "5m0s"]
