from __future__ import annotations

import asyncio
from typing import Any

import pytest

from wherry.apiserver.registry import watchcache, watching
from wherry.testing import loop as virtual

from .room import PARTIAL, TABLE, Room, config_map, pod, run


def test_the_present_then_what_happens() -> None:
    async def body(room: Room) -> None:
        await room.post("configmaps", config_map("a"))
        watch = await room.watch("configmaps?watch=1")
        assert await watch.told(1) == [("ADDED", "a")]
        await room.post("configmaps", config_map("b"))
        await room.patch("configmaps/a", {"data": {"x": "y"}})
        last = await room.get("configmaps/a")
        await room.delete("configmaps/a")
        assert await watch.told(2) == [("ADDED", "b"), ("MODIFIED", "a")]
        gone = await watch.frame()
        assert gone["type"] == "DELETED"
        assert gone["object"]["data"] == last["data"]
        assert int(gone["object"]["metadata"]["resourceVersion"]) == room.store.revision
        await watch.close()

    run(body)


def test_from_a_revision() -> None:
    async def body(room: Room) -> None:
        for name in "abc":
            await room.post("configmaps", config_map(name))
        await room.delete("configmaps/b")
        watch = await room.watch("configmaps?watch=1&resourceVersion=3")
        assert await watch.told(2) == [("ADDED", "c"), ("DELETED", "b")]
        await room.post("configmaps", config_map("d"))
        assert await watch.told(1) == [("ADDED", "d")]
        await watch.close()

    run(body)


def test_what_is_replayed_keeps_to_the_namespace() -> None:
    async def body(room: Room) -> None:
        await room.post("configmaps", config_map("a"))
        await room.post("/api/v1/namespaces/other/configmaps", config_map("x"))
        await room.post("configmaps", config_map("b"))
        watch = await room.watch("configmaps?watch=1&resourceVersion=1")
        assert await watch.told(2) == [("ADDED", "a"), ("ADDED", "b")]
        await room.post("/api/v1/namespaces/other/configmaps", config_map("y"))
        await room.post("configmaps", config_map("c"))
        assert await watch.told(1) == [("ADDED", "c")]
        await watch.close()

    run(body)


def test_from_before_the_caches_history(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchcache, "HISTORY_EVENTS", 2)

    async def body(room: Room) -> None:
        await room.post("/api/v1/namespaces/other/configmaps", config_map("x"))
        for name in "abcde":
            await room.post("configmaps", config_map(name))
        watch = await room.watch("configmaps?watch=1&resourceVersion=1")
        assert await watch.told(5) == [("ADDED", name) for name in "abcde"]
        await room.post("configmaps", config_map("f"))
        assert await watch.told(1) == [("ADDED", "f")]
        await watch.close()

    run(body)


def test_from_before_all_history(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchcache, "HISTORY_EVENTS", 2)

    async def body(room: Room) -> None:
        for name in "abcde":
            await room.post("configmaps", config_map(name))
        await room.store.compact(4)
        frames = await (await room.watch("configmaps?watch=1&resourceVersion=1")).rest()
        assert [f["type"] for f in frames] == ["ERROR"]
        status = frames[0]["object"]
        assert (status["code"], status["reason"]) == (410, "Expired")
        assert status["message"] == "too old resource version: 1 (4)"

    run(body)


def test_selectors_turn_changes_into_coming_and_going() -> None:
    async def body(room: Room) -> None:
        watch = await room.watch("configmaps?watch=1&labelSelector=l=x&resourceVersion=1")
        await room.post("configmaps", config_map("a", labels={"l": "y"}))
        await room.patch("configmaps/a", {"metadata": {"labels": {"l": "x"}}})
        await room.patch("configmaps/a", {"data": {"n": "1"}})
        await room.patch("configmaps/a", {"metadata": {"labels": {"l": "y"}}})
        await room.delete("configmaps/a")
        assert await watch.told(2) == [("ADDED", "a"), ("MODIFIED", "a")]
        left = await watch.frame()
        assert left["type"] == "DELETED"
        assert left["object"]["metadata"]["labels"] == {"l": "x"}
        assert left["object"]["metadata"]["resourceVersion"] == "5"
        await watch.close()

    run(body)


def test_pods_of_one_node() -> None:
    async def body(room: Room) -> None:
        watch = await room.watch("/api/v1/pods?watch=1&fieldSelector=spec.nodeName=n1&resourceVersion=1")
        await room.post("pods", pod("other", "n2"))
        await room.post("pods", pod("a"))
        await room.post("pods/a/binding", {"metadata": {"name": "a"}, "target": {"name": "n1"}})
        await room.patch("pods/a/status", {"status": {"phase": "Running"}})
        assert await watch.told(2) == [("ADDED", "a"), ("MODIFIED", "a")]
        assert room.registry._by_name["pods"].cache._watchers.keys() == {("spec.nodeName", "n1")}
        await watch.close()
        assert not room.registry._by_name["pods"].cache._watchers

    run(body)


def test_initial_events_end_with_a_marked_bookmark() -> None:
    async def body(room: Room) -> None:
        await room.post("configmaps", config_map("a"))
        query = "watch=1&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan"
        watch = await room.watch(f"configmaps?{query}")
        assert await watch.told(1) == [("ADDED", "a")]
        mark = await watch.frame()
        assert mark == {
            "type": "BOOKMARK",
            "object": {
                "kind": "ConfigMap",
                "apiVersion": "v1",
                "metadata": {"resourceVersion": "2", "annotations": {"k8s.io/initial-events-end": "true"}},
            },
        }
        await watch.close()
        silent = await room.watch(
            "configmaps?watch=1&sendInitialEvents=false&resourceVersionMatch=NotOlderThan"
        )
        await room.post("configmaps", config_map("b"))
        assert await silent.told(1) == [("ADDED", "b")]
        await silent.close()

    run(body)


def test_who_falls_behind_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "MAX_QUEUE", 3)

    async def body(room: Room) -> None:
        watch = await room.watch("configmaps?watch=1&resourceVersion=1")
        await room.post("configmaps", config_map("first"))
        assert await watch.told(1) == [("ADDED", "first")]
        for name in "abcdef":
            await room.post("configmaps", config_map(name))
        frames = await watch.rest()
        assert [f["object"]["metadata"]["name"] for f in frames] == ["a", "b", "c"]

    run(body)


def test_bookmarks_each_minute_and_at_the_end() -> None:
    async def main() -> list[Any]:
        room = Room()
        await room.registry.start()
        watch = await room.watch(
            "configmaps?watch=1&resourceVersion=1&allowWatchBookmarks=true&timeoutSeconds=150"
        )
        frames = await watch.rest()
        await room.registry.stop()
        await room.store.close()
        return frames

    frames = virtual.run(main(), autojump=True)
    assert [f["type"] for f in frames] == ["BOOKMARK"] * 3


def test_the_end_comes_by_itself() -> None:
    async def main() -> float:
        room = Room()
        await room.registry.start()
        watch = await room.watch("configmaps?watch=1")
        begun = asyncio.get_running_loop().time()
        assert await watch.rest() == []
        took = asyncio.get_running_loop().time() - begun
        await room.registry.stop()
        await room.store.close()
        return took

    assert 1800 <= virtual.run(main(), autojump=True) <= 3600


def test_other_forms() -> None:
    async def body(room: Room) -> None:
        table = await room.watch("configmaps?watch=1", accept=TABLE)
        partial = await room.watch("configmaps?watch=1&resourceVersion=1", accept=PARTIAL)
        await room.post("configmaps", config_map("a"))
        await room.patch("configmaps/a", {"data": {"x": "y"}})
        found = [(await table.frame())["object"] for _ in range(1)]
        await room.delete("configmaps/a")
        found.append((await table.frame())["object"])
        assert [o["rows"][0]["cells"][0] for o in found] == ["a", "a"]
        assert found[0]["columnDefinitions"]
        assert found[1]["columnDefinitions"] is None
        shown = [await partial.frame() for _ in range(3)]
        assert [f["type"] for f in shown] == ["ADDED", "MODIFIED", "DELETED"]
        assert {f["object"]["kind"] for f in shown} == {"PartialObjectMetadata"}
        await table.close()
        await partial.close()

    run(body)


def test_both_event_interfaces_see_each_other() -> None:
    async def body(room: Room) -> None:
        watch = await room.watch("/apis/events.k8s.io/v1/namespaces/default/events?watch=1&resourceVersion=1")
        involved = {"involvedObject": {"kind": "Pod", "name": "p", "namespace": "default"}}
        await room.post("events", {"metadata": {"name": "e"}, "reason": "R", "message": "M", **involved})
        frame = await watch.frame()
        assert frame["object"]["note"] == "M"
        await watch.close()

    run(body)
