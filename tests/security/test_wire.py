"""HTTP as an attacker speaks it: two readings of one message, floods, and clients that don't go on."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import resource
import socket
import ssl
from io import BufferedReader
from typing import Any

import pytest

from kit.apiserver import Server, exchange
from wherry.http.messages import Request, Response
from wherry.http.requests import Limits
from wherry.http.server import HttpServer

GET = b"GET /api/v1/namespaces/none/configmaps/x HTTP/1.1\r\nHost: a\r\n"
POST = b"POST /api/v1/namespaces/none/configmaps HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
NEXT = b"DELETE /api/v1/namespaces/smuggled HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer x\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
EMPTY = b"\r\n2\r\n{}\r\n0\r\n\r\n"


def statuses(server: Server, data: bytes) -> list[int]:
    """Of all answers on one connection, up to the one that says it is the last."""
    credentials = f"Authorization: Bearer {server.token}\r\n".encode()
    end = b"GET /version HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    found: list[int] = []
    with server.connect() as connection:
        with contextlib.suppress(ConnectionResetError, BrokenPipeError, ssl.SSLError):
            connection.sendall(data.replace(b"@", credentials) + end)
        reader = connection.makefile("rb")
        closing = False
        while not closing:
            status, closing = _answer(reader)
            found.append(status)
        reader.close()
    return found


def _answer(reader: BufferedReader) -> tuple[int, bool]:
    """The status of the next answer, and whether it is the last."""
    status = int(reader.readline().split()[1])
    headers = http.client.parse_headers(reader)
    reader.read(int(headers.get("Content-Length", 0)))
    return status, headers.get("Connection") == "close"


AMBIGUOUS = {
    "a length and chunks": POST + b"@Content-Length: 4\r\n" + CHUNKED + EMPTY,
    "chunks and a length": POST + b"@" + CHUNKED + b"Content-Length: 60\r\n\r\n0\r\n\r\n",
    "two lengths": POST + b"@Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}a",
    "a list of lengths": POST + b"@Content-Length: 2, 2\r\n\r\n{}",
    "a negative length": POST + b"@Content-Length: -1\r\n\r\n{}",
    "a signed length": POST + b"@Content-Length: +2\r\n\r\n{}",
    "a length in hex": POST + b"@Content-Length: 0x2\r\n\r\n{}",
    "a length with a line": POST + b"@Content-Length: 1_0\r\n\r\n{}",
    "an endless length": POST + b"@Content-Length: 99999999999999999999999\r\n\r\n{}",
    "no length": POST + b"@Content-Length: \r\n\r\n{}",
    "almost chunked": POST + b"@Transfer-Encoding: xchunked\r\n" + EMPTY,
    "chunked twice": POST + b"@Transfer-Encoding: chunked, chunked\r\n" + EMPTY,
    "compressed and chunked": POST + b"@Transfer-Encoding: gzip, chunked\r\n" + EMPTY,
    "chunked and not": POST + b"@" + CHUNKED + b"Transfer-Encoding: identity\r\n" + EMPTY,
    "a blank before the colon": POST + b"@Transfer-Encoding : chunked\r\n" + EMPTY,
    "a tab of another kind": POST + b"@Transfer-Encoding: \x0bchunked\r\n" + EMPTY,
    "chunks in HTTP/1.0": POST.replace(b"1.1", b"1.0") + b"@" + CHUNKED + EMPTY,
    "bare line feeds": (GET + b"Accept: */*\r\n\r\n").replace(b"\r\n", b"\n"),
    "one bare line feed": GET + b"@X: y\nZ: w\r\n\r\n",
    "a bare carriage return": GET + b"@X: y\rZ: w\r\n\r\n",
    "a folded header": GET + b"@X: y\r\n z\r\n\r\n",
    "a header without colon": GET + b"@Xy\r\n\r\n",
    "a header without name": GET + b"@: y\r\n\r\n",
    "NUL in a header": GET + b"@X: a\0b\r\n\r\n",
    "two hosts": GET + b"@Host: b\r\n\r\n",
    "a chunk too large to count": POST + b"@" + CHUNKED + b"\r\nFFFFFFFFFFFFFFFFF\r\n{}",
    "a negative chunk": POST + b"@" + CHUNKED + b"\r\n-1\r\n{}",
    "a chunk without its end": POST + b"@" + CHUNKED + b"\r\n2\r\n{}XX0\r\n\r\n",
    "chunks with line feeds": POST + b"@" + CHUNKED + b"\r\n2\n{}\n0\n\n",
    "no version": b"GET /version\r\n@\r\n",
    "another version": b"GET /version HTTP/2.0\r\nHost: a\r\n\r\n",
    "HTTP/2 itself": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "NUL in the path": b"GET /ver\0sion HTTP/1.1\r\nHost: a\r\n\r\n",
    "a blank in the path": b"GET /ver sion HTTP/1.1\r\nHost: a\r\n\r\n",
    "a broken escape in the path": b"GET /version%zz HTTP/1.1\r\nHost: a\r\n\r\n",
    "no HTTP": bytes(range(256)),
    "a long path": b"GET /" + b"a" * 2_000_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    "a long header": GET + b"@X: " + b"y" * 2_000_000 + b"\r\n\r\n",
    "many headers": GET + b"@" + b"".join(b"X-%d: y\r\n" % n for n in range(120_000)) + b"\r\n",
    "one header often": GET + b"@" + b"X: y\r\n" * 300_000 + b"\r\n",
    "many trailers": POST + b"@" + CHUNKED + b"\r\n2\r\n{}\r\n0\r\n" + b"X: y\r\n" * 300_000 + b"\r\n",
}


@pytest.mark.parametrize("what", AMBIGUOUS)
def test_what_can_be_read_in_two_ways_is_refused(what: str, server: Server) -> None:
    """...and ends the connection: no second request is found in it."""
    found = statuses(server, AMBIGUOUS[what] + NEXT)
    assert found in ([400], [431], [501], [505]), found


def test_trailers_are_no_headers(server: Server) -> None:
    trailers = b"\r\n2\r\n{}\r\n0\r\n@Impersonate-User: admin\r\n\r\n"
    assert statuses(server, POST + CHUNKED + trailers) == [403, 200]


def test_one_header_often_takes_no_time(server: Server) -> None:
    assert statuses(server, GET + b"@" + b"X: y\r\n" * 100_000 + b"\r\n") == [404, 200]


def test_requests_in_a_row_are_answered_in_order(server: Server) -> None:
    assert statuses(server, (GET + b"@\r\n" + POST + b"@Content-Length: 2\r\n\r\n{}") * 50) == [
        404,
        404,
    ] * 50 + [200]


def test_a_client_that_stops_sending_still_gets_its_answer(server: Server) -> None:
    """TLS has no half-closed connections in Python; closing right after sending is the nearest thing."""
    for _ in range(20):
        with server.connect() as connection:
            connection.sendall(server.head("POST", "/api/v1/namespaces/default/configmaps", {}, 100)[:-30])
        with server.connect() as connection:
            connection.sendall(server.head("GET", "/api/v1/pods?watch=1", {}, 0))
    assert server.alive()


def test_an_upgrade_that_nobody_wants(server: Server) -> None:
    upgrade = b"GET /version HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    assert statuses(server, upgrade) == [200, 200]


def test_no_tls_or_half_of_it(server: Server) -> None:
    address = ("127.0.0.1", server.port)
    opened = [socket.create_connection(address) for _ in range(50)]
    try:
        opened[0].sendall(b"GET /version HTTP/1.1\r\n\r\n")
        opened[1].sendall(b"\x16\x03\x01\x02\x00\x01")
        assert server.alive()
        with contextlib.suppress(ConnectionResetError):
            assert opened[0].recv(100) in (b"", opened[0].recv(0))
    finally:
        for connection in opened:
            connection.close()


def test_a_thousand_idle_connections(server: Server) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 2200:
        pytest.skip(f"only {hard} files may be open here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2200), hard))
    try:
        with contextlib.ExitStack() as opened:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            idle = [opened.enter_context(server.connect(context)) for _ in range(1000)]
            assert server.alive()
            for connection in (idle[0], idle[500], idle[-1]):
                assert exchange(connection, server.head("GET", "/version", {}, 0)).status == 200
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


# --- in this process, where a test need not wait for a limit to be over


class Later:
    """An event loop whose clock is ahead."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.ahead = 0.0

    def time(self) -> float:
        return self._loop.time() + self.ahead

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)


async def _hello(request: Request) -> Response:
    return Response(200, b"hello")


@pytest.mark.parametrize(
    ("pieces", "ends"),
    [
        ([], False),
        ([b"GET / HT"], True),
        ([b"GET / HT", b"TP/1.1\r\nX: ", b"y", b"y"], True),
        ([b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n"], True),
        ([b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n", b"a", b"b"], False),
    ],
)
def test_a_slow_head_is_not_waited_for(pieces: list[bytes], ends: bool) -> None:
    """A byte now and then does not keep a head alive: its whole time is bounded. A body only has to go
    on coming, and a connection on which nothing is asked may be silent."""

    async def check() -> None:
        server = HttpServer(_hello, limits=Limits(idle=1000.0, receive=30.0))
        await server.start("127.0.0.1")
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        while not server.connections:
            await asyncio.sleep(0)
        connection = next(iter(server.connections))
        later = Later(asyncio.get_running_loop())
        connection._loop = later  # type: ignore[assignment]
        for piece in pieces:
            connection.data_received(piece)
            later.ahead += 12.0
        connection.sweep(later.time() + 15.0 - (0 if len(pieces) > 1 else -20.0))
        if ends:
            assert await reader.read() == b""
        else:
            assert server.connections
        writer.close()
        await server.close(0)

    asyncio.run(check())
