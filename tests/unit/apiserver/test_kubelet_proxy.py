"""Subresources another server answers: what is checked first, what goes over the wire."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from wherry.api.errors import ApiError
from wherry.apiserver import proxy_target
from wherry.apiserver.attributes import User
from wherry.apiserver.kubelet_proxy import KubeletProxy
from wherry.apiserver.settings import KubeletSettings
from wherry.http.messages import HIJACKED, Request, Response
from wherry.http.server import HttpServer

from .world import Objects, info_of, refusal, request

ME = User("me")
PODS = "/api/v1/namespaces/a/pods"
Handler = Callable[[Request], Awaitable[Response]]


def world(port: int = 0) -> Objects:
    objects = Objects()
    two = {"initContainers": [{"name": "i"}], "containers": [{"name": "x"}, {"name": "y"}]}
    objects.add("pods", "two", "a", spec=two)
    objects.add("pods", "one", "a", spec={"containers": [{"name": "x"}]})
    objects.add("pods", "lost", "a", spec={"containers": [{"name": "x"}], "nodeName": "gone"})
    objects.add("pods", "web", "a", spec={"containers": [{"name": "x"}], "nodeName": "n"})
    addresses = [
        {"type": "ExternalIP", "address": "192.0.2.9"},
        {"type": "InternalIP", "address": "127.0.0.1"},
    ]
    endpoint = {"kubeletEndpoint": {"Port": port}}
    objects.add("nodes", "n", status={"addresses": addresses, "daemonEndpoints": endpoint})
    return objects


def call(line: str, objects: Objects | None = None, **headers: str) -> Response:
    asked = request(line, **headers)
    info = info_of(asked)
    proxy = KubeletProxy(objects or world(), random.Random(1), KubeletSettings())
    return asyncio.run(proxy.connectors()[info.resource, info.subresource](info, asked, ME))  # type: ignore[arg-type]


CHOICE = "a container name must be specified for pod two, choose one of: [i x y]"
RANGE = (
    'PodLogOptions "one" is invalid: [limitBytes: Invalid value: 0: must be greater than 0, []: Forbidden: '
    "at most one of `sinceTime` or `sinceSeconds` may be specified]"
)


@pytest.mark.parametrize(
    ("line", "reason", "message"),
    [
        (f"GET {PODS}/none/log", "NotFound", 'pods "none" not found'),
        (f"GET {PODS}/two/log", "BadRequest", CHOICE),
        (f"POST {PODS}/two/exec", "BadRequest", CHOICE),
        (f"GET {PODS}/two/log?container=z", "BadRequest", "container z is not valid for pod two"),
        (f"POST {PODS}/one/exec?command=ls", "BadRequest", "pod one does not have a host assigned"),
        (f"POST {PODS}/one/portforward", "BadRequest", "pod one does not have a host assigned"),
        (f"GET {PODS}/lost/log", "NotFound", 'pods "gone" not found'),
        (f"GET {PODS}/one/log?tailLines=x", "BadRequest", 'strconv.ParseInt: parsing "x": invalid syntax'),
        (
            f"GET {PODS}/one/log?tailLines=-1",
            "Invalid",
            'PodLogOptions "one" is invalid: tailLines: Invalid value: -1: must be greater than or equal '
            "to 0",
        ),
        (f"GET {PODS}/one/log?sinceSeconds=0&limitBytes=0&sinceTime=2020-01-01T00:00:00Z", "Invalid", RANGE),
        (
            f"POST {PODS}/one/log",
            "MethodNotAllowed",
            "the server does not allow this method on the requested resource",
        ),
        (f"POST {PODS}/web/exec?command=ls", "BadRequest", "Upgrade request required"),
        (f"GET {PODS}/one/proxy/", "BadRequest", "address not allowed"),
        ("GET /api/v1/nodes/none/proxy/", "NotFound", 'nodes "none" not found'),
        ("GET /api/v1/namespaces/a/services/none/proxy/", "NotFound", 'services "none" not found'),
    ],
)
def test_refusals(line: str, reason: str, message: str) -> None:
    with pytest.raises(ApiError) as error:
        call(line)
    assert refusal(error.value) == (reason, message)


def test_log_of_a_pod_without_a_node_is_empty() -> None:
    assert call(f"GET {PODS}/one/log").status == 204


def test_unreachable_kubelet() -> None:
    with pytest.raises(ApiError) as error:
        call(f"GET {PODS}/web/log", world(1))
    assert error.value.code == 500
    assert error.value.message == (
        'Get "https://127.0.0.1:1/containerLogs/a/web/x": dial tcp 127.0.0.1:1: connect: connection refused'
    )


def with_backend(handler: Handler, work: Callable[[KubeletProxy, HttpServer], Awaitable[Any]]) -> Any:
    """`work` with a proxy whose kubelet is `handler`, without TLS."""

    async def main() -> Any:
        backend = HttpServer(handler)
        await backend.start("127.0.0.1")
        proxy = KubeletProxy(world(backend.port), random.Random(1), KubeletSettings())
        proxy._links.kubelet_context = lambda: None  # type: ignore[method-assign,assignment,return-value]
        try:
            async with asyncio.timeout(10):
                return await work(proxy, backend)
        finally:
            await backend.close(0.2)

    return asyncio.run(main())


def test_log_is_streamed_from_the_kubelet() -> None:
    seen: list[Request] = []

    async def kubelet(asked: Request) -> Response:
        seen.append(asked)
        return Response(200, b"line 1\nline 2\n", "text/plain")

    async def work(proxy: KubeletProxy, backend: HttpServer) -> bytes:
        asked = request(f"GET {PODS}/web/log?follow=true&tailLines=3&container=x", authorization="Bearer t")
        response = await proxy.log(info_of(asked), asked, ME)
        assert (response.status, response.content_type) == (200, "text/plain")
        if response.stream is None:
            return response.body
        return b"".join([chunk async for chunk in response.stream])

    assert with_backend(kubelet, work) == b"line 1\nline 2\n"
    assert (seen[0].path, seen[0].query) == ("/containerLogs/a/web/x", "follow=true&tailLines=3")
    assert "authorization" not in seen[0].headers


@pytest.mark.parametrize(
    ("status", "reason"), [(400, "BadRequest"), (404, "NotFound"), (500, "InternalError")]
)
def test_the_kubelets_refusals_are_ours(status: int, reason: str) -> None:
    async def kubelet(asked: Request) -> Response:
        return Response(status, b"container is waiting\n", "text/plain")

    async def work(proxy: KubeletProxy, backend: HttpServer) -> None:
        asked = request(f"GET {PODS}/web/log")
        await proxy.log(info_of(asked), asked, ME)

    with pytest.raises(ApiError, match="container is waiting") as error:
        with_backend(kubelet, work)
    assert (error.value.code, error.value.reason) == (status, reason)


def test_exec_joins_the_connections() -> None:
    seen: list[Request] = []

    async def kubelet(asked: Request) -> Response:
        seen.append(asked)
        assert asked.hijack is not None
        raw = await asked.hijack()
        await raw.write(b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + await raw.read())
        return HIJACKED

    async def work(proxy: KubeletProxy, backend: HttpServer) -> bytes:
        async def front(asked: Request) -> Response:
            return await proxy.exec(info_of(asked), asked, ME)

        server = HttpServer(front)
        await server.start("127.0.0.1")
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(
            f"POST {PODS}/web/exec?command=sh&command=-c&stdin=true&stdout=1&stderr=false HTTP/1.1\r\n"
            "Connection: Upgrade\r\nUpgrade: SPDY/3.1\r\nAuthorization: Bearer t\r\n"
            "X-Stream-Protocol-Version: v4\r\nX-Stream-Protocol-Version: v3\r\n\r\nhello".encode()
        )
        got = await reader.read()
        writer.close()
        await server.close(0.2)
        return got

    assert with_backend(kubelet, work) == b"HTTP/1.1 101 Switching Protocols\r\n\r\nhello"
    assert (seen[0].path, seen[0].query) == ("/exec/a/web/x", "input=1&output=1&command=sh&command=-c")
    assert "authorization" not in seen[0].headers
    assert seen[0].headers["x-stream-protocol-version"] == "v4, v3"


def test_node_proxy_passes_the_rest_of_the_path() -> None:
    async def kubelet(asked: Request) -> Response:
        return Response(200, f"{asked.method} {asked.path}?{asked.query}".encode(), "text/x", (("X-A", "b"),))

    async def work(proxy: KubeletProxy, backend: HttpServer) -> Response:
        asked = request("GET /api/v1/nodes/n/proxy/stats/summary%20x?a=b")
        response = await proxy.node_proxy(info_of(asked), asked, ME)
        if response.stream is not None:
            response.body = b"".join([chunk async for chunk in response.stream])
        return response

    response = with_backend(kubelet, work)
    assert (response.body, response.content_type) == (b"GET /stats/summary%20x?a=b", "text/x")
    assert dict(response.headers)["x-a"] == "b"


def test_addresses_and_names() -> None:
    node = world(7)
    known = node.kept["nodes", "", "n"]
    assert proxy_target.kubelet_of(known, ("ExternalIP", "InternalIP"), 1).host == "192.0.2.9"
    with pytest.raises(ApiError, match="no preferred addresses found"):
        proxy_target.kubelet_of(known, ("Hostname",), 1)
    assert proxy_target.split_name("https:web:http") == ("https", "web", "http")
    assert proxy_target.split_name("web:80") == ("", "web", "80")
    with pytest.raises(ApiError):
        proxy_target.split_name("a:b:c:d")
    for bad in ("127.0.0.1", "169.254.1.1", "::1", "0.0.0.0", "224.0.0.1", "", "host"):
        with pytest.raises(ApiError, match="address not allowed"):
            proxy_target.proxyable(bad)


def test_service_target() -> None:
    ports = [{"name": "http", "port": 80}, {"name": "other", "port": 81}]
    service = {"metadata": {"name": "s"}, "spec": {"ports": ports}}
    part = {
        "endpoints": [
            {"addresses": ["10.0.0.1"], "conditions": {"ready": False}},
            {"addresses": ["10.0.0.2"], "conditions": {"ready": True}},
        ],
        "ports": [{"name": "http", "port": 8080}],
    }
    rng = random.Random(1)
    for port in ("http", "80"):
        found = proxy_target.service_target(service, [part], "", port, rng)
        assert (found.host, found.port, found.tls) == ("10.0.0.2", 8080, False)
    with pytest.raises(ApiError, match='no endpoints available for service "s"'):
        proxy_target.service_target(service, [part], "", "other", rng)
    with pytest.raises(ApiError, match="no service port"):
        proxy_target.service_target(service, [part], "", "", rng)
