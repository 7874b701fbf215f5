"""When a commit fails: what was in it fails, what came after it is tried again, nothing else is lost."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wherry.component import Env
from wherry.etcd.engine import Change
from wherry.etcd.keyrange import TO_THE_END
from wherry.etcd.memory import MemoryEngine
from wherry.etcd.retention import Retention
from wherry.etcd.store import MvccStore
from wherry.etcd.types import Compare, Put, Range, StoreFailed, StoreFull

from .contract import ALL, delete, events, get, keys_of, put


class FaultyEngine(MemoryEngine):
    """Takes a turn of the commit thread for each write, and raises what it is told to."""

    blocking = True

    def __init__(self, faults: Sequence[Exception | None] = ()) -> None:
        super().__init__(1 << 30)
        self.faults = list(faults)
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self.groups: list[int] = []

    def write(self, changes: Sequence[Change]) -> None:
        self.entered.set()
        self.gate.wait(5)
        self.groups.append(len(changes))
        fault = self.faults.pop(0) if self.faults else None
        if fault is not None:
            raise fault
        super().write(changes)


FULL = StoreFull("full")


def run(engine: FaultyEngine, check: Callable[[MvccStore], Awaitable[None]]) -> None:
    async def whole() -> None:
        store = MvccStore(engine, Env(), Retention())
        try:
            await asyncio.wait_for(check(store), 5)
        finally:
            engine.gate.set()
            await store.close()

    asyncio.run(whole())


async def turn() -> None:
    """Lets what was just started be handed to the commit thread."""
    for _ in range(3):
        await asyncio.sleep(0)


async def committing(engine: FaultyEngine) -> None:
    """Returns when the commit thread is in `write`, held by the closed gate."""
    while not engine.entered.is_set():
        await asyncio.sleep(0)


def test_a_failed_commit_leaves_nothing_behind() -> None:
    engine = FaultyEngine([None, FULL])

    async def check(store: MvccStore) -> None:
        watch = store.watch(b"\0", TO_THE_END)
        await put(store, b"a", b"1")
        results = await asyncio.gather(put(store, b"a", b"2"), put(store, b"b"), return_exceptions=True)
        assert [type(result) for result in results] == [StoreFull, StoreFull]
        assert store.revision == 2
        assert keys_of(await store.range(ALL)) == [b"a"]
        assert (await get(store, b"a")).value == b"1"  # type: ignore[union-attr]
        assert await put(store, b"a", b"3") == 3
        assert [event.kv.value for event in await events(watch, 2)] == [b"1", b"3"]
        assert store._versions.index.history_bytes == len(b"a1") + 64
        assert store._versions._staged == {}

    run(engine, check)


def test_what_rested_on_a_failed_write_is_evaluated_again() -> None:
    engine = FaultyEngine([FULL])

    async def check(store: MvccStore) -> None:
        engine.entered.clear()
        engine.gate.clear()
        lost = asyncio.ensure_future(store.txn([Compare(b"a", "mod", "=", 0)], [Put(b"a", b"lost")]))
        await committing(engine)
        depends = asyncio.ensure_future(
            store.txn([Compare(b"a", "mod", ">", 0)], [Put(b"b", b"")], [Put(b"a", b"kept")])
        )
        await turn()
        reads = asyncio.ensure_future(store.txn([], [Range(b"a", b"c")]))
        engine.gate.set()
        with pytest.raises(StoreFull):
            await lost
        assert not (await depends).succeeded
        assert (await depends).revision == 2
        found = (await reads).results[0]
        assert keys_of(found) == [b"a"]  # type: ignore[arg-type]
        assert (await get(store, b"a")).value == b"kept"  # type: ignore[union-attr]

    run(engine, check)


def test_leases_follow_a_rollback() -> None:
    engine = FaultyEngine([None, None, FULL, FULL])

    async def check(store: MvccStore) -> None:
        lease = await store.lease_grant(60)
        await put(store, b"held", lease=lease)
        with pytest.raises(StoreFull):
            await put(store, b"held")
        with pytest.raises(StoreFull):
            await store.lease_revoke(lease)
        assert await store.lease_keep_alive(lease) == 60
        await store.lease_revoke(lease)
        assert (await store.range(ALL)).kvs == []

    run(engine, check)


def test_a_lease_that_could_not_be_granted_is_none() -> None:
    async def check(store: MvccStore) -> None:
        with pytest.raises(StoreFull):
            await store.lease_grant(60, 5)
        with pytest.raises(KeyError):
            await store.lease_keep_alive(5)
        assert await store.lease_grant(60, 5) == 5

    run(FaultyEngine([FULL]), check)


def test_a_compaction_that_failed_is_finished_by_the_next() -> None:
    engine = FaultyEngine([None, None, None, FULL])

    async def check(store: MvccStore) -> None:
        for _ in range(3):
            await put(store, b"a")
        with pytest.raises(StoreFull):
            await store.compact(4)
        await delete(store, b"a")
        await store.compact(5)
        assert [where >> 24 for where, _ in engine.scan(0, 1 << 96)] == [5]

    run(engine, check)


def test_a_broken_store_says_so_from_then_on() -> None:
    engine = FaultyEngine([None, StoreFailed("input/output error")])

    async def check(store: MvccStore) -> None:
        await put(store, b"a")
        engine.entered.clear()
        engine.gate.clear()
        first = asyncio.ensure_future(put(store, b"b"))
        await committing(engine)
        second = asyncio.ensure_future(put(store, b"c"))
        await turn()
        engine.gate.set()
        results = await asyncio.gather(first, second, put(store, b"d"), return_exceptions=True)
        assert [str(result) for result in results] == ["input/output error"] * 3
        with pytest.raises(StoreFailed, match="input/output error"):
            await put(store, b"e")
        assert keys_of(await store.range(ALL)) == [b"a"]

    run(engine, check)


def test_a_caller_that_gives_up_disturbs_nobody() -> None:
    engine = FaultyEngine()

    async def check(store: MvccStore) -> None:
        engine.entered.clear()
        engine.gate.clear()
        first = asyncio.ensure_future(put(store, b"a"))
        await committing(engine)
        second = asyncio.ensure_future(put(store, b"b"))
        third = asyncio.ensure_future(put(store, b"c"))
        await turn()
        second.cancel()
        engine.gate.set()
        assert await third == 4
        assert await first == 2
        assert keys_of(await store.range(ALL)) == [b"a", b"b", b"c"]

    run(engine, check)


def test_writes_that_wait_share_a_commit() -> None:
    engine = FaultyEngine()

    async def check(store: MvccStore) -> None:
        engine.entered.clear()
        engine.gate.clear()
        first = asyncio.ensure_future(put(store, b"first"))
        await committing(engine)
        rest = [asyncio.ensure_future(put(store, b"%d" % number)) for number in range(20)]
        await turn()
        engine.gate.set()
        await asyncio.gather(first, *rest)
        assert engine.groups == [1, 20]

    run(engine, check)


@settings(max_examples=40)
@given(
    faults=st.lists(st.booleans(), max_size=12),
    waves=st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=6), max_size=6),
)
def test_what_is_acknowledged_is_there(faults: list[bool], waves: list[list[str]]) -> None:
    """Counters incremented in bursts, with commits failing in between: each counts its successes."""
    engine = FaultyEngine([FULL if fault else None for fault in faults])

    async def check(store: MvccStore) -> None:
        acknowledged = dict.fromkeys("abc", 0)

        async def increment(name: str) -> None:
            try:
                await put(store, name.encode())
            except StoreFull:
                return
            acknowledged[name] += 1

        async with asyncio.TaskGroup() as tasks:
            for wave in waves:
                for name in wave:
                    tasks.create_task(increment(name))
                await turn()
        for name, count in acknowledged.items():
            kv = await get(store, name.encode())
            assert (kv.version if kv else 0) == count
        assert store.revision == 1 + sum(acknowledged.values())

    run(engine, check)
