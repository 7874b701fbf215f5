"""What a transaction may ask for, checked before anything of it is applied."""

from __future__ import annotations

from collections.abc import Sequence

from wherry.etcd.keyindex import MAX_WRITES
from wherry.etcd.keyrange import contains
from wherry.etcd.types import Compare, Delete, KeyValue, Op, Put

_FIELDS = {"mod": "mod_revision", "create": "create_revision", "version": "version", "lease": "lease"}


class DuplicateKey(ValueError):
    """A key may change once in a transaction: its revision would name two values."""

    def __init__(self) -> None:
        super().__init__("etcdserver: duplicate key given in txn request")


def holds(compare: Compare, kv: KeyValue | None) -> bool:
    """etcd's applyCompare: a missing key has zeros, and fails every comparison of its value."""
    actual: int | bytes
    if compare.target == "value":
        if kv is None:
            return False
        actual = kv.value
    else:
        actual = getattr(kv, _FIELDS[compare.target]) if kv is not None else 0
    match compare.op:
        case "=":
            return actual == compare.value
        case "!=":
            return actual != compare.value
        case "<":
            return actual < compare.value  # type: ignore[operator]
        case ">":
            return actual > compare.value  # type: ignore[operator]


def check_distinct(ops: Sequence[Op]) -> None:
    """Raises DuplicateKey when a key is put twice, or put and deleted (etcd's checkIntervals)."""
    puts: dict[bytes, None] = {}
    for op in ops:
        if isinstance(op, Put):
            if op.key in puts:
                raise DuplicateKey
            puts[op.key] = None
    for op in ops:
        if isinstance(op, Delete) and any(contains(op.key, op.end, key) for key in puts):
            raise DuplicateKey
    if len(ops) >= MAX_WRITES:
        raise ValueError("etcdserver: too many operations in txn request")
