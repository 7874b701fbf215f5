from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wherry.etcd.keyindex import NOWHERE, KeyIndex, position, revision_of, start_of
from wherry.etcd.keyrange import TO_THE_END

PUT, DEAD = False, True


def index_of(*writes: tuple[bytes, int, bool]) -> KeyIndex:
    index = KeyIndex()
    for key, revision, dead in writes:
        index.put(key, position(revision, 0, dead), 10)
    return index


def revisions(positions: list[int]) -> list[int]:
    return [revision_of(where) for where in positions]


WORKED = [(b"k", 2, PUT), (b"k", 5, PUT), (b"k", 8, DEAD), (b"k", 9, PUT)]


def test_positions_order_as_the_writes_did() -> None:
    assert position(2, 7, True) < position(2, 8, False) < position(3, 0, False)
    assert start_of(3) == position(3, 0, False)
    assert revision_of(position(3, 9, True)) == 3


def test_the_worked_example() -> None:
    index = index_of(*WORKED)
    assert [revision_of(index.at(b"k", revision)) for revision in (2, 4, 5, 7, 9, 99)] == [2, 2, 5, 5, 9, 9]
    assert index.at(b"k", 1) == NOWHERE
    assert index.at(b"k", 8) & 1
    assert revisions(index.compact(6)) == [2]
    assert revisions(index.compact(8)) == [5]
    assert revisions(index.compact(9)) == [8]
    assert index.compact(20) == []
    assert revision_of(index.newest(b"k")) == 9
    assert index.history_bytes == 0


def test_all_of_the_history_can_go_at_once() -> None:
    assert revisions(index_of(*WORKED).compact(9)) == [2, 5, 8]


def test_a_deleted_key_disappears_one_revision_later() -> None:
    index = index_of((b"k", 2, PUT), (b"k", 3, DEAD))
    assert revisions(index.compact(3)) == [2]
    assert revisions(index.compact(4)) == [3]
    assert index.newest(b"k") == NOWHERE
    assert index.select(b"\0", TO_THE_END, 9) == ([], 0)


def test_select_and_living() -> None:
    index = index_of((b"a", 2, PUT), (b"b", 3, PUT), (b"c", 4, PUT), (b"b", 5, DEAD), (b"a", 6, PUT))
    assert revisions(index.select(b"a", b"d", 4)[0]) == [2, 3, 4]
    found, total = index.select(b"a", b"d", 5)
    assert (revisions(found), total) == ([2, 4], 2)
    found, total = index.select(b"a", b"d", 6, limit=1)
    assert (revisions(found), total) == ([6], 2)
    assert index.select(b"b", None, 5) == ([], 0)
    assert index.living(b"a", TO_THE_END) == [b"a", b"c"]
    assert index.living(b"b", None) == []
    assert index.living(b"c", None) == [b"c"]


def test_what_to_compact_to_be_rid_of_so_much() -> None:
    index = index_of(*WORKED)
    assert index.history_bytes == 30
    assert [index.revision_freeing(size) for size in (0, 1, 10, 11, 30, 99)] == [0, 5, 5, 8, 9, 9]


STEPS = st.lists(st.tuples(st.sampled_from([b"a", b"b", b"c"]), st.booleans()), max_size=30)


def written(index: KeyIndex, steps: list[tuple[bytes, bool]], start: int) -> list[tuple[int, bytes]]:
    writes = []
    for revision, (key, dead) in enumerate(steps, start):
        if not (dead and index.newest(key) & 1):
            writes.append((position(revision, 0, dead), key))
            index.put(key, writes[-1][0], 10)
    return writes


def shown(index: KeyIndex) -> object:
    histories = {key: list(history) for key, history in index._histories.items()}
    return histories, list(index._keys.span(b"", None)), list(index._garbage), index.history_bytes


@given(STEPS, STEPS)
def test_undo_is_exact(first: list[tuple[bytes, bool]], second: list[tuple[bytes, bool]]) -> None:
    index = KeyIndex()
    written(index, first, 2)
    before = shown(index)
    for where, key in reversed(written(index, second, 100)):
        index.undo(key, where)
    assert shown(index) == before


@given(STEPS, st.integers(1, 35), st.integers(0, 20))
def test_restoring_what_is_left_gives_the_same_index(
    steps: list[tuple[bytes, bool]], compacted: int, crash: int
) -> None:
    """Compaction drops in order and may be cut short after any record; what it left goes at recovery."""
    index = KeyIndex()
    records = dict(written(index, steps, 2))
    dropped = index.compact(compacted)
    for where in dropped[:crash]:
        del records[where]
    again = KeyIndex()
    again.restore((where, key, 10) for where, key in records.items())
    assert again.compact(compacted) == dropped[crash:]
    assert again._histories == index._histories
    assert list(again._keys.span(b"", None)) == list(index._keys.span(b"", None))
