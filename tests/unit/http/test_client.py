"""Against a server that is a script: it reads requests and writes exactly the bytes a test wants."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from wherry.http import client as client_module
from wherry.http.client import HttpClient
from wherry.http.exchange import HIGH_WATER, HttpError


class Connection:
    def __init__(self, server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._server, self._reader, self.writer = server, reader, writer

    async def request(self) -> str:
        """The next request line; IncompleteReadError when the client hung up."""
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
        length = next((line[16:] for line in head.split("\r\n") if line.startswith("content-length: ")), "0")
        self._server.bodies.append(await self._reader.readexactly(int(length)))
        line = head.split("\r\n", 1)[0].removesuffix(" HTTP/1.1")
        self._server.requests.append(line)
        return line

    async def write(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, body: bytes, status: str = "200 OK", more: str = "") -> None:
        head = f"HTTP/1.1 {status}\r\ncontent-type: text/x\r\ncontent-length: {len(body)}\r\n{more}\r\n"
        await self.write(head.encode() + body)

    async def gone(self) -> None:
        assert await self._reader.read() == b""


class Server:
    def __init__(self) -> None:
        self.requests: list[str] = []
        self.bodies: list[bytes] = []
        self.connections = 0
        self.failures: list[BaseException] = []


Script = Callable[[Connection], Awaitable[None]]


def talk(script: Script, test: Callable[[HttpClient, Server], Awaitable[None]], limit: int = 16) -> None:
    async def main() -> None:
        state = Server()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            state.connections += 1
            try:
                await script(Connection(state, reader, writer))
            except (asyncio.IncompleteReadError, ConnectionError):
                pass
            except AssertionError as error:
                state.failures.append(error)
            finally:
                writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        http = HttpClient("127.0.0.1", server.sockets[0].getsockname()[1], limit=limit)
        try:
            async with asyncio.timeout(5):
                await test(http, state)
        finally:
            await http.close()
            server.close()
            await server.wait_closed()
        assert state.failures == []

    asyncio.run(main())


async def echo(connection: Connection) -> None:
    while True:
        line = await connection.request()
        await connection.answer(line.encode())


def test_one_connection_serves_many() -> None:
    async def test(http: HttpClient, server: Server) -> None:
        for number in range(3):
            response = await http.request("GET", f"/{number}?a=b", {"accept": "x"})
            assert (response.status, response.body) == (200, f"GET /{number}?a=b".encode())
            assert response.content_type == "text/x" and response.stream is None
        await http.request("POST", "/p", body=b"12345")
        assert server.bodies[-1] == b"12345"
        assert server.connections == 1

    talk(echo, test)


def test_at_once_no_more_than_the_limit() -> None:
    async def test(http: HttpClient, server: Server) -> None:
        await asyncio.gather(*[http.request("GET", f"/{number}") for number in range(20)])
        assert server.connections <= 3 and len(server.requests) == 20

    talk(echo, test, limit=3)


async def twice_then_gone(connection: Connection) -> None:
    await connection.request()
    await connection.answer(b"first")
    await connection.request()


def test_a_get_on_a_stale_connection_is_sent_again() -> None:
    async def test(http: HttpClient, server: Server) -> None:
        assert (await http.request("GET", "/a")).body == b"first"
        assert (await http.request("GET", "/b")).body == b"first"
        assert server.requests == ["GET /a", "GET /b", "GET /b"]

    talk(twice_then_gone, test)


def test_a_post_never_is() -> None:
    async def test(http: HttpClient, server: Server) -> None:
        await http.request("GET", "/a")
        with pytest.raises(ConnectionError):
            await http.request("POST", "/b", body=b"x")
        assert server.requests == ["GET /a", "POST /b"]

    talk(twice_then_gone, test)


def test_a_fresh_connection_that_breaks_is_an_error() -> None:
    async def script(connection: Connection) -> None:
        await connection.request()

    async def test(http: HttpClient, server: Server) -> None:
        with pytest.raises(ConnectionError):
            await http.request("GET", "/a")
        assert server.connections == 1

    talk(script, test)


def test_connection_close_is_obeyed() -> None:
    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.answer(b"x", more="connection: close\r\n")

    async def test(http: HttpClient, server: Server) -> None:
        await http.request("GET", "/a")
        await http.request("GET", "/b")
        assert server.connections == 2

    talk(script, test)


def test_a_body_may_end_with_the_connection_only_if_nothing_was_said() -> None:
    async def script(connection: Connection) -> None:
        line = await connection.request()
        length = "content-length: 100\r\n" if line == "GET /short" else ""
        await connection.write(f"HTTP/1.1 200 OK\r\n{length}\r\nsome".encode())

    async def test(http: HttpClient, server: Server) -> None:
        assert (await http.request("GET", "/open")).body == b"some"
        with pytest.raises(ConnectionError):
            await http.request("GET", "/short")

    talk(script, test)


def test_interim_responses_are_skipped() -> None:
    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.write(b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n")
        await connection.answer(b"real", "201 Created")

    async def test(http: HttpClient, server: Server) -> None:
        response = await http.request("GET", "/a")
        assert (response.status, response.body) == (201, b"real")
        assert "link" not in dict(response.headers)

    talk(script, test)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"SSH-2.0-OpenSSH\r\n", "malformed"),
        (b"HTTP/1.1 200 OK\r\nx: " + b"y" * 300_000 + b"\r\n\r\n", "head"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2000\r\n\r\n" + b"x" * 2000, "larger than 1000"),
    ],
)
def test_what_is_too_much_or_no_http(data: bytes, message: str) -> None:
    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.write(data)
        await connection.gone()

    async def test(http: HttpClient, server: Server) -> None:
        with pytest.raises(HttpError, match=message):
            await http.request("GET", "/a", max_body=1000)

    talk(script, test)


@pytest.mark.parametrize("together", [True, False])
def test_data_without_a_request_ends_the_connection(together: bool) -> None:
    async def script(connection: Connection) -> None:
        await connection.request()
        response = b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx"
        await connection.write(response + response if together else response)
        await connection.write(b"" if together else response)
        await connection.gone()

    async def test(http: HttpClient, server: Server) -> None:
        await http.request("GET", "/a")
        while http._idle and http._idle[0].usable:
            await asyncio.sleep(0)
        await http.request("GET", "/b")
        assert server.connections == 2

    talk(script, test)


def test_a_timeout_and_a_cancellation_close_the_connection() -> None:
    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.gone()

    async def test(http: HttpClient, server: Server) -> None:
        with pytest.raises(TimeoutError, match="no response"):
            await http.request("GET", "/a", timeout=0.01)
        task = asyncio.create_task(http.request("GET", "/b"))
        while len(server.requests) < 2:
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    talk(script, test)


def test_nobody_there() -> None:
    async def main() -> None:
        http = HttpClient("127.0.0.1", 1)
        with pytest.raises(ConnectionRefusedError):
            await http.request("GET", "/")
        await http.close()
        with pytest.raises(ConnectionAbortedError):
            await http.request("GET", "/")

    asyncio.run(main())


@pytest.mark.parametrize("target", ["", "x", "/a b", "/a\r\nx: y", "/\u00e9"])
def test_targets_cannot_smuggle(target: str) -> None:
    async def main() -> None:
        http = HttpClient("127.0.0.1", 1)
        with pytest.raises(ValueError, match="target"):
            await http.request("GET", target)
        with pytest.raises(ValueError, match="header"):
            await http.request("GET", "/", {"x": "a\r\nb: c"})

    asyncio.run(main())


CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


def test_a_stream_hands_over_what_comes() -> None:
    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.write(CHUNKED + b"3\r\none\r\n")
        await connection.request()

    async def slow(connection: Connection) -> None:
        await connection.request()
        await connection.write(CHUNKED)
        for piece in (b"one", b"two"):
            await connection.write(b"3\r\n" + piece + b"\r\n")
        await connection.write(b"0\r\n\r\n")
        await echo(connection)

    async def test(http: HttpClient, server: Server) -> None:
        response = await http.request("GET", "/watch", stream=True)
        assert response.stream is not None and response.body == b""
        assert b"".join([piece async for piece in response.stream]) == b"onetwo"
        assert (await http.request("GET", "/next")).body == b"GET /next"
        assert server.connections == 1

    talk(slow, test)

    async def left(http: HttpClient, server: Server) -> None:
        response = await http.request("GET", "/watch", stream=True)
        assert response.stream is not None
        assert await anext(response.stream) == b"one"
        await response.stream.aclose()  # type: ignore[attr-defined]
        while http._all:
            await asyncio.sleep(0)

    talk(script, left)


def test_streams_do_not_count_against_the_limit() -> None:
    async def script(connection: Connection) -> None:
        if "watch" in await connection.request():
            await connection.write(CHUNKED)
            await connection.gone()
        await connection.answer(b"ok")

    async def test(http: HttpClient, server: Server) -> None:
        streams = [await http.request("GET", "/watch", stream=True) for _ in range(5)]
        assert (await http.request("GET", "/a")).body == b"ok"
        assert len(streams) == 5

    talk(script, test, limit=1)


def test_a_stream_that_breaks_says_so_after_what_came() -> None:
    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.write(CHUNKED + b"3\r\none\r\n")

    async def test(http: HttpClient, server: Server) -> None:
        response = await http.request("GET", "/watch", stream=True)
        assert response.stream is not None
        assert await anext(response.stream) == b"one"
        for _ in range(2):
            with pytest.raises(ConnectionError):
                await anext(response.stream)

    talk(script, test)


def test_a_refused_stream_has_a_body() -> None:
    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.answer(b"{}", "410 Gone")

    async def test(http: HttpClient, server: Server) -> None:
        response = await http.request("GET", "/watch", stream=True)
        assert (response.status, response.body, response.stream) == (410, b"{}", None)

    talk(script, test)


def test_a_slow_reader_stops_the_writer() -> None:
    total = 64 * HIGH_WATER
    sent = 0

    async def script(connection: Connection) -> None:
        nonlocal sent
        await connection.request()
        await connection.write(f"HTTP/1.1 200 OK\r\ncontent-length: {total}\r\n\r\n".encode())
        while sent < total:
            await connection.write(b"x" * HIGH_WATER)
            sent += HIGH_WATER

    async def test(http: HttpClient, server: Server) -> None:
        response = await http.request("GET", "/big", stream=True)
        assert response.stream is not None
        before = -1
        while before != sent:
            before = sent
            for _ in range(50):
                await asyncio.sleep(0)
        assert sent < total
        assert sum([len(piece) async for piece in response.stream]) == total

    talk(script, test)


def test_unused_connections_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "IDLE_SECONDS", 0.01)

    async def test(http: HttpClient, server: Server) -> None:
        await asyncio.gather(*[http.request("GET", "/") for _ in range(4)])
        assert server.connections == 4
        while http._all:
            await asyncio.sleep(0)
        assert (await http.request("GET", "/")).status == 200

    talk(echo, test)
