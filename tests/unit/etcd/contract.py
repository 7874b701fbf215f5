"""What every implementation of `wherry.etcd.types.Store` must do, as functions that take an empty store.

test_store.py runs each of them on each implementation. `CONTRACT` collects them by the decorator.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from wherry.etcd.keyrange import prefix_end
from wherry.etcd.types import (
    Batch,
    Compacted,
    Compare,
    Delete,
    DeleteResult,
    Event,
    FutureRevision,
    KeyValue,
    Op,
    Put,
    PutResult,
    Range,
    RangeResult,
    Store,
    TxnResult,
    Watch,
)

Check = Callable[[Store], Awaitable[None]]
CONTRACT: list[Check] = []
PODS = b"/registry/pods/"
ALL = Range(b"\0", b"\0")


def contract(check: Check) -> Check:
    CONTRACT.append(check)
    return check


async def put(store: Store, key: bytes, value: bytes = b"v", lease: int = 0) -> int:
    return (await store.txn([], [Put(key, value, lease)])).revision


async def delete(store: Store, key: bytes, end: bytes | None = None) -> int:
    return (await store.txn([], [Delete(key, end)])).revision


async def get(store: Store, key: bytes, revision: int = 0) -> KeyValue | None:
    found = await store.range(Range(key, revision=revision))
    return found.kvs[0] if found.kvs else None


async def events(watch: Watch, count: int) -> list[Event]:
    found: list[Event] = []
    while len(found) < count:
        found += (await asyncio.wait_for(anext(watch), 5)).events
    return found


def keys_of(result: RangeResult) -> list[bytes]:
    return [kv.key for kv in result.kvs]


async def silent(watch: Watch) -> bool:
    """Whether the watch has nothing to say now."""
    pending = asyncio.ensure_future(anext(watch))
    await asyncio.wait([pending], timeout=0.02)
    if pending.done():
        return False
    pending.cancel()
    await asyncio.wait([pending])
    return True


@contract
async def a_new_store_is_at_revision_1(store: Store) -> None:
    assert store.revision == 1
    assert store.compacted == 0
    assert await store.range(ALL) == RangeResult([], False, 0, 1)


@contract
async def a_put_has_revisions_and_versions(store: Store) -> None:
    assert await put(store, b"a", b"1") == 2
    assert await put(store, b"a", b"2") == 3
    assert await put(store, b"b", b"x") == 4
    assert await get(store, b"a") == KeyValue(b"a", b"2", 2, 3, 2)
    assert await get(store, b"b") == KeyValue(b"b", b"x", 4, 4, 1)
    assert store.revision == 4


@contract
async def results_carry_what_was_before(store: Store) -> None:
    assert await store.txn([], [Put(b"a", b"1")]) == TxnResult(True, 2, [PutResult(None)])
    first = KeyValue(b"a", b"1", 2, 2, 1)
    assert await store.txn([], [Put(b"a", b"2")]) == TxnResult(True, 3, [PutResult(first)])
    second = KeyValue(b"a", b"2", 2, 3, 2)
    assert await store.txn([], [Delete(b"a")]) == TxnResult(True, 4, [DeleteResult([second])])
    assert await store.txn([], [Delete(b"a")]) == TxnResult(True, 4, [DeleteResult([])])


@contract
async def a_key_created_again_starts_anew(store: Store) -> None:
    await put(store, b"a")
    await put(store, b"a")
    await delete(store, b"a")
    assert await get(store, b"a") is None
    await put(store, b"a", b"new")
    assert await get(store, b"a") == KeyValue(b"a", b"new", 5, 5, 1)


@contract
async def ranges_are_ordered_bounded_and_counted(store: Store) -> None:
    for name in (b"c", b"a", b"d", b"b", b"e"):
        await put(store, PODS + name)
    await put(store, b"/registry/podz")
    await put(store, b"/registry/pod")
    end = prefix_end(PODS)
    result = await store.range(Range(PODS, end))
    assert keys_of(result) == [PODS + name for name in (b"a", b"b", b"c", b"d", b"e")]
    assert (result.more, result.total, result.revision) == (False, 5, 8)
    page = await store.range(Range(PODS, end, limit=2))
    assert keys_of(page) == [PODS + b"a", PODS + b"b"]
    assert (page.more, page.total) == (True, 5)
    rest = await store.range(Range(PODS + b"b\0", end, limit=3))
    assert keys_of(rest) == [PODS + b"c", PODS + b"d", PODS + b"e"]
    assert (rest.more, rest.total) == (False, 3)
    assert len((await store.range(ALL)).kvs) == 7
    assert keys_of(await store.range(Range(PODS + b"d", b"\0"))) == [
        PODS + b"d",
        PODS + b"e",
        b"/registry/podz",
    ]
    assert (await store.range(Range(end, PODS))).kvs == []


@contract
async def ranges_can_leave_out_values_or_keys(store: Store) -> None:
    await put(store, b"a", b"long")
    await put(store, b"b", b"long")
    names = await store.range(Range(b"a", b"c", keys_only=True))
    assert [(kv.key, kv.value, kv.mod_revision) for kv in names.kvs] == [(b"a", b"", 2), (b"b", b"", 3)]
    count = await store.range(Range(b"a", b"c", count_only=True))
    assert (count.kvs, count.total) == ([], 2)


@contract
async def the_past_can_be_read(store: Store) -> None:
    await put(store, b"a", b"1")
    await put(store, b"a", b"2")
    await delete(store, b"a")
    await put(store, b"b")
    assert await get(store, b"a", 1) is None
    assert (await get(store, b"a", 2)).value == b"1"  # type: ignore[union-attr]
    assert await get(store, b"a", 3) == KeyValue(b"a", b"2", 2, 3, 2)
    assert await get(store, b"a", 4) is None
    result = await store.range(Range(b"a", b"c", revision=3))
    assert (keys_of(result), result.revision, result.total) == ([b"a"], 5, 1)
    with pytest.raises(FutureRevision):
        await store.range(Range(b"a", revision=6))


@contract
async def compares_choose_the_branch(store: Store) -> None:
    revision = await put(store, b"a", b"value")
    holding = [
        Compare(b"a", "mod", "=", revision),
        Compare(b"a", "create", "<", revision + 1),
        Compare(b"a", "version", ">", 0),
        Compare(b"a", "value", "=", b"value"),
        Compare(b"a", "value", ">", b"valu"),
        Compare(b"a", "lease", "=", 0),
        Compare(b"missing", "mod", "=", 0),
        Compare(b"missing", "create", "=", 0),
        Compare(b"missing", "version", "<", 1),
    ]
    assert (await store.txn(holding, [])).succeeded
    failing = [
        Compare(b"a", "mod", "!=", revision),
        Compare(b"a", "version", "=", 2),
        Compare(b"a", "value", "!=", b"value"),
        Compare(b"missing", "value", "!=", b"value"),
        Compare(b"missing", "mod", ">", 0),
    ]
    for compare in failing:
        result = await store.txn([*holding, compare], [Put(b"a", b"no")], [Range(b"a")])
        assert not result.succeeded
        found = result.results[0]
        assert isinstance(found, RangeResult)
        assert found.kvs[0].value == b"value"
    assert store.revision == revision


@contract
async def a_transaction_is_one_revision(store: Store) -> None:
    await put(store, b"old")
    ops: list[Op] = [Put(b"a", b"1"), Range(b"a"), Delete(b"old"), Put(b"b", b"2"), Range(b"\0", b"\0")]
    result = await store.txn([], ops)
    assert result.revision == 3
    inside = result.results[1]
    assert isinstance(inside, RangeResult)
    assert inside.kvs == [KeyValue(b"a", b"1", 3, 3, 1)]
    after = result.results[4]
    assert isinstance(after, RangeResult)
    assert keys_of(after) == [b"a", b"b"]
    watch = store.watch(b"\0", b"\0", revision=3)
    assert [(e.type, e.kv.key) for e in (await anext(watch)).events] == [
        ("put", b"a"),
        ("delete", b"old"),
        ("put", b"b"),
    ]
    watch.close()


@contract
async def a_transaction_that_contradicts_itself_changes_nothing(store: Store) -> None:
    await put(store, b"a")
    contradictions: list[list[Op]] = [
        [Put(b"b", b""), Put(b"b", b"")],
        [Put(b"b", b""), Delete(b"a", b"c")],
        [Delete(b"a"), Put(b"a", b"")],
    ]
    for ops in contradictions:
        with pytest.raises(ValueError, match="duplicate key"):
            await store.txn([], ops)
    with pytest.raises(KeyError):
        await store.txn([], [Put(b"b", b""), Put(b"c", b"", lease=77)])
    with pytest.raises(FutureRevision):
        await store.txn([], [Put(b"b", b""), Range(b"a", revision=99)])
    assert store.revision == 2
    assert keys_of(await store.range(ALL)) == [b"a"]


@contract
async def concurrent_transactions_see_each_other(store: Store) -> None:
    async def increment() -> None:
        while True:
            kv = await get(store, b"n")
            revision, value = (kv.mod_revision, int(kv.value)) if kv else (0, 0)
            if (
                await store.txn([Compare(b"n", "mod", "=", revision)], [Put(b"n", b"%d" % (value + 1))])
            ).succeeded:
                return

    await asyncio.gather(*(increment() for _ in range(20)))
    assert (await get(store, b"n")).value == b"20"  # type: ignore[union-attr]
    assert store.revision == 21
    created = await asyncio.gather(
        *(store.txn([Compare(b"once", "mod", "=", 0)], [Put(b"once", b"%d" % n)]) for n in range(10))
    )
    assert [result.succeeded for result in created] == [True] + [False] * 9


@contract
async def a_watch_tells_what_happens(store: Store) -> None:
    await put(store, PODS + b"before")
    watch = store.watch(PODS, prefix_end(PODS))
    one = store.watch(PODS + b"a", None)
    odd = store.watch(PODS + b"a", PODS + b"b")
    await put(store, PODS + b"a", b"1")
    await put(store, b"/registry/other")
    await put(store, PODS + b"a", b"2")
    await put(store, PODS + b"b")
    await delete(store, PODS + b"a")
    first = KeyValue(PODS + b"a", b"1", 3, 3, 1)
    second = KeyValue(PODS + b"a", b"2", 3, 5, 2)
    of_a = [
        Event("put", first, None),
        Event("put", second, first),
        Event("delete", KeyValue(PODS + b"a", b"", 0, 7, 0), second),
    ]
    of_b = Event("put", KeyValue(PODS + b"b", b"v", 6, 6, 1), None)
    assert await events(watch, 4) == [of_a[0], of_a[1], of_b, of_a[2]]
    assert await events(one, 3) == of_a
    assert await events(odd, 3) == of_a
    for each in (watch, one, odd):
        assert await silent(each)
        each.close()


@contract
async def a_watch_can_start_in_the_past(store: Store) -> None:
    for value in (b"1", b"2", b"3"):
        await put(store, b"a", value)
    await delete(store, b"a")
    watch = store.watch(b"a", None, revision=3)
    await put(store, b"a", b"4")
    found = await events(watch, 4)
    assert [(e.type, e.kv.value, e.kv.mod_revision) for e in found] == [
        ("put", b"2", 3),
        ("put", b"3", 4),
        ("delete", b"", 5),
        ("put", b"4", 6),
    ]
    assert [e.prev.value if e.prev else None for e in found] == [b"1", b"2", b"3", None]
    watch.close()


@contract
async def a_watch_can_start_in_the_future(store: Store) -> None:
    watch = store.watch(b"a", None, revision=4)
    await put(store, b"a", b"2")
    await put(store, b"a", b"3")
    await put(store, b"a", b"4")
    assert [e.kv.mod_revision for e in await events(watch, 1)] == [4]
    watch.close()


@contract
async def batches_are_whole_and_in_order(store: Store) -> None:
    watches = [store.watch(PODS, prefix_end(PODS)), store.watch(PODS, prefix_end(PODS), revision=1)]

    async def burst(writer: int) -> None:
        for number in range(10):
            ops: list[Op] = [Put(PODS + b"%d-%d-%d" % (writer, number, part), b"") for part in range(3)]
            await store.txn([], ops)

    await asyncio.gather(*(burst(writer) for writer in range(8)))
    for watch in watches:
        seen = 1
        count = 0
        while seen < store.revision:
            batch: Batch = await asyncio.wait_for(anext(watch), 5)
            revisions = [e.kv.mod_revision for e in batch.events]
            assert revisions == sorted(revisions)
            assert all(seen < revision <= batch.revision for revision in revisions)
            assert len(revisions) % 3 == 0
            seen, count = batch.revision, count + len(revisions)
        assert count == 240
        watch.close()


@contract
async def a_closed_watch_ends(store: Store) -> None:
    watch = store.watch(b"a", None)
    waiting = asyncio.ensure_future(anext(watch, None))
    await asyncio.sleep(0)
    watch.close()
    watch.close()
    assert await asyncio.wait_for(waiting, 5) is None
    await put(store, b"a")
    assert [batch async for batch in watch] == []


@contract
async def compaction_forgets_only_the_past(store: Store) -> None:
    await put(store, b"a", b"1")
    await put(store, b"a", b"2")
    await put(store, b"gone")
    await delete(store, b"gone")
    await put(store, b"a", b"3")
    await store.compact(5)
    assert store.compacted == 5
    assert (await get(store, b"a", 5)).value == b"2"  # type: ignore[union-attr]
    assert (await get(store, b"a")).value == b"3"  # type: ignore[union-attr]
    for revision in (2, 4):
        with pytest.raises(Compacted) as caught:
            await store.range(Range(b"a", revision=revision))
        assert caught.value.compact_revision == 5
    with pytest.raises(Compacted):
        await store.txn([], [Range(b"a", revision=4)])
    with pytest.raises(Compacted):
        await store.compact(5)
    with pytest.raises(FutureRevision):
        await store.compact(7)
    late = store.watch(b"a", b"z", revision=4)
    with pytest.raises(Compacted):
        await anext(late)
    watch = store.watch(b"a", b"z", revision=5)
    assert [(e.type, e.kv.key, e.prev) for e in await events(watch, 2)] == [
        ("delete", b"gone", None),
        ("put", b"a", KeyValue(b"a", b"2", 2, 3, 2)),
    ]
    watch.close()
    await store.compact(6)
    assert keys_of(await store.range(ALL)) == [b"a"]


@contract
async def a_watch_that_compaction_overtakes_is_told(store: Store) -> None:
    await put(store, b"a")
    watch = store.watch(b"a", None, revision=2)
    for _ in range(3):
        await put(store, b"a")
    await store.compact(4)
    with pytest.raises(Compacted):
        await anext(watch)
    live = store.watch(b"a", None)
    await put(store, b"a", b"live")
    await put(store, b"b")
    await store.compact(store.revision)
    assert [e.kv.value for e in await events(live, 1)] == [b"live"]
    live.close()


@contract
async def leases_hold_keys(store: Store) -> None:
    lease = await store.lease_grant(60)
    assert await store.lease_keep_alive(lease) == 60
    assert await store.lease_grant(30, lease + 1) == lease + 1
    with pytest.raises(ValueError, match="lease already exists"):
        await store.lease_grant(30, lease)
    for name in (b"stays", b"moves", b"goes", b"deleted"):
        await put(store, name, lease=lease)
    await put(store, b"stays")
    await put(store, b"moves", lease=lease + 1)
    await delete(store, b"deleted")
    assert (await get(store, b"goes")).lease == lease  # type: ignore[union-attr]
    revision = store.revision
    await store.lease_revoke(lease)
    assert store.revision == revision + 1
    assert keys_of(await store.range(ALL)) == [b"moves", b"stays"]
    for missing in (store.lease_keep_alive(lease), store.lease_revoke(lease)):
        with pytest.raises(KeyError):
            await missing
    with pytest.raises(KeyError):
        await put(store, b"late", lease=lease)
    await store.lease_revoke(lease + 1)
    assert keys_of(await store.range(ALL)) == [b"stays"]
