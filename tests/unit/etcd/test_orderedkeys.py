from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.etcd import orderedkeys
from wherry.etcd.orderedkeys import OrderedKeys

KEYS = st.binary(min_size=1, max_size=2)


@given(
    initial=st.sets(KEYS, max_size=40),
    steps=st.lists(st.tuples(st.booleans(), KEYS), max_size=80),
    start=KEYS,
    stop=st.none() | KEYS,
)
def test_it_is_a_sorted_set(
    initial: set[bytes], steps: list[tuple[bool, bytes]], start: bytes, stop: bytes | None
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(orderedkeys, "BLOCK", 8)
        keys, model = OrderedKeys(sorted(initial)), set(initial)
        for adding, key in steps:
            if adding and key not in model:
                keys.add(key)
                model.add(key)
            elif not adding and key in model:
                keys.remove(key)
                model.discard(key)
        assert list(keys.span(b"", None)) == sorted(model)
        expected = [key for key in sorted(model) if key >= start and (stop is None or key < stop)]
        assert list(keys.span(start, stop)) == expected
        assert len(keys) == len(model)
        assert all(0 < len(block) <= 8 for block in keys._blocks)


def test_keys_that_come_in_order_fill_their_blocks() -> None:
    keys = OrderedKeys()
    for number in range(10_000):
        keys.add(b"%06d" % number)
    assert len(keys._blocks) < 13
