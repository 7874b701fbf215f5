from __future__ import annotations

import pytest

from wherry.etcd.keyindex import KeyIndex, position
from wherry.etcd.retention import Ages, Retention, compaction_due


def test_ages_know_what_was_when() -> None:
    ages = Ages()
    for now, revision in ((0, 5), (10, 5), (20, 9), (30, 12)):
        ages.note(now, revision)
    assert ages.before(-1) == 0
    assert ages.before(19) == 5
    assert ages.before(29) == 9
    assert ages.before(29) == 9
    assert ages.before(1000) == 12


@pytest.mark.parametrize(
    ("now", "limit", "full", "due"),
    [
        (100, 1000, False, 0),
        (301, 1000, False, 3),
        (100, 150, False, 5),
        (100, 0, False, 6),
        (301, 250, False, 4),
        (301, 350, False, 3),
        (0, 1000, True, 6),
    ],
)
def test_history_goes_by_age_by_size_and_by_need(now: float, limit: int, full: bool, due: int) -> None:
    index = KeyIndex()
    for revision in range(2, 7):
        index.put(b"k", position(revision, 0, False), 100)
    ages = Ages()
    ages.note(0, 3)
    ages.note(50, 6)
    policy = Retention(seconds=300, bytes=limit)
    assert index.history_bytes == 400
    assert compaction_due(policy, ages, index, now, 6, full) == due
