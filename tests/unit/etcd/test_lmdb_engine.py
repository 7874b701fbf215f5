"""What only the disk does: recovery, one owner, errors of the disk."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path

import lmdb
import pytest

from wherry.component import Env
from wherry.etcd.engine import Change
from wherry.etcd.keyindex import position
from wherry.etcd.lmdb_engine import LmdbEngine
from wherry.etcd.open import open_store
from wherry.etcd.types import KeyValue, Range, StoreFailed, StoreFull

from .contract import ALL, delete, events, get, keys_of, put


def test_everything_is_there_after_a_restart(tmp_path: Path) -> None:
    async def before() -> int:
        store = open_store(tmp_path, Env())
        lease = await store.lease_grant(60)
        gone = await store.lease_grant(60)
        await put(store, b"a", b"1")
        await put(store, b"a", b"2", lease=lease)
        await put(store, b"b", lease=gone)
        await store.lease_revoke(gone)
        await put(store, b"c")
        await delete(store, b"c")
        await store.compact(3)
        await store.close()
        return lease

    async def after(lease: int) -> None:
        store = open_store(tmp_path, Env())
        assert (store.revision, store.compacted) == (7, 3)
        assert await get(store, b"a") == KeyValue(b"a", b"2", 2, 3, 2, lease)
        assert keys_of(await store.range(ALL)) == [b"a"]
        assert keys_of(await store.range(Range(b"a", b"z", revision=6))) == [b"a", b"c"]
        watch = store.watch(b"a", b"z", revision=3)
        assert [(e.type, e.kv.mod_revision) for e in await events(watch, 5)] == [
            ("put", 3),
            ("put", 4),
            ("delete", 5),
            ("put", 6),
            ("delete", 7),
        ]
        assert await store.lease_keep_alive(lease) == 60
        await store.lease_revoke(lease)
        assert keys_of(await store.range(ALL)) == []
        assert await put(store, b"d") == 9
        await store.close()

    asyncio.run(after(asyncio.run(before())))


def test_one_owner_at_a_time(tmp_path: Path) -> None:
    first = LmdbEngine(tmp_path, 1 << 20)
    with pytest.raises(StoreFailed, match="in use by another process"):
        LmdbEngine(tmp_path, 1 << 20)
    first.close()
    LmdbEngine(tmp_path, 1 << 20).close()


def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    """There are secrets in it."""
    folder = tmp_path / "store"
    LmdbEngine(folder, 1 << 20).close()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_a_folder_that_cannot_be_used(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(StoreFailed, match="cannot use"):
        LmdbEngine(file, 1 << 20)
    (tmp_path / "data.mdb").write_bytes(b"not a database" * 1000)
    with pytest.raises(StoreFailed, match="cannot open the store"):
        LmdbEngine(tmp_path, 1 << 20)


def test_another_format_is_refused(tmp_path: Path) -> None:
    LmdbEngine(tmp_path, 1 << 20).close()
    env = lmdb.open(str(tmp_path), max_dbs=2)
    numbers = env.open_db(b"numbers")
    with env.begin(write=True, db=numbers) as txn:
        txn.put(b"format", b"wherry-2")
    env.close()
    for _ in range(2):
        with pytest.raises(StoreFailed, match="the store has format wherry-2, not wherry-1"):
            LmdbEngine(tmp_path, 1 << 20)


def record(revision: int, size: int) -> tuple[int, KeyValue]:
    return position(revision, 0, False), KeyValue(b"%d" % revision, b"x" * size, revision, revision, 1)


def test_a_map_without_room_writes_nothing(tmp_path: Path) -> None:
    engine = LmdbEngine(tmp_path, 1 << 20)
    engine.write([Change(puts=[record(2, 100)])])
    with pytest.raises(StoreFull):
        engine.write([Change(puts=[record(3, 100)]), Change(puts=[record(4, 30 << 20)])])
    assert [where >> 24 for where, _ in engine.scan(0, 1 << 96)] == [2]
    engine.write([Change(puts=[record(3, 100)])])
    engine.close()


def test_a_broken_disk_is_no_full_disk(tmp_path: Path) -> None:
    engine = LmdbEngine(tmp_path, 1 << 20)
    engine.write([Change(puts=[record(3, 100)])])
    with pytest.raises(StoreFailed):
        engine.write([Change(puts=[record(2, 100)])])  # LMDB refuses to append what is not the end.
    engine.close()
