"""How many durable writes a second the store takes, alone and with writers side by side.

    python bench/store.py [--seconds 2] [--folder DIR] [--memory]

Each writer creates or replaces keys of 1 KB and waits for each write to be on disk; one watch follows
all of them. Syncs are real: give `--folder` on the disk you mean. Also timed: reading a range of many
keys, and opening the store again.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import uvloop

from wherry.component import Env
from wherry.etcd.keyrange import prefix_end
from wherry.etcd.open import open_store
from wherry.etcd.store import MvccStore
from wherry.etcd.types import Compare, Put, Range

PREFIX = b"/registry/pods/"
VALUE = b"v" * 1024


@dataclass
class Seen:
    """What the watch was told."""

    events: int = 0
    batches: int = 0


async def write(store: MvccStore, prefix: bytes, until: float, latencies: list[float]) -> None:
    names = [b"%spod-%d" % (prefix, number) for number in range(5000)]
    revisions = dict.fromkeys(names, 0)
    for key in itertools.cycle(names):
        start = time.perf_counter()
        if start >= until:
            return
        result = await store.txn([Compare(key, "mod", "=", revisions[key])], [Put(key, VALUE)], [Range(key)])
        assert result.succeeded
        revisions[key] = result.revision
        latencies.append(time.perf_counter() - start)


async def follow(store: MvccStore, seen: Seen) -> None:
    async for batch in store.watch(PREFIX, prefix_end(PREFIX)):
        seen.events += len(batch.events)
        seen.batches += 1


async def measure_writers(store: MvccStore, writers: int, seconds: float) -> None:
    seen = Seen()
    latencies: list[float] = []
    follower = asyncio.create_task(follow(store, seen))
    await asyncio.sleep(0)
    start = time.perf_counter()
    prefixes = [PREFIX + b"of-%d-%d/" % (writers, number) for number in range(writers)]
    await asyncio.gather(*(write(store, prefix, start + seconds, latencies) for prefix in prefixes))
    spent = time.perf_counter() - start
    await asyncio.sleep(0.01)
    follower.cancel()
    await asyncio.gather(follower, return_exceptions=True)
    latencies.sort()
    p50, p99 = (latencies[int(len(latencies) * part)] * 1e3 for part in (0.5, 0.99))
    print(
        f"{writers:3} writers  {len(latencies) / spent:9,.0f} writes/s   p50 {p50:6.2f} ms  p99 {p99:6.2f} ms"
        f"   watched {seen.events:,} of {len(latencies):,} in {seen.batches:,} batches"
    )


async def measure(folder: Path | None, seconds: float) -> None:
    store = open_store(folder, Env())
    for writers in (1, 4, 16, 64):
        await measure_writers(store, writers, seconds)
    start = time.perf_counter()
    found = await store.range(Range(PREFIX, prefix_end(PREFIX)))
    spent = time.perf_counter() - start
    print(f"range of {found.total:,} keys: {spent * 1e3:.0f} ms")
    start = time.perf_counter()
    await store.compact(store.revision)
    print(f"compaction of all history: {(time.perf_counter() - start) * 1e3:.0f} ms")
    await store.close()
    if folder is not None:
        start = time.perf_counter()
        await open_store(folder, Env()).close()
        print(f"opened again in {(time.perf_counter() - start) * 1e3:.0f} ms")


def main(words: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--folder", type=Path, default=None, help="where to make a temporary folder")
    parser.add_argument("--memory", action="store_true", help="the memory engine instead of the disk")
    arguments = parser.parse_args(words)
    if arguments.memory:
        uvloop.run(measure(None, arguments.seconds))
        return
    with tempfile.TemporaryDirectory(dir=arguments.folder, prefix="wherry-bench-") as folder:
        uvloop.run(measure(Path(folder), arguments.seconds))


if __name__ == "__main__":
    main(sys.argv[1:])
