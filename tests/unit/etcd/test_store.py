"""The contract on every implementation, and what only this one promises."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from wherry.component import Env
from wherry.etcd import watch as watch_module
from wherry.etcd.keyrange import prefix_end
from wherry.etcd.open import open_store
from wherry.etcd.retention import Retention
from wherry.etcd.store import MvccStore
from wherry.etcd.types import Compacted, Compare, Put, Range, StoreFailed, StoreFull

from .contract import ALL, CONTRACT, PODS, Check, delete, events, get, keys_of, put, silent

Opener = Callable[..., MvccStore]


@pytest.fixture(params=["memory", "lmdb"])
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Opener:
    folder = tmp_path / "store" if request.param == "lmdb" else None
    return lambda **settings: open_store(folder, Env(rng=random.Random(1)), **settings)


def run(store: MvccStore, check: Callable[[MvccStore], Awaitable[None]]) -> None:
    async def whole() -> None:
        try:
            await check(store)
        finally:
            await store.close()

    asyncio.run(whole())


@pytest.mark.parametrize("check", CONTRACT, ids=lambda check: check.__name__)
def test_contract(opener: Opener, check: Check) -> None:
    run(opener(), check)


def test_memory_transactions_never_suspend() -> None:
    store = open_store(None, Env())
    watch = store.watch(b"a", None)
    transaction = store.txn([Compare(b"a", "mod", "=", 0)], [Put(b"a", b"1")])
    with pytest.raises(StopIteration) as finished:
        transaction.send(None)  # type: ignore[attr-defined]
    assert finished.value.value.revision == 2
    reading = anext(watch)
    with pytest.raises(StopIteration) as read:
        reading.send(None)  # type: ignore[attr-defined]
    assert len(read.value.value.events) == 1


def test_nothing_is_seen_before_it_is_durable(tmp_path: Path) -> None:
    async def check(store: MvccStore) -> None:
        watch = store.watch(b"a", b"z")
        writing = asyncio.ensure_future(put(store, b"a"))
        await asyncio.sleep(0)
        assert store.revision == 1
        assert (await store.range(ALL)).kvs == []
        # A transaction after it does see it, and is answered after it.
        assert not (await store.txn([Compare(b"a", "mod", "=", 0)], [], [Range(b"a")])).succeeded
        assert writing.done()
        assert store.revision == 2
        assert len((await anext(watch)).events) == 1

    run(open_store(tmp_path, Env()), check)


def test_one_wake_up_for_a_group_of_writes(tmp_path: Path) -> None:
    async def check(store: MvccStore) -> None:
        watch = store.watch(PODS, prefix_end(PODS))
        batches = []

        async def follow() -> None:
            async for batch in watch:
                batches.append(batch)  # noqa: PERF401

        following = asyncio.ensure_future(follow())
        await asyncio.sleep(0)
        await asyncio.gather(*(put(store, PODS + b"%d" % n) for n in range(50)))
        watch.close()
        await following
        assert sum(len(batch.events) for batch in batches) == 50
        assert len(batches) <= 2

    run(open_store(tmp_path, Env()), check)


def test_a_slow_watch_is_served_from_history(opener: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_module, "BUFFER_EVENTS", 10)
    monkeypatch.setattr(watch_module, "CHUNK_RECORDS", 7)

    async def check(store: MvccStore) -> None:
        slow = store.watch(PODS, prefix_end(PODS))
        for number in range(100):
            await put(store, PODS + b"%d" % (number % 5), b"%d" % number)
            await put(store, b"/other")
        assert len(slow._buffer) == 11
        found = await events(slow, 100)
        assert [e.kv.value for e in found] == [b"%d" % n for n in range(100)]
        assert [e.prev.value for e in found[5:] if e.prev] == [b"%d" % n for n in range(95)]
        await put(store, PODS + b"live")
        assert [e.kv.key for e in await events(slow, 1)] == [PODS + b"live"]
        await silent(slow)
        await put(store, PODS + b"live")
        assert len(slow._buffer) == 1

    run(opener(), check)


def test_a_watch_too_slow_for_history_is_told(opener: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_module, "BUFFER_EVENTS", 3)

    async def check(store: MvccStore) -> None:
        slow = store.watch(b"a", None)
        for _ in range(10):
            await put(store, b"a")
        await store.compact(store.revision)
        assert [e.kv.mod_revision for e in await events(slow, 4)] == [2, 3, 4, 5]
        with pytest.raises(Compacted):
            await anext(slow)

    run(opener(), check)


def test_progress_is_told_when_asked(opener: Opener) -> None:
    async def check(store: MvccStore) -> None:
        watch = store.watch(PODS, prefix_end(PODS))
        await put(store, b"/other")
        watch.request_progress()
        assert await anext(watch) == ([], 2)
        assert watch.delivered == 2

    run(opener(), check)


def test_a_closed_store_refuses_reads_too(opener: Opener) -> None:
    async def check(store: MvccStore) -> None:
        await put(store, b"a")
        await store.close()
        with pytest.raises(StoreFailed, match="closed"):
            await store.range(ALL)
        with pytest.raises(StoreFailed, match="closed"):
            await put(store, b"a")

    asyncio.run(check(opener()))


def test_leases_expire(opener: Opener) -> None:
    async def check(store: MvccStore) -> None:
        running = asyncio.ensure_future(store.run())
        watch = store.watch(b"a", b"z")
        long, short = await store.lease_grant(60), await store.lease_grant(0.5)
        await put(store, b"short", lease=short)  # the one write that must happen within the half second
        await put(store, b"long", lease=long)
        found = await events(watch, 3)
        assert [e.kv.key for e in found if e.type == "delete"] == [b"short"]
        with pytest.raises(KeyError):
            await store.lease_keep_alive(short)
        assert keys_of(await store.range(ALL)) == [b"long"]
        running.cancel()
        await asyncio.wait([running])

    run(opener(), check)


def test_history_goes_with_age(opener: Opener) -> None:
    async def check(store: MvccStore) -> None:
        for _ in range(5):
            await put(store, b"a")
        running = asyncio.ensure_future(store.run())
        async with asyncio.timeout(5):
            while store.compacted < 6:
                await asyncio.sleep(0.005)
        assert (await get(store, b"a")).version == 5  # type: ignore[union-attr]
        running.cancel()
        await asyncio.wait([running])

    run(opener(retention=Retention(seconds=0.02, interval=0.005)), check)


def test_a_full_store_refuses_and_recovers(opener: Opener) -> None:
    value = b"x" * 20_000

    async def check(store: MvccStore) -> None:
        written = 0
        with pytest.raises(StoreFull):
            for number in range(1000):
                await put(store, b"%d" % number, value)
                written += 1
        assert 40 < written < 70
        revision = store.revision
        with pytest.raises(StoreFull):
            await put(store, b"more", value)
        assert store.revision == revision
        assert (await store.range(ALL)).total == written
        await delete(store, b"0", b"5")
        kept = (await store.range(ALL)).total
        assert kept < written
        await store.compact(store.revision)
        await put(store, b"more", value)
        assert (await store.range(ALL)).total == kept + 1

    run(opener(size=1 << 20), check)


def test_a_closed_store_refuses(opener: Opener) -> None:
    async def check() -> None:
        store = opener()
        watch = store.watch(b"a", None)
        writing = asyncio.ensure_future(put(store, b"a"))
        await asyncio.sleep(0)
        await store.close()
        assert await writing == 2
        assert [len(batch.events) async for batch in watch] == []
        with pytest.raises(StoreFailed):
            await put(store, b"b")

    asyncio.run(check())
