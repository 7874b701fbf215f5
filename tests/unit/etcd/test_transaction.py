from __future__ import annotations

from typing import Any

import pytest

from wherry.etcd.transaction import DuplicateKey, check_distinct, holds
from wherry.etcd.types import Compare, Delete, KeyValue, Op, Put, Range

KV = KeyValue(b"k", b"v", 2, 5, 3, 9)


@pytest.mark.parametrize(
    ("target", "op", "value", "present", "missing"),
    [
        ("mod", "=", 5, True, False),
        ("mod", "=", 0, False, True),
        ("create", "<", 3, True, True),
        ("version", ">", 2, True, False),
        ("lease", "!=", 9, False, True),
        ("value", "=", b"v", True, False),
        ("value", "!=", b"x", True, False),
        ("value", "<", b"w", True, False),
    ],
)
def test_compares(target: Any, op: Any, value: int | bytes, present: bool, missing: bool) -> None:
    compare = Compare(b"k", target, op, value)
    assert holds(compare, KV) is present
    assert holds(compare, None) is missing


def test_a_key_changes_once() -> None:
    a, b = Put(b"a", b""), Put(b"b", b"")
    fine: list[list[Op]] = [
        [a, b],
        [a, Delete(b"b")],
        [Delete(b"b"), Delete(b"b", b"c")],
        [a, Range(b"a")],
    ]
    for ops in fine:
        check_distinct(ops)
    wrong: list[list[Op]] = [[a, b, a], [a, Delete(b"a")], [Delete(b"a", b"c"), b], [Delete(b"\0", b"\0"), a]]
    for ops in wrong:
        with pytest.raises(DuplicateKey):
            check_distinct(ops)
