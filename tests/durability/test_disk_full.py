"""A disk without room: writes are refused, nothing acknowledged is lost; with room again it goes on."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from wherry.component import Env
from wherry.etcd.open import open_store
from wherry.etcd.types import Delete, Put, Range, StoreFull

VALUE = b"x" * 10_000


def mounted(*arguments: str) -> bool:
    return subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("needs root to mount a small disk")
    if not mounted("-t", "tmpfs", "-o", "size=3m", "tmpfs", str(tmp_path)):
        pytest.skip("mounting is not allowed here")
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_full_disk(small_disk: Path) -> None:
    async def check() -> None:
        store = open_store(small_disk / "store", Env())
        written: list[bytes] = []

        async def fill(writer: int) -> None:
            for number in range(1000):
                key = b"%d-%d" % (writer, number)
                await store.txn([], [Put(key, VALUE)])
                written.append(key)

        results = await asyncio.gather(*(fill(writer) for writer in range(4)), return_exceptions=True)
        assert [type(result) for result in results] == [StoreFull] * 4
        found = await store.range(Range(b"\0", b"\0"))
        assert [kv.key for kv in found.kvs] == sorted(written)
        assert all(kv.value == VALUE for kv in found.kvs)
        assert mounted("-o", "remount,size=8m", str(small_disk))
        await store.txn([], [Delete(written[0]), Put(b"after", VALUE)])
        await store.close()
        store = open_store(small_disk / "store", Env())
        assert (await store.range(Range(b"\0", b"\0"))).total == len(written)
        await store.close()

    asyncio.run(check())
