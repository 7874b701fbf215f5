from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from wherry.api.errors import ApiError
from wherry.apiserver.registry import listing

from .room import PARTIAL, TABLE, Room, config_map, pod, run


async def filled(room: Room, count: int = 7) -> None:
    for number in range(count):
        await room.post("configmaps", config_map(f"c{number}", labels={"odd": str(number % 2)}))


def names(found: Any) -> list[str]:
    return [item["metadata"]["name"] for item in found["items"]]


def test_all_of_a_namespace_or_of_all() -> None:
    async def body(room: Room) -> None:
        await filled(room, 2)
        await room.post("/api/v1/namespaces/other/configmaps", config_map("x"))
        found = await room.get("configmaps")
        assert (found["kind"], found["apiVersion"]) == ("ConfigMapList", "v1")
        assert found["metadata"]["resourceVersion"] == str(room.store.revision)
        assert names(found) == ["c0", "c1"]
        assert names(await room.get("/api/v1/configmaps")) == ["c0", "c1", "x"]
        assert (await room.get("pods"))["items"] == []

    run(body)


def test_selectors() -> None:
    async def body(room: Room) -> None:
        await filled(room, 4)
        assert names(await room.get("configmaps?labelSelector=odd=1")) == ["c1", "c3"]
        assert names(await room.get("configmaps?labelSelector=odd!=1&fieldSelector=metadata.name!=c0")) == [
            "c2"
        ]
        assert names(await room.get("configmaps?fieldSelector=metadata.name=c3")) == ["c3"]
        assert names(
            await room.get("/api/v1/configmaps?fieldSelector=metadata.namespace=default,metadata.name=c3")
        ) == ["c3"]
        assert names(await room.get("/api/v1/configmaps?fieldSelector=metadata.namespace=other")) == []
        assert names(await room.get("configmaps?fieldSelector=metadata.name=c3,metadata.name=c2")) == []
        with pytest.raises(ApiError, match=r'"spec\.x" is not a known field selector'):
            await room.get("configmaps?fieldSelector=spec.x=1")
        with pytest.raises(ApiError, match=r"field label not supported: spec\.x"):
            await room.get("pods?fieldSelector=spec.x=1")

    run(body)


def test_pods_of_a_node() -> None:
    async def body(room: Room) -> None:
        for name, node in (("a", "n1"), ("b", "n2"), ("c", "n1")):
            await room.post("pods", pod(name, node))
        assert names(await room.get("/api/v1/pods?fieldSelector=spec.nodeName=n1")) == ["a", "c"]
        assert names(await room.get("/api/v1/pods?fieldSelector=spec.nodeName=n1,metadata.name=c")) == ["c"]
        assert names(await room.get("/api/v1/namespaces/other/pods?fieldSelector=spec.nodeName=n1")) == []
        assert names(await room.get("pods?fieldSelector=spec.nodeName!=n1,status.phase=Pending")) == ["b"]

    run(body)


async def pages(room: Room, query: str, first: Any = None) -> list[Any]:
    found = [first or await room.get(f"configmaps?{query}")]
    while token := found[-1]["metadata"].get("continue"):
        found.append(await room.get(f"configmaps?{query}&continue={token}"))
    return found


def test_pages_show_one_moment() -> None:
    async def body(room: Room) -> None:
        await filled(room)
        first = await room.get("configmaps?limit=3")
        assert first["metadata"]["remainingItemCount"] == 4
        await room.delete("configmaps/c4")
        await room.post("configmaps", config_map("c45"))
        found = await pages(room, "limit=3", first)
        assert [names(page) for page in found] == [["c0", "c1", "c2"], ["c3", "c4", "c5"], ["c6"]]
        assert {page["metadata"]["resourceVersion"] for page in found} == {"8"}
        assert "remainingItemCount" not in found[-1]["metadata"]

    run(body)


def test_pages_with_a_selector_are_full() -> None:
    async def body(room: Room) -> None:
        await filled(room)
        found = await pages(room, "limit=2&labelSelector=odd=0")
        assert [names(page) for page in found] == [["c0", "c2"], ["c4", "c6"]]
        assert "remainingItemCount" not in found[0]["metadata"]

    run(body)


def test_a_page_too_late_offers_to_go_on_anyway() -> None:
    async def body(room: Room) -> None:
        await filled(room)
        token = (await room.get("configmaps?limit=3"))["metadata"]["continue"]
        await room.delete("configmaps/c4")
        await room.store.compact(room.store.revision)
        with pytest.raises(ApiError) as caught:
            await room.get(f"configmaps?limit=3&continue={token}")
        assert (caught.value.code, caught.value.reason) == (410, "Expired")
        metadata: Any = caught.value.status()["metadata"]
        assert names(await room.get(f"configmaps?limit=3&continue={metadata['continue']}")) == [
            "c3",
            "c5",
            "c6",
        ]

    run(body)


def test_the_past() -> None:
    async def body(room: Room) -> None:
        await filled(room, 3)
        await room.delete("configmaps/c1")
        then = await room.get("configmaps?resourceVersion=4&resourceVersionMatch=Exact")
        assert (names(then), then["metadata"]["resourceVersion"]) == (["c0", "c1", "c2"], "4")
        assert names(await room.get("configmaps?resourceVersion=3&limit=5")) == ["c0", "c1"]
        assert names(await room.get("configmaps?resourceVersion=4")) == ["c0", "c2"]
        assert names(await room.get("configmaps?resourceVersion=0")) == ["c0", "c2"]
        odd = await room.get("configmaps?resourceVersion=4&resourceVersionMatch=Exact&labelSelector=odd=1")
        assert names(odd) == ["c1"]
        await room.store.compact(5)
        with pytest.raises(ApiError, match="The resourceVersion for the provided list is too old"):
            await room.get("configmaps?resourceVersion=4&resourceVersionMatch=Exact")

    run(body)


def test_the_future_is_waited_for_a_little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "WAIT", 0.01)

    async def body(room: Room) -> None:
        with pytest.raises(ApiError) as caught:
            await room.get("configmaps?resourceVersion=99")
        assert caught.value.code == 504
        assert caught.value.message == "Timeout: Too large resource version: 99, current: 1"
        with pytest.raises(ApiError, match="Too large resource version"):
            await room.get("configmaps/a?resourceVersion=99")

    run(body)


@pytest.mark.parametrize(
    "token", ["abc", "e30", listing.write_token(0, "a"), listing.write_token(5, "a/../b"), "x" * 9999]
)
def test_tokens_that_are_none(token: str) -> None:
    with pytest.raises(ApiError, match="continue key is not valid"):
        listing.read_token(token)


def test_tokens_go_there_and_back() -> None:
    assert listing.read_token(listing.write_token(7, "a\0")) == (7, "a\0")


def test_tables() -> None:
    async def body(room: Room) -> None:
        await filled(room, 2)
        table = await room.get("configmaps", accept=TABLE)
        assert table["kind"] == "Table"
        assert [c["name"] for c in table["columnDefinitions"]] == ["Name", "Data", "Age"]
        assert [row["cells"] for row in table["rows"]] == [["c0", 1, "0s"], ["c1", 1, "0s"]]
        assert table["rows"][0]["object"]["kind"] == "PartialObjectMetadata"
        paged = await room.get("configmaps?limit=1&includeObject=None", accept=TABLE)
        assert paged["metadata"]["continue"]
        assert paged["rows"][0]["object"] is None
        partial = await room.get("configmaps", accept=PARTIAL)
        assert partial["kind"] == "PartialObjectMetadataList"
        assert list(partial["items"][0]) == ["kind", "apiVersion", "metadata"]

    run(body)


def test_long_lists_are_compressed() -> None:
    async def body(room: Room) -> None:
        for number in range(40):
            await room.post("configmaps", config_map(f"c{number}", {"k": "v" * 5000}))
        plain = await room.ask("GET configmaps")
        packed = await room.ask("GET configmaps", accept_encoding="gzip")
        assert ("Content-Encoding", "gzip") in packed.headers
        assert gzip.decompress(packed.body) == plain.body
        part = await room.ask("GET configmaps?limit=30", accept_encoding="gzip")
        assert len(json.loads(gzip.decompress(part.body))["items"]) == 30
        short = await room.ask("GET configmaps?fieldSelector=metadata.name=c1", accept_encoding="gzip")
        assert len(json.loads(short.body)["items"]) == 1

    run(body)


def test_versions_and_interfaces_of_one_resource() -> None:
    async def body(room: Room) -> None:
        involved = {"involvedObject": {"kind": "Pod", "name": "p", "namespace": "default"}}
        await room.post("events", {"metadata": {"name": "e"}, "reason": "R", "message": "M", **involved})
        newer = await room.get(
            "/apis/events.k8s.io/v1/namespaces/default/events?fieldSelector=regarding.name=p"
        )
        assert newer["items"][0]["note"] == "M"
        assert newer["items"][0]["apiVersion"] == "events.k8s.io/v1"

    run(body)
