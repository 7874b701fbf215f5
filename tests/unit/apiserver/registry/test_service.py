from __future__ import annotations

from typing import Any

import pytest

from wherry.api.errors import ApiError
from wherry.apiserver.attributes import RequestInfo, User
from wherry.http.messages import Request, Response

from .room import PARTIAL, TABLE, Room, config_map, run


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("GET nosuch", 404),
        ("GET /apis/no.such/v1/things", 404),
        ("GET configmaps/a/status", 404),
        ("GET pods/a/nonsense", 404),
        ("PUT pods/a/binding", 405),
        ("DELETE /api/v1/namespaces", 405),
        ("POST configmaps/a", 405),
        ("PUT configmaps", 405),
        ("GET bindings", 405),
    ],
)
def test_what_is_not_served(line: str, code: int) -> None:
    async def body(room: Room) -> None:
        with pytest.raises(ApiError) as caught:
            await room.ask(line, {})
        assert caught.value.code == code

    run(body)


def test_connectors_come_first() -> None:
    seen: list[str] = []

    async def answer(info: RequestInfo, request: Request, user: User) -> Response:
        seen.append(f"{info.verb} {info.resource}/{info.subresource}")
        return Response(body=b"logs")

    async def body(room: Room) -> None:
        assert (await room.ask("GET pods/p/log")).body == b"logs"
        await room.ask("POST /apis/authorization.k8s.io/v1/subjectaccessreviews", {})
        assert seen == ["get pods/log", "create subjectaccessreviews/"]

    connectors: Any = {("pods", "log"): answer, ("subjectaccessreviews.authorization.k8s.io", ""): answer}
    run(body, (), connectors)


def test_direct_calls() -> None:
    async def body(room: Room) -> None:
        registry = room.registry
        made = await registry.create("configmaps", config_map("a"), "default")
        assert made["metadata"]["managedFields"][0]["manager"] == "kube-apiserver"
        found = registry.reader.get("configmaps", "a", "default")
        assert found == made
        done = await registry.update("configmaps", {**made, "data": {"x": "y"}}, "default")
        assert (await registry.get("configmaps", "a", "default")) == done
        assert registry.reader.list("configmaps") == [done]
        await registry.delete("configmaps", "a", "default")
        assert registry.reader.get("configmaps", "a", "default") is None
        with pytest.raises(ApiError, match="not found"):
            await registry.get("configmaps", "a", "default")
        with pytest.raises(ApiError, match="could not find the requested resource"):
            await registry.get("nonsense", "a")

    run(body)


def test_the_reader_of_what_it_does_not_know() -> None:
    async def body(room: Room) -> None:
        assert room.registry.reader.get("nonsense", "a") is None
        assert room.registry.reader.list("nonsense") == []
        assert room.registry.reader.list("events.events.k8s.io", "default") == []

    run(body)


def test_admission_may_be_set_later() -> None:
    async def body(room: Room) -> None:
        assert room.registry.admission == ()
        room.registry.admission = []
        await room.post("configmaps", config_map("a"))

    run(body)


def test_a_new_registry_finds_what_is_there() -> None:
    async def body(room: Room) -> None:
        made = await room.post("configmaps", config_map("a"))
        other = Room()
        other.store = room.store
        registry = type(room.registry)(room.store, room.registry._core.env, room.registry._core.scheme, {})
        await registry.start()
        assert await registry.get("configmaps", "a", "default") == made
        await registry.stop()

    run(body)


def test_documents_nested_without_end() -> None:
    async def body(room: Room) -> None:
        deep = b'{"metadata":{"name":"a"},"x":' + b"[" * 50_000 + b"]" * 50_000 + b"}"
        with pytest.raises(ApiError) as caught:
            await room.ask("POST configmaps", deep)
        assert caught.value.code == 400

    run(body)


def test_get_in_other_forms() -> None:
    async def body(room: Room) -> None:
        await room.post("configmaps", config_map("a"))
        assert (await room.get("configmaps/a", accept=PARTIAL))["kind"] == "PartialObjectMetadata"
        table = await room.get("configmaps/a?includeObject=Object", accept=TABLE)
        assert table["rows"][0]["object"]["data"] == {"k": "v"}
        assert (await room.ask("GET configmaps/a", accept="application/yaml")).body.startswith(
            b"apiVersion: v1"
        )
        with pytest.raises(ApiError, match="Not Acceptable"):
            await room.ask("GET configmaps/a", accept="text/html")

    run(body)
