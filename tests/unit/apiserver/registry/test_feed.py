from __future__ import annotations

import asyncio
from typing import Any

import pytest

from wherry.apiserver.registry import entry
from wherry.apiserver.registry.feed import Feed
from wherry.apiserver.registry.watchcache import Layout, WatchCache
from wherry.component import Env
from wherry.etcd.open import open_store
from wherry.etcd.types import Compacted, Delete, Put, StoreFailed


def cache(kind: str = "Pod", prefix: bytes = b"/registry/pods/") -> WatchCache:
    return WatchCache(Layout(prefix, entry.head("v1", kind)))


def value(name: str, kind: str = "Pod") -> bytes:
    return entry.stored_value({"kind": kind, "apiVersion": "v1", "metadata": {"name": name}})


def test_it_fills_and_follows() -> None:
    async def main() -> None:
        store, pods = open_store(None, Env()), cache()
        services = cache("Service", b"/registry/services/specs/")
        await store.txn([], [Put(b"/registry/pods/ns/a", value("a"))])
        feed = Feed(store, [pods, services])
        await feed.start()
        assert [e.key for e in pods.select()] == ["ns/a"]
        await store.txn([], [Put(b"/registry/services/specs/ns/s", value("s", "Service"))])
        await store.txn([], [Delete(b"/registry/pods/ns/a")])
        await store.txn([], [Put(b"/elsewhere", b"x")])
        await feed.current()
        assert feed.revision == store.revision
        assert [e.key for e in services.select()] == ["ns/s"]
        assert not list(pods.select())
        await feed.stop()
        await store.close()

    asyncio.run(main())


class Breaks:
    """A store whose first watch breaks."""

    def __init__(self, store: Any) -> None:
        self.store, self.broken = store, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def watch(self, *args: Any, **kwargs: Any) -> Any:
        watch = self.store.watch(*args, **kwargs)
        if not self.broken:
            self.broken = True

            async def fails() -> Any:
                raise Compacted(5)

            watch.__class__ = type("Broken", (watch.__class__,), {"__anext__": lambda self: fails()})
        return watch


def test_it_lists_again_when_the_watch_breaks() -> None:
    async def main() -> None:
        store, pods = open_store(None, Env()), cache()
        feed = Feed(Breaks(store), [pods])
        await feed.start()
        for number in range(3):
            await store.txn([], [Put(b"/registry/pods/ns/a%d" % number, value("a"))])
        await feed.current()
        assert len(list(pods.select())) == 3
        await feed.stop()
        await store.close()

    asyncio.run(main())


def test_who_waits_when_it_stops_is_told() -> None:
    async def main() -> None:
        store = open_store(None, Env())
        feed = Feed(store, [cache()])
        await feed.start()
        waiting = asyncio.create_task(feed.reached(99))
        await asyncio.sleep(0)
        await feed.stop()
        with pytest.raises(StoreFailed):
            await waiting
        with pytest.raises(StoreFailed):
            await feed.reached(99)
        await store.close()

    asyncio.run(main())
