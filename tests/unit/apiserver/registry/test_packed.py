from __future__ import annotations

import gzip

from hypothesis import given
from hypothesis import strategies as st

from wherry.apiserver.registry.entry import Entry
from wherry.apiserver.registry.packed import PackedLists, joined, piece

ALL = ("", "")


@given(st.lists(st.binary(max_size=300), max_size=6))
def test_pieces_join_to_one_gzip_member(plain: list[bytes]) -> None:
    assert gzip.decompress(joined(map(piece, plain))) == b"".join(plain)


def entry(number: int, content: int = 0) -> Entry:
    return Entry(f"ns/pod-{number:04}", 1, b'{"n":%d,"c":%d}' % (number, content))


def body(lists: PackedLists, entries: list[Entry]) -> bytes:
    packed = lists.body(ALL, b"[", entries, b"]")
    expected = b"[" + b",".join(e.data for e in entries) + b"]"
    assert gzip.decompress(packed) == expected
    return packed


Steps = list[tuple[str, int]]
changes = st.lists(st.tuples(st.sampled_from(["add", "remove", "change"]), st.integers(0, 300)), max_size=20)


@given(st.sets(st.integers(0, 300)), changes)
def test_lists_stay_right_while_entries_come_go_and_change(start: set[int], steps: Steps) -> None:
    lists = PackedLists()
    entries = {n: entry(n) for n in start}
    body(lists, [entries[n] for n in sorted(entries)])
    for content, (step, number) in enumerate(steps):
        if step == "remove":
            entries.pop(number, None)
        else:
            entries[number] = entry(number, content)
        body(lists, [entries[n] for n in sorted(entries)])


def test_a_change_compresses_its_own_run_only() -> None:
    lists = PackedLists()
    entries = [entry(n) for n in range(1000)]
    body(lists, entries)
    before = {name: found[1] for name, found in lists._kept[ALL].items()}
    entries[500] = entry(500, 1)
    body(lists, entries)
    after = {name: found[1] for name, found in lists._kept[ALL].items()}
    assert len(before) > 8
    assert sum(after[name] is not before[name] for name in before) == 1


def test_other_scopes_are_kept_apart_and_bounded() -> None:
    lists = PackedLists()
    for number in range(40):
        packed = lists.body(("namespace", str(number)), b"[", [entry(number)], b"]")
        assert gzip.decompress(packed) == b"[" + entry(number).data + b"]"
    assert len(lists._kept) == 16
