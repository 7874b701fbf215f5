from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from memory_api import MemoryApi, client, env

from wherry.api.scheme import Resource, resource
from wherry.client import informer as informer_module
from wherry.client.informer import Informer, InformerFactory
from wherry.testing import loop as virtual

PODS = "/api/v1/namespaces/default/pods"


def pod(name: str, node: str = "", uid: str = "", **labels: str) -> dict[str, Any]:
    spec = {"nodeName": node} if node else {}
    metadata = {"name": name, "namespace": "default", "uid": uid or f"uid-{name}", "labels": labels}
    return {"metadata": metadata, "spec": spec}


class Log:
    """What a handler was told, as `event name` or `event name old>new node`."""

    def __init__(self, informer: Informer) -> None:
        self.lines: list[str] = []
        informer.add_handler(self)

    def __call__(self, event: str, old: Any, new: Any) -> None:
        self.lines.append(f"{event} {(new or old).metadata.name}")

    def take(self) -> list[str]:
        lines, self.lines = self.lines, []
        return lines


@asynccontextmanager
async def running(factory: InformerFactory) -> AsyncIterator[None]:
    task = asyncio.create_task(factory.run())
    await virtual.settle()
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


def with_informer(test: Callable[[MemoryApi, Informer, Log], Awaitable[None]], **options: Any) -> None:
    async def main() -> None:
        api = MemoryApi()
        factory = InformerFactory(client(api), env())
        informer = factory.informer(resource("pods"), **options)
        api.put(f"{PODS}/a", pod("a", "n1"))
        api.put(f"{PODS}/b", pod("b", "n2"))
        log = Log(informer)
        async with running(factory):
            await test(api, informer, log)

    virtual.run(main())


def test_lists_then_watches() -> None:
    async def test(api: MemoryApi, informer: Informer, log: Log) -> None:
        assert informer.synced
        await informer.wait_synced()
        assert log.take() == ["added a", "added b"]
        api.put(f"{PODS}/c", pod("c"))
        api.put(f"{PODS}/a", pod("a", "n3"))
        api.remove(f"{PODS}/b")
        await virtual.settle()
        assert log.take() == ["added c", "modified a", "deleted b"]
        assert informer.get("a", "default").spec.nodeName == "n3"
        assert informer.get("b", "default") is None
        assert [one.metadata.name for one in informer.list()] == ["a", "c"]
        assert informer.list("other") == []

    with_informer(test)


def test_objects_say_what_they_are() -> None:
    async def test(api: MemoryApi, informer: Informer, log: Log) -> None:
        one = informer.get("a", "default")
        assert (one.apiVersion, one.kind) == ("v1", "Pod")

    with_informer(test)
    with_informer(test, metadata_only=True)


def test_a_late_handler_is_told_what_is_there() -> None:
    async def test(api: MemoryApi, informer: Informer, log: Log) -> None:
        assert Log(informer).take() == ["added a", "added b"]

    with_informer(test)


def test_a_handler_with_a_bug_does_not_stop_the_others() -> None:
    async def test(api: MemoryApi, informer: Informer, log: Log) -> None:
        def broken(*_: Any) -> None:
            raise KeyError("bug")

        informer.add_handler(broken)
        after = Log(informer)
        after.take()
        api.remove(f"{PODS}/a")
        await virtual.settle()
        assert after.take() == ["deleted a"]

    with_informer(test)


def test_indices_follow_the_objects() -> None:
    async def test(api: MemoryApi, informer: Informer, log: Log) -> None:
        def by_node(one: Any) -> list[str]:
            return [one.spec.nodeName] if one.spec.nodeName else []

        informer.add_index("node", by_node)
        informer.add_index("node", by_node)
        assert [one.metadata.name for one in informer.by_index("node", "n1")] == ["a"]
        api.put(f"{PODS}/a", pod("a", "n2"))
        api.put(f"{PODS}/b", pod("b", "n2", changed="yes"))
        await virtual.settle()
        assert informer.by_index("node", "n1") == []
        assert [one.metadata.name for one in informer.by_index("node", "n2")] == ["b", "a"]
        assert informer.by_index("node", "n2")[0].metadata.labels == {"changed": "yes"}
        with pytest.raises(ValueError, match="another index"):
            informer.add_index("node", lambda one: [])

    with_informer(test)


def test_a_broken_connection_is_made_again_from_where_it_was() -> None:
    async def test(api: MemoryApi, informer: Informer, log: Log) -> None:
        log.take()
        api.requests.clear()
        api.stop()
        await virtual.settle()
        api.down = False
        api.put(f"{PODS}/c", pod("c"))
        await virtual.advance(0.2)
        assert log.take() == ["added c"]
        assert all("watch=true" in query for _, _, query in api.requests)

    with_informer(test)


def test_a_server_away_for_a_second_is_found_within_another() -> None:
    async def test(api: MemoryApi, informer: Informer, log: Log) -> None:
        log.take()
        api.stop()
        await virtual.advance(1.0)
        api.down = False
        api.put(f"{PODS}/c", pod("c"))
        await virtual.advance(1.0)
        assert log.take() == ["added c"]

    with_informer(test)


def test_a_server_away_for_long_is_not_stormed() -> None:
    async def test(api: MemoryApi, informer: Informer, log: Log) -> None:
        api.requests.clear()
        api.stop()
        await virtual.advance(3600)
        assert 60 < len(api.requests) < 200

    with_informer(test)


def test_history_gone_by_means_listing_and_comparing() -> None:
    async def test(api: MemoryApi, informer: Informer, log: Log) -> None:
        log.take()
        api.stop()
        await virtual.settle()
        api.put(f"{PODS}/c", pod("c"))
        api.put(f"{PODS}/a", pod("a", "n9"))
        api.remove(f"{PODS}/b")
        api.compact()
        api.down = False
        await virtual.advance(2)
        assert log.take() == ["deleted b", "modified a", "added c"]
        api.put(f"{PODS}/d", pod("d"))
        await virtual.settle()
        assert log.take() == ["added d"]

    with_informer(test)


def test_what_did_not_change_is_not_told_again() -> None:
    async def test(api: MemoryApi, informer: Informer, log: Log) -> None:
        log.take()
        kept = informer.get("a", "default")
        api.stop()
        api.remove(f"{PODS}/b")
        api.compact()
        api.down = False
        await virtual.advance(2)
        assert log.take() == ["deleted b"]
        assert informer.get("a", "default") is kept

    with_informer(test)


def test_a_bookmark_saves_the_list() -> None:
    async def test(api: MemoryApi, informer: Informer, log: Log) -> None:
        api.bookmark("/api/v1/namespaces/default/pods")
        await virtual.settle()
        api.compact()
        api.requests.clear()
        api.break_watches()
        await virtual.advance(1)
        assert [("watch=true" in query) for _, _, query in api.requests] == [True]

    with_informer(test, namespace="default")


def test_one_of_the_same_name_is_another_object() -> None:
    async def test(api: MemoryApi, informer: Informer, log: Log) -> None:
        log.take()
        api.stop()
        api.put(f"{PODS}/a", pod("a", uid="another"))
        api.compact()
        api.down = False
        await virtual.advance(2)
        assert log.take() == ["deleted a", "added a"]

    with_informer(test)


def test_long_lists_come_in_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(informer_module, "PAGE", 2)

    async def main() -> None:
        api = MemoryApi()
        for number in range(5):
            api.put(f"{PODS}/{number}", pod(str(number)))
        factory = InformerFactory(client(api), env())
        informer = factory.informer(resource("pods"))
        async with running(factory):
            assert len(informer.list()) == 5
            assert sum("limit=2" in query for _, _, query in api.requests) == 3
            api.compact()
            api.break_watches()
            api.requests.clear()
            api.put(f"{PODS}/9", pod("9"))
            api.compact()
            await virtual.advance(2)
            assert len(informer.list()) == 6

    virtual.run(main())


def test_the_same_is_shared_and_late_comers_run_too() -> None:
    async def main() -> None:
        api = MemoryApi()
        api.put(f"{PODS}/a", pod("a"))
        factory = InformerFactory(client(api), env())
        pods = resource("pods")
        first = factory.informer(pods)
        assert factory.informer(pods) is first
        async with running(factory):
            late = factory.informer(pods, namespace="default")
            assert late is not first and not late.synced
            await factory.wait_synced()
            assert late.synced and late.get("a", "default") is not None

    virtual.run(main())


def test_kinds_that_are_not_built_in_are_plain() -> None:
    widgets = Resource("example.com", "v1", "widgets", "Widget", True)

    async def main() -> None:
        api = MemoryApi()
        api.put("/apis/example.com/v1/namespaces/x/widgets/w", {"metadata": {"name": "w", "namespace": "x"}})
        factory = InformerFactory(client(api), env())
        informer = factory.informer(widgets)
        async with running(factory):
            found = informer.get("w", "x")
            assert found is not None
            assert (found["apiVersion"], found["kind"]) == ("example.com/v1", "Widget")

    virtual.run(main())
