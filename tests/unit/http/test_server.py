"""The HTTP server, over real sockets on loopback."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from wherry.http.messages import HIJACKED, Request, Response
from wherry.http.requests import Limits
from wherry.http.server import HttpServer

Talk = Callable[[HttpServer, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[Any]]


def run(handler: Callable[[Request], Awaitable[Response]], talk: Talk, **options: Any) -> Any:
    async def main() -> Any:
        server = HttpServer(handler, **options)
        await server.start("127.0.0.1")
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        try:
            async with asyncio.timeout(10):
                return await talk(server, reader, writer)
        finally:
            writer.close()
            await server.close(0.2)

    return asyncio.run(main())


async def answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    """One response with Content-Length."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return int(head[0].split()[1]), headers, body


async def echo(request: Request) -> Response:
    return Response(
        200,
        json.dumps(
            {
                "method": request.method,
                "path": request.path,
                "query": request.query,
                "headers": dict(request.headers),
                "body": request.body.decode(),
            }
        ).encode(),
    )


def test_request_and_response() -> None:
    async def talk(server: HttpServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(
            b"POST /a/b%20c?x=1&y HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 3\r\n\r\nabc"
        )
        status, headers, body = await answer(reader)
        assert status == 200
        assert headers["content-type"] == "application/json"
        assert headers["date"].endswith("gmt")
        seen = json.loads(body)
        assert (seen["method"], seen["path"], seen["query"], seen["body"]) == (
            "POST",
            "/a/b%20c",
            "x=1&y",
            "abc",
        )
        assert seen["headers"]["x-a"] == "1, 2"

    run(echo, talk)


def test_repeated_impersonate_group_keeps_commas_apart() -> None:
    async def talk(server: HttpServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"GET / HTTP/1.1\r\nImpersonate-Group: a, b\r\nImpersonate-Group: c\r\n\r\n")
        seen = json.loads((await answer(reader))[2])
        assert seen["headers"]["impersonate-group"] == "a, b\nc"

    run(echo, talk)


def test_chunked_request_and_keep_alive_and_split_bytes() -> None:
    async def talk(server: HttpServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(2):
            data = b"PUT /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n"
            for at in range(len(data)):
                writer.write(data[at : at + 1])
                await writer.drain()
            assert json.loads((await answer(reader))[2])["body"] == "abcdefg"

    run(echo, talk)


def test_pipelined_requests_are_answered_in_order() -> None:
    async def handler(request: Request) -> Response:
        if request.path.endswith("0"):
            await asyncio.sleep(0.01)
        return Response(200, request.path.encode())

    async def talk(server: HttpServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"".join(b"GET /%d HTTP/1.1\r\n\r\n" % i for i in range(40)))
        for i in range(40):
            assert (await answer(reader))[2] == b"/%d" % i

    run(handler, talk)


@pytest.mark.parametrize("declared", [True, False])
def test_too_large_body(declared: bool) -> None:
    async def talk(server: HttpServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if declared:
            writer.write(b"POST / HTTP/1.1\r\nContent-Length: 1000\r\n\r\n")
        else:
            writer.write(
                b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n" + b"x" * 100 + b"\r\n"
            )
        status, headers, body = await answer(reader)
        assert status == 413
        assert json.loads(body)["reason"] == "RequestEntityTooLarge"
        assert json.loads(body)["message"] == "Request entity too large: limit is 99"
        assert headers["connection"] == "close"

    run(echo, talk, limits=Limits(body=99))


def test_malformed_request_and_large_head() -> None:
    async def bad(server: HttpServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"NONSENSE\r\n\r\n")
        assert (await answer(reader))[0] == 400

    async def large(server: HttpServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"GET / HTTP/1.1\r\nX: " + b"y" * 5000)
        assert (await answer(reader))[0] == 431

    run(echo, bad)
    run(echo, large, limits=Limits(head=4000))


def test_expect_continue() -> None:
    async def talk(server: HttpServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"ok")
        assert json.loads((await answer(reader))[2])["body"] == "ok"

    run(echo, talk)


def test_head_and_bodiless_statuses() -> None:
    async def handler(request: Request) -> Response:
        return Response(204 if request.path == "/none" else 200, b"abc", "text/plain")

    async def talk(server: HttpServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HEAD /x HTTP/1.1\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"Content-Length: 3" in head
        writer.write(b"GET /none HTTP/1.1\r\nConnection: close\r\n\r\n")
        rest = await reader.read()
        assert rest.startswith(b"HTTP/1.1 204 No Content")
        assert b"Content-Length" not in rest

    run(handler, talk)


def test_handler_error_is_a_500_without_words() -> None:
    async def handler(request: Request) -> Response:
        raise RuntimeError("secret")

    async def talk(server: HttpServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        status, _, body = await answer(reader)
        assert (status, body) == (500, b"")

    run(handler, talk)


def test_stream_ends_with_its_client() -> None:
    closed = asyncio.Event()

    async def chunks() -> AsyncIterator[bytes]:
        try:
            yield b"one"
            yield b"two"
            await asyncio.sleep(3600)
        finally:
            closed.set()

    async def handler(request: Request) -> Response:
        return Response(200, stream=chunks())

    async def talk(server: HttpServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        assert b"Transfer-Encoding: chunked" in await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(16) == b"3\r\none\r\n3\r\ntwo\r\n"
        writer.close()
        await closed.wait()

    run(handler, talk)


def test_stream_waits_for_a_slow_reader() -> None:
    made = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal made
        for _ in range(1000):
            made += 1
            yield b"x" * 65536

    async def handler(request: Request) -> Response:
        return Response(200, stream=chunks())

    async def talk(server: HttpServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        for _ in range(100):
            await asyncio.sleep(0)
        assert made < 500
        rest = await reader.read()
        assert made == 1000
        assert rest.endswith(b"0\r\n\r\n")

    run(handler, talk)


def test_large_body_arrives_whole() -> None:
    body = bytes(range(256)) * 20000

    async def handler(request: Request) -> Response:
        return Response(200, body)

    async def talk(server: HttpServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(2):
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
            assert (await answer(reader))[2] == body

    run(handler, talk)


def test_writes_run_to_their_end_when_the_client_leaves() -> None:
    begun, done = asyncio.Event(), asyncio.Event()

    async def handler(request: Request) -> Response:
        begun.set()
        await asyncio.sleep(0.02)
        done.set()
        return Response()

    async def talk(server: HttpServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n")
        await begun.wait()
        writer.transport.abort()
        await done.wait()

    run(handler, talk)


def test_hijack_gives_the_bytes_after_the_head() -> None:
    async def handler(request: Request) -> Response:
        assert request.raw_head.startswith(b"POST /exec HTTP/1.1\r\nConnection: Upgrade\r\n")
        assert request.hijack is not None
        raw = await request.hijack()
        await raw.write(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
        while data := await raw.read():
            await raw.write(data.upper())
            if data.endswith(b"end"):
                break
        return HIJACKED

    async def talk(server: HttpServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"POST /exec HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\nearly")
        await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(5) == b"EARLY"
        writer.write(b"the end")
        assert await reader.read() == b"THE END"

    run(handler, talk)


def test_upgrade_that_nobody_takes_goes_on_as_http() -> None:
    async def talk(server: HttpServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"GET /1 HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\nGET /2 HTTP/1.1\r\n\r\n")
        assert json.loads((await answer(reader))[2])["path"] == "/1"
        assert json.loads((await answer(reader))[2])["path"] == "/2"

    run(echo, talk)


def test_close_ends_streams_cleanly_and_finishes_requests() -> None:
    async def forever() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.sleep(3600)

    async def handler(request: Request) -> Response:
        if request.path == "/watch":
            return Response(200, stream=forever())
        await asyncio.sleep(0.02)
        return Response(200, b"done")

    async def talk(server: HttpServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        other_reader, other = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET /watch HTTP/1.1\r\n\r\n")
        other.write(b"GET / HTTP/1.1\r\n\r\n")
        await reader.readuntil(b"1\r\nx\r\n")
        await server.close(5)
        assert await reader.read() == b"0\r\n\r\n"
        status, headers, body = await answer(other_reader)
        assert (status, headers["connection"], body) == (200, "close", b"done")
        with pytest.raises(OSError):
            await asyncio.open_connection("127.0.0.1", server.port)
        other.close()

    run(handler, talk)


def test_connections_are_bounded() -> None:
    async def talk(server: HttpServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        second, other = await asyncio.open_connection("127.0.0.1", server.port)
        assert await second.read() == b""
        other.close()
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        assert (await answer(reader))[0] == 200

    run(echo, talk, limits=Limits(connections=1))


def test_idle_connections_are_closed() -> None:
    async def talk(server: HttpServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        await answer(reader)
        now = asyncio.get_running_loop().time()
        for connection in list(server.connections):
            connection.sweep(now + 10)
            connection.sweep(now + 100)
        assert await reader.read() == b""

    run(echo, talk)
