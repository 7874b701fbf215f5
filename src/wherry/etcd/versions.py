"""The applied state of the store: transactions evaluated against the index, and taken back again.

`apply` evaluates at `head`, whether or not earlier writes are durable yet; records that the engine does
not have yet are held in `_staged`. It is the one place where revisions are made. What it returns is all
that is needed to write, publish, answer or `undo` the transaction; `undo` goes newest first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from wherry.etcd.engine import Change, Engine, size_of
from wherry.etcd.keyindex import KeyIndex, position
from wherry.etcd.lease import UNSTARTED, Leases
from wherry.etcd.transaction import check_distinct, holds
from wherry.etcd.types import (
    Compacted,
    Compare,
    Delete,
    DeleteResult,
    Event,
    FutureRevision,
    KeyValue,
    Op,
    OpResult,
    Put,
    PutResult,
    Range,
    RangeResult,
    StoreFull,
    TxnResult,
)

FIRST_REVISION = 1
"""Of a new store, as in etcd."""


@dataclass(slots=True)
class Applied:
    """`events` belong to `change.puts`, one to one. `revision` is the store's after it."""

    change: Change
    revision: int
    succeeded: bool = True
    events: list[Event] = field(default_factory=list)
    results: list[OpResult] = field(default_factory=list)
    size: int = 0

    def answer(self) -> TxnResult:
        return TxnResult(self.succeeded, self.revision, self.results)


class Versions:
    def __init__(self, engine: Engine, leases: Leases) -> None:
        self.index = KeyIndex()
        self.head = FIRST_REVISION
        self.compacted = 0
        self._engine = engine
        self._leases = leases
        self._staged: dict[int, KeyValue] = {}

    def recover(self) -> list[int]:
        """Takes over what the engine has; positions that a compaction cut short left behind."""
        self.compacted, leases = self._engine.numbers()
        for lease, ttl in leases.items():
            self._leases.grant(lease, ttl, UNSTARTED)
        found = list(self._engine.recover())
        self.index.restore((each.position, each.key, each.size) for each in found)
        for each in found:
            if each.lease and each.position == self.index.newest(each.key):
                self._leases.move(each.key, 0, each.lease)
        last = found[-1].position if found else 0
        self.head = max(FIRST_REVISION, self.compacted, last >> 24)
        return self.index.compact(self.compacted)

    def range(self, request: Range, revision: int) -> RangeResult:
        """`revision` is that of the store; the request may ask for an earlier one."""
        if request.revision > revision:
            raise FutureRevision("etcdserver: mvcc: required revision is a future revision")
        if 0 < request.revision < self.compacted:
            raise Compacted(self.compacted)
        found, total = self.index.select(
            request.key, request.end, request.revision or revision, request.limit
        )
        kvs = [] if request.count_only else self._load(found)
        if request.keys_only:
            kvs = [kv._replace(value=b"") for kv in kvs]
        return RangeResult(kvs, total > len(found), total, revision)

    def apply(self, compares: Sequence[Compare], success: Sequence[Op], failure: Sequence[Op]) -> Applied:
        """Raises what is wrong with the request before it changes anything."""
        succeeded = True
        for compare in compares:
            if not self._holds(compare):
                succeeded = False
                break
        ops = success if succeeded else failure
        self._check(ops)
        applied = Applied(Change(), self.head, succeeded)
        for op in ops:
            match op:
                case Put():
                    applied.results.append(self._put(op, applied))
                case Delete():
                    applied.results.append(self._delete(op, applied))
                case Range():
                    applied.results.append(self.range(op, applied.revision))
        self.head = applied.revision
        return applied

    def undo(self, applied: Applied) -> None:
        """Takes back the last applied; the caller sets `head`."""
        for (where, kv), event in zip(reversed(applied.change.puts), reversed(applied.events), strict=True):
            self.index.undo(kv.key, where)
            del self._staged[where]
            self._leases.move(kv.key, kv.lease, event.prev.lease if event.prev else 0)

    def settle(self, applied: Applied) -> None:
        """The engine has it."""
        for where, _ in applied.change.puts:
            del self._staged[where]

    def _check(self, ops: Sequence[Op]) -> None:
        for op in ops:
            if isinstance(op, Put):
                if self._engine.full:
                    raise StoreFull("etcdserver: mvcc: database space exceeded")
                if op.lease:
                    self._leases.find(op.lease)
            elif isinstance(op, Range):
                if op.revision > self.head:
                    raise FutureRevision("etcdserver: mvcc: required revision is a future revision")
                if 0 < op.revision < self.compacted:
                    raise Compacted(self.compacted)
        if len(ops) > 1:
            check_distinct(ops)

    def _holds(self, compare: Compare) -> bool:
        if compare.target == "mod" and compare.op == "=":
            where = self.index.newest(compare.key)
            return compare.value == (0 if where & 1 else where >> 24)
        return holds(compare, self._newest(compare.key))

    def _put(self, op: Put, applied: Applied) -> PutResult:
        prev = self._newest(op.key)
        revision = applied.revision = self.head + 1
        if prev is None:
            kv = KeyValue(op.key, op.value, revision, revision, 1, op.lease)
        else:
            kv = KeyValue(op.key, op.value, prev.create_revision, revision, prev.version + 1, op.lease)
        self._write(Event("put", kv, prev), applied)
        return PutResult(prev)

    def _delete(self, op: Delete, applied: Applied) -> DeleteResult:
        gone = []
        for key in self.index.living(op.key, op.end):
            prev = self._newest(key)
            if prev is not None:
                revision = applied.revision = self.head + 1
                self._write(Event("delete", KeyValue(key, b"", 0, revision, 0), prev), applied)
                gone.append(prev)
        return DeleteResult(gone)

    def _write(self, event: Event, applied: Applied) -> None:
        kv, prev = event.kv, event.prev
        where = position(kv.mod_revision, len(applied.change.puts), event.type == "delete")
        self.index.put(kv.key, where, size_of(prev) if prev else len(kv.key))
        self._staged[where] = kv
        if kv.lease or (prev and prev.lease):
            self._leases.move(kv.key, prev.lease if prev else 0, kv.lease)
        applied.change.puts.append((where, kv))
        applied.events.append(event)
        applied.size += size_of(kv)

    def _newest(self, key: bytes) -> KeyValue | None:
        where = self.index.newest(key)
        if where & 1:
            return None
        return self._staged.get(where) or self._engine.get(where)

    def _load(self, positions: list[int]) -> list[KeyValue]:
        if not self._staged:
            return self._engine.get_many(positions)
        staged = self._staged
        return [staged.get(where) or self._engine.get(where) for where in positions]
