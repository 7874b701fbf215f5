from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest

from wherry.api import errors
from wherry.api.errors import ApiError
from wherry.api.scheme import Resource, resource
from wherry.client.rest import Client
from wherry.client.transport import InProcessTransport
from wherry.http.messages import Request, Response
from wherry.testing import loop as virtual

PODS, NODES, SCALED = resource("pods"), resource("nodes"), resource("deployments.apps")


class Server:
    """Answers with what it was given, one after the other, and remembers the questions."""

    def __init__(self, *answers: Response) -> None:
        self.answers = list(answers)
        self.requests: list[Request] = []
        self.client = Client(InProcessTransport(self, "someone"), user_agent="tester/1")

    async def __call__(self, request: Request) -> Response:
        self.requests.append(request)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    @property
    def asked(self) -> tuple[str, str, str, Any]:
        one = self.requests[-1]
        return one.method, one.path, one.query, json.loads(one.body) if one.body else None


def answer(value: Any, status: int = 200, **headers: str) -> Response:
    return Response(status, json.dumps(value).encode(), headers=tuple(headers.items()))


def refusal(error: ApiError, **headers: str) -> Response:
    return answer(error.status(), error.code, **{**dict(error.headers), **headers})


POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "d"}}


def test_reading_is_typed() -> None:
    server = Server(answer({"metadata": {"name": "p"}, "spec": {"nodeName": "n"}, "unknown": 1}))
    pod = asyncio.run(server.client.get(PODS, "p", "d"))
    assert (pod.kind, pod.apiVersion, pod.spec.nodeName, pod.status.phase) == ("Pod", "v1", "n", None)
    assert server.asked == ("GET", "/api/v1/namespaces/d/pods/p", "", None)
    request = server.requests[0]
    assert request.headers == {"accept": "application/json", "user-agent": "tester/1"}
    assert request.peer.state == {"user": "someone"}


def test_kinds_not_built_in_are_plain() -> None:
    widgets = Resource("example.com", "v1", "widgets", "Widget", True)
    server = Server(answer({"metadata": {"name": "w"}, "spec": {"x": [1]}}))
    found = asyncio.run(server.client.get(widgets, "w", "d"))
    assert found["spec"] == {"x": [1]} and found["kind"] == "Widget"


def test_a_list_says_where_it_stands() -> None:
    meta = {"resourceVersion": "7", "continue": "next", "remainingItemCount": 3}
    server = Server(answer({"metadata": meta, "items": [{"metadata": {"name": "a"}}]}))
    client = server.client
    page = asyncio.run(
        client.list(PODS, "d", label_selector="a=b,c", field_selector="x!=y", limit=1, continue_="t")
    )
    assert [one.metadata.name for one in page.items] == ["a"]
    assert page.items[0].kind == "Pod"
    assert page[1:] == ("7", "next", 3)
    query = "labelSelector=a%3Db%2Cc&fieldSelector=x%21%3Dy&limit=1&continue=t"
    assert server.asked == ("GET", "/api/v1/namespaces/d/pods", query, None)


@pytest.mark.parametrize("items", [None, []])
def test_an_empty_list(items: Any) -> None:
    server = Server(answer({"metadata": {"resourceVersion": "7"}, "items": items}))
    assert asyncio.run(server.client.list(NODES)) == ([], "7", "", 0)


def test_metadata_only_asks_for_metadata() -> None:
    partial = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": {"name": "a"}}
    server = Server(answer({"metadata": {"resourceVersion": "7"}, "items": [partial]}))
    page = asyncio.run(server.client.list(PODS, metadata_only=True))
    assert page.items[0].kind == "Pod" and not hasattr(page.items[0], "spec")
    accept = server.requests[0].headers["accept"]
    assert accept.startswith("application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1")


def test_writing() -> None:
    server = Server(answer(POD))
    client = server.client

    async def main() -> None:
        await client.create(PODS, {"metadata": {"name": "p", "namespace": "d"}}, field_manager="m")
        assert server.asked == ("POST", "/api/v1/namespaces/d/pods", "fieldManager=m", POD)
        assert server.requests[-1].headers["content-type"] == "application/json"
        await client.update(PODS, POD, subresource="status")
        assert server.asked == ("PUT", "/api/v1/namespaces/d/pods/p/status", "", POD)
        await client.patch(PODS, "p", {"a": 1}, "d", kind="strategic")
        assert server.asked == ("PATCH", "/api/v1/namespaces/d/pods/p", "", {"a": 1})
        assert server.requests[-1].headers["content-type"] == "application/strategic-merge-patch+json"
        await client.patch(PODS, "p", [{"op": "test"}], "d", kind="json")
        assert server.requests[-1].headers["content-type"] == "application/json-patch+json"
        await client.patch(PODS, "p", POD, "d", kind="apply", force=True)
        assert server.asked[2] == "fieldManager=tester&force=true"
        await client.delete_collection(PODS, "d", label_selector="a=b")
        assert server.asked == ("DELETE", "/api/v1/namespaces/d/pods", "labelSelector=a%3Db", None)

    asyncio.run(main())


def test_deleting_with_conditions() -> None:
    server = Server(answer({"kind": "Status", "status": "Success"}))
    client = server.client

    async def main() -> None:
        await client.delete(NODES, "n")
        assert server.asked == ("DELETE", "/api/v1/nodes/n", "", None)
        await client.delete(
            PODS,
            "p",
            "d",
            uid="u",
            resource_version="5",
            grace_period_seconds=0,
            propagation_policy="Orphan",
        )
        assert server.asked[3] == {
            "kind": "DeleteOptions",
            "apiVersion": "v1",
            "gracePeriodSeconds": 0,
            "propagationPolicy": "Orphan",
            "preconditions": {"uid": "u", "resourceVersion": "5"},
        }

    asyncio.run(main())


def test_an_empty_name_is_never_the_collection() -> None:
    server = Server(answer({}))
    for call in (server.client.delete(PODS, "", "d"), server.client.get(PODS, "", "d")):
        with pytest.raises(ValueError, match="empty"):
            asyncio.run(call)
    assert server.requests == []


def test_a_subresource_answers_with_its_own_kind() -> None:
    scale = {"apiVersion": "autoscaling/v1", "kind": "Scale", "spec": {"replicas": 3}}
    server = Server(answer(scale))
    found = asyncio.run(server.client.get(SCALED, "web", "d", subresource="scale"))
    assert (found.kind, found.spec.replicas) == ("Scale", 3)

    server = Server(answer({"apiVersion": "v1", "kind": "Status", "status": "Success"}, 201))
    target = {"target": {"kind": "Node", "name": "n"}}
    done = asyncio.run(server.client.create(PODS, target, "d", name="p", subresource="binding"))
    assert done.status == "Success"
    assert server.asked == (
        "POST",
        "/api/v1/namespaces/d/pods/p/binding",
        "",
        {"apiVersion": "v1", "kind": "Binding", **target},
    )


def test_a_refusal_is_an_api_error() -> None:
    server = Server(refusal(errors.not_found("", "pods", "p")))
    with pytest.raises(ApiError, match='pods "p" not found') as caught:
        asyncio.run(server.client.get(PODS, "p", "d"))
    assert (caught.value.reason, caught.value.code) == ("NotFound", 404)


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [(502, b"<html>bad gateway", "InternalError"), (404, b"", "NotFound"), (401, b"{", "Unauthorized")],
)
def test_an_error_without_a_status_has_a_reason_too(status: int, body: bytes, reason: str) -> None:
    server = Server(Response(status, body))
    with pytest.raises(ApiError) as caught:
        asyncio.run(server.client.get(PODS, "p", "d"))
    assert (caught.value.reason, caught.value.code) == (reason, status)


def test_retry_after_is_honoured() -> None:
    busy = refusal(errors.too_many_requests("busy", 3))
    server = Server(busy, busy, answer(POD))

    async def main() -> float:
        await server.client.get(PODS, "p", "d")
        return asyncio.get_running_loop().time()

    assert virtual.run(main(), autojump=True) == 6.0
    assert len(server.requests) == 3


def test_retries_have_an_end() -> None:
    server = Server(refusal(errors.too_many_requests("busy", 1)))
    with pytest.raises(ApiError, match="busy"):
        virtual.run(server.client.get(PODS, "p", "d"), autojump=True)
    assert len(server.requests) == 11


def test_without_retry_after_nothing_is_retried() -> None:
    server = Server(refusal(errors.unavailable("starting")))
    with pytest.raises(ApiError, match="starting"):
        asyncio.run(server.client.get(PODS, "p", "d"))
    assert len(server.requests) == 1


def event(kind: str, name: str = "", **more: Any) -> bytes:
    return json.dumps({"type": kind, "object": {"metadata": {"name": name}, **more}}).encode() + b"\n"


def watching(*chunks: bytes) -> tuple[Server, list[str]]:
    log: list[str] = []

    async def stream() -> AsyncIterator[bytes]:
        try:
            for chunk in chunks:
                yield chunk
                log.append("asked on")
            await asyncio.get_running_loop().create_future()
        finally:
            log.append("closed")

    return Server(Response(stream=stream())), log


def test_watch_events_come_however_they_are_cut() -> None:
    data = event("ADDED", "a") + event("MODIFIED", "b") + b"\n" + event("BOOKMARK")
    for size in (1, 7, len(data)):
        pieces = [data[at : at + size] for at in range(0, len(data), size)]
        server, log = watching(*pieces)

        async def main(server: Server = server) -> list[tuple[str, str | None]]:
            found = []
            async with aclosing(server.client.watch(PODS, resource_version="5")) as events:
                async for one in events:
                    found.append((one.type, one.object.metadata.name))
                    if one.type == "BOOKMARK":
                        break
            return found

        assert asyncio.run(main()) == [("ADDED", "a"), ("MODIFIED", "b"), ("BOOKMARK", "")]
        assert log[-1] == "closed"
        assert server.asked[2] == "watch=true&allowWatchBookmarks=true&resourceVersion=5"


def test_an_error_event_is_raised() -> None:
    status = errors.expired("too old resource version: 1 (5)").status()
    data = json.dumps({"type": "ERROR", "object": status}).encode() + b"\n"
    server, log = watching(event("ADDED", "a"), data)

    async def main() -> None:
        async for _ in server.client.watch(PODS, resource_version="1"):
            pass

    with pytest.raises(ApiError) as caught:
        asyncio.run(main())
    assert (caught.value.reason, caught.value.code) == ("Expired", 410)
    assert log[-1] == "closed"


def test_a_cancelled_watch_closes_the_stream() -> None:
    server, log = watching(event("ADDED", "a"))

    async def main() -> None:
        async def read() -> None:
            async with aclosing(server.client.watch(PODS, resource_version="1")) as events:
                async for _ in events:
                    pass

        task = asyncio.create_task(read())
        await virtual.settle()
        assert log == ["asked on"]
        task.cancel()
        await asyncio.wait([task])
        assert log == ["asked on", "closed"]

    virtual.run(main())


def test_a_streamed_answer_to_a_plain_question_is_collected() -> None:
    async def stream() -> AsyncIterator[bytes]:
        for piece in (b'{"metadata":', b'{"name":"p"}}'):
            yield piece

    server = Server(Response(stream=stream()))
    assert asyncio.run(server.client.get(PODS, "p", "d")).metadata.name == "p"


def test_raw_gives_whatever_came() -> None:
    server = Server(Response(500, b"[-]etcd failed", "text/plain"))
    response = asyncio.run(server.client.raw("GET", "/readyz", query="verbose", accept="*/*"))
    assert (response.status, response.body) == (500, b"[-]etcd failed")
    assert server.asked[:3] == ("GET", "/readyz", "verbose")
