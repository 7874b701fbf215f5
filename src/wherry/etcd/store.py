"""The store: etcd's multi-version model over an engine, memory or disk.

A transaction is applied at once and in order (versions.py), so the next one's compares see it. It is
*published*, that is visible to reads and watches, and answered when the engine has made it durable. A
memory engine does that on the spot, without suspending; a blocking one through group commit (commit.py).

If a commit fails, everything not yet published is taken back, newest first. The transactions of the
failed commit fail with it; those applied after it are evaluated again, as if they came now.

Apply, publication, rollback and reads happen in the event loop without suspending: there are no locks
between them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

from wherry.component import Env
from wherry.etcd.commit import GroupCommit, Pending
from wherry.etcd.engine import Change, Engine
from wherry.etcd.lease import Leases
from wherry.etcd.maintenance import expire_leases, let_history_go
from wherry.etcd.retention import Ages, Retention, compaction_due
from wherry.etcd.types import (
    Compacted,
    Compare,
    Delete,
    FutureRevision,
    Op,
    Range,
    RangeResult,
    StoreFailed,
    StoreFull,
    TxnResult,
)
from wherry.etcd.versions import Applied, Versions
from wherry.etcd.watch import History, StoreWatch

SWEEP = 256
"""Records dropped in one commit, so that compaction delays no transaction for long."""


class MvccStore:
    """`types.Store`, implemented. Its owner runs `run`, which expires leases and lets history go, and
    ends it with `close`."""

    def __init__(self, engine: Engine, env: Env, retention: Retention) -> None:
        self._engine = engine
        self._env = env
        self._retention = retention
        self._leases = Leases()
        self._versions = Versions(engine, self._leases)
        self._drops = deque(self._versions.recover())
        self._history = History(self._versions, engine, self._versions.head)
        self._commit = GroupCommit(engine.write, self._settle) if engine.blocking else None
        self._in_flight: deque[Pending] = deque()
        self._sweeping = asyncio.Lock()
        self._failed: StoreFailed | None = None
        self._closed = False

    @property
    def revision(self) -> int:
        return self._history.revision

    @property
    def compacted(self) -> int:
        return self._versions.compacted

    async def range(self, request: Range) -> RangeResult:
        if self._closed:
            raise StoreFailed("the store is closed")
        return self._versions.range(request, self._history.revision)

    async def txn(
        self, compares: Sequence[Compare], success: Sequence[Op], failure: Sequence[Op] = ()
    ) -> TxnResult:
        """Besides what `Store.txn` raises: LeaseNotFound, and ValueError for operations that contradict
        each other."""
        applied = await self._submit(partial(self._versions.apply, compares, success, failure))
        return applied.answer()

    def watch(self, key: bytes, end: bytes | None, *, revision: int = 0) -> StoreWatch:
        return StoreWatch(self._history, key, end, revision)

    async def compact(self, revision: int) -> None:
        if revision <= self.compacted:
            raise Compacted(self.compacted)
        if revision > self.revision:
            raise FutureRevision("etcdserver: mvcc: required revision is a future revision")
        self._versions.compacted = revision
        self._drops += self._versions.index.compact(revision)
        await self._sweep()

    async def lease_grant(self, ttl: float, lease: int = 0) -> int:
        """ValueError when the lease exists or `ttl` is not positive."""
        if ttl <= 0:
            raise ValueError("etcdserver: too small lease TTL")
        number = lease or self._env.rng.getrandbits(62) + 1
        if number in self._leases:
            raise ValueError("etcdserver: lease already exists")
        deadline = asyncio.get_running_loop().time() + ttl
        granted = self._leases.grant(number, ttl, deadline, usable=False)
        try:
            await self._submit(partial(self._note, Change(leases={number: ttl})))
            granted.usable = True
        finally:
            if not granted.usable:
                self._leases.remove(number)
        return number

    async def lease_keep_alive(self, lease: int) -> float:
        return self._leases.extend(lease, asyncio.get_running_loop().time())

    async def lease_revoke(self, lease: int) -> None:
        """KeyError when the lease is gone."""
        found = self._leases.find(lease)
        found.usable = False
        try:
            await self._submit(partial(self._revocation, lease, found.keys))
            self._leases.remove(lease)
        finally:
            found.usable = True

    async def run(self) -> None:
        """Expires leases and lets history go, until cancelled."""
        ages = Ages()

        def due(now: float) -> int:
            ages.note(now, self.revision)
            revision = compaction_due(
                self._retention, ages, self._versions.index, now, self.revision, self._engine.full
            )
            return revision if revision > self.compacted else 0

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(expire_leases(self._leases, self.lease_revoke))
            tasks.create_task(let_history_go(self._retention.interval, due, self.compact))

    async def close(self) -> None:
        """Finishes what is under way, then ends all watches."""
        if self._in_flight:
            await asyncio.wait([pending.done for pending in self._in_flight])
        self._failed = StoreFailed("the store is closed")
        self._closed = True
        if self._commit is not None:
            self._commit.close()
        for watch in list(self._history.watches):
            watch.close()
        self._engine.close()

    async def _submit(self, work: Callable[[], Applied]) -> Applied:
        """Applies the work and returns when it is durable and published."""
        if self._failed is not None:
            raise StoreFailed(*self._failed.args)
        applied = work()
        if self._commit is None:
            self._write_now(applied)
            return applied
        if not applied.change and not self._in_flight:
            return applied
        pending = Pending(work, applied, asyncio.get_running_loop().create_future())
        self._in_flight.append(pending)
        self._commit.add(pending)
        await pending.done
        return pending.applied

    def _write_now(self, applied: Applied) -> None:
        try:
            self._engine.write([applied.change])
        except StoreFull:
            self._take_back([applied])
            raise
        self._publish([applied])

    def _settle(self, group: list[Pending], error: Exception | None) -> None:
        """The commit of the oldest pending, `group`, has ended."""
        if error is not None:
            self._fail(group, error)
            return
        for _ in group:
            self._in_flight.popleft()
        self._publish([pending.applied for pending in group])
        for pending in group:
            if not pending.done.done():
                pending.done.set_result(None)

    def _publish(self, durable: list[Applied]) -> None:
        for applied in durable:
            self._versions.settle(applied)
        self._history.publish(
            [event for applied in durable for event in applied.events], durable[-1].revision
        )

    def _fail(self, group: list[Pending], error: Exception) -> None:
        assert self._commit is not None
        unpublished = list(self._in_flight)
        self._in_flight.clear()
        self._commit.discard()
        self._take_back([pending.applied for pending in unpublished])
        lost = len(group)
        if isinstance(error, StoreFull):
            self._commit.resume()
        else:
            self._failed = StoreFailed(str(error))
            self._failed.__cause__ = error
            lost = len(unpublished)
        for pending in unpublished[:lost]:
            _fail(
                pending, StoreFull(*error.args) if isinstance(error, StoreFull) else StoreFailed(str(error))
            )
        for pending in unpublished[lost:]:
            self._apply_again(pending)

    def _apply_again(self, pending: Pending) -> None:
        assert self._commit is not None
        try:
            pending.applied = pending.work()
        except (StoreFull, Compacted, FutureRevision, LookupError, ValueError) as error:
            _fail(pending, error)
        else:
            self._in_flight.append(pending)
            self._commit.add(pending)

    def _take_back(self, unpublished: list[Applied]) -> None:
        for applied in reversed(unpublished):
            self._versions.undo(applied)
        self._versions.head = self._history.revision

    def _note(self, change: Change) -> Applied:
        return Applied(change, self._versions.head)

    def _revocation(self, lease: int, keys: dict[bytes, None]) -> Applied:
        applied = self._versions.apply((), [Delete(key) for key in keys], ())
        applied.change.leases = {lease: None}
        return applied

    async def _sweep(self) -> None:
        """Drops from the engine what the index has forgotten, oldest first: a key's deletion must not
        go before the value it deleted, or a crash in between would bring the value back."""
        async with self._sweeping:
            change = Change(compacted=self.compacted)
            most = SWEEP if self._engine.blocking else len(self._drops)
            while change or self._drops:
                change.drops = [self._drops.popleft() for _ in range(min(most, len(self._drops)))]
                try:
                    await self._submit(partial(self._note, change))
                except BaseException:
                    self._drops.extendleft(reversed(change.drops))
                    raise
                change = Change()


def _fail(pending: Pending, error: Exception) -> None:
    if not pending.done.done():
        pending.done.set_exception(error)
