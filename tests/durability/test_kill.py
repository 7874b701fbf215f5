"""A store whose process is killed has all it acknowledged, and nothing half."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from wherry.component import Env
from wherry.etcd.open import open_store
from wherry.etcd.types import Range

ROUNDS = 6
WRITERS = 8

CHILD = """
import asyncio, contextlib, itertools, os, sys
from pathlib import Path
from wherry.component import Env
from wherry.etcd.open import open_store
from wherry.etcd.types import Compacted, Delete, Put

async def write(store, name):
    for number in itertools.count():
        value = b"%d." % number * (number % 7 * 100 + 1)
        pair = [Put(b"%d/left" % name, value), Put(b"%d/right" % name, value), Delete(b"%d/gone" % name)]
        result = await store.txn([], pair)
        os.write(1, b"%d %d %d\\n" % (name, number, result.revision))
        await store.txn([], [Put(b"%d/gone" % name, b"")])
        if number % 50 == 49:
            with contextlib.suppress(Compacted):
                await store.compact(store.revision)

async def main():
    store = open_store(Path(sys.argv[1]), Env())
    async with asyncio.TaskGroup() as tasks:
        for name in range(int(sys.argv[2])):
            tasks.create_task(write(store, name))

asyncio.run(main())
"""


def killed_after(folder: Path, acknowledgements: int, then: float) -> dict[int, tuple[int, int]]:
    """Runs writers until so many acknowledgements were read, kills them `then` seconds later; the last
    (number, revision) acknowledged of each."""
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(folder), str(WRITERS)], stdout=subprocess.PIPE, bufsize=0
    )
    assert child.stdout is not None
    text = b""
    try:
        while text.count(b"\n") < acknowledgements:
            more = os.read(child.stdout.fileno(), 4096)
            assert more, "the writer ended by itself"
            text += more
        try:
            child.wait(then)
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL)
        text += child.stdout.read()
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
    assert child.returncode == -signal.SIGKILL
    last: dict[int, tuple[int, int]] = {}
    for line in text.splitlines():
        name, number, revision = map(int, line.split())
        last[name] = (number, revision)
    return last


async def verify(folder: Path, acknowledged: dict[int, tuple[int, int]]) -> None:
    store = open_store(folder, Env())
    newest = 0
    for name in range(WRITERS):
        found = (await store.range(Range(b"%d/left" % name, b"%d/s" % name))).kvs
        assert len(found) in (0, 2)
        if name not in acknowledged:
            continue
        left, right = found
        number, revision = acknowledged[name]
        # What was acknowledged, or one more that was written and not told.
        assert left.mod_revision >= revision
        assert left.value in (b"%d." % n * (n % 7 * 100 + 1) for n in (number, number + 1))
        assert (left.value, left.mod_revision) == (right.value, right.mod_revision)
        newest = max(newest, revision)
    assert store.revision >= newest
    watch = store.watch(b"\0", b"\0", revision=max(1, store.compacted))
    seen = 0
    while seen < store.revision:
        batch = await asyncio.wait_for(anext(watch), 5)
        assert [e.kv.mod_revision for e in batch.events] == sorted(e.kv.mod_revision for e in batch.events)
        seen = batch.revision
    await store.close()


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_acknowledged_writes_survive_kill_9(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(2):
        acknowledged = killed_after(tmp_path, chance.randrange(1, 600), chance.uniform(0, 0.01))
        asyncio.run(verify(tmp_path, acknowledged))
