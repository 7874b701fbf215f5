"""A small HTTP/1.1 client for one origin: keep-alive connections, whole or streamed responses.

    client = HttpClient("127.0.0.1", 6443, tls=context)
    response = await client.request("GET", "/version")
    response = await client.request("GET", "/api/v1/pods?watch=1", stream=True)   # response.stream

Promises: at most `limit` whole-body requests at once (more wait their turn, in order); a stream has a
connection of its own and does not count, so that watches never starve requests; a GET that found its
kept connection dead is sent once more on a fresh one, other methods never. What fails is an OSError
(TimeoutError and ConnectionError are some). No redirects, no cookies, no HEAD, no proxies.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from typing import TYPE_CHECKING

from wherry.http.exchange import Connection
from wherry.http.messages import Response

if TYPE_CHECKING:
    import ssl

MAX_BODY = 512 * 1024 * 1024
IDLE_SECONDS = 15.0
"""A connection unused this long is closed: an idle TLS connection holds 60 (uvloop) to 300 kB."""

_KEEP_ALIVE = (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3), ("TCP_USER_TIMEOUT", 60_000))


class HttpClient:
    def __init__(
        self,
        host: str,
        port: int,
        *,
        tls: ssl.SSLContext | None = None,
        server_hostname: str = "",
        limit: int = 16,
        connect_timeout: float = 10.0,
    ) -> None:
        self._host, self._port = host, port
        self._tls = tls
        self._server_hostname = (server_hostname or host) if tls is not None else None
        self._connect_timeout = connect_timeout
        self._slots = asyncio.Semaphore(limit)
        self._idle: list[Connection] = []
        self._all: dict[Connection, None] = {}
        self._sweeper: asyncio.TimerHandle | None = None
        self._closed = False
        name = f"[{host}]" if ":" in host else host
        self._host_line = f"host: {name}:{port}\r\n"

    async def request(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        *,
        stream: bool = False,
        timeout: float = 60.0,
        max_body: int = MAX_BODY,
    ) -> Response:
        """`target` is path and query, already encoded. `timeout` is for the whole response, or for the
        head of a streamed one. With `stream` a success has `Response.stream`, anything else `body`."""
        data = self._encode(method, target, headers or {}, body)
        if stream:
            return await self._send(method, data, stream, timeout, max_body)
        async with self._slots:
            return await self._send(method, data, stream, timeout, max_body)

    async def close(self) -> None:
        """Closes every connection, streams included."""
        self._closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        self._idle.clear()
        connections = list(self._all)
        for connection in connections:
            connection.abort(ConnectionAbortedError("the client was closed"))
        for connection in connections:
            await connection.closed

    async def _send(self, method: str, data: bytes, stream: bool, timeout: float, limit: int) -> Response:
        connection = self._take() or await self._connect()
        while True:
            try:
                return await self._exchange(connection, data, stream, timeout, limit)
            except ConnectionError:
                stale = connection.exchanges > 1 and not connection.answered
                if method != "GET" or not stale or self._closed:
                    raise
            connection = await self._connect()

    async def _exchange(
        self, connection: Connection, data: bytes, stream: bool, timeout: float, limit: int
    ) -> Response:
        answer = connection.exchange(data, streaming=stream, max_body=limit)
        timer = asyncio.get_running_loop().call_later(
            timeout, connection.abort, TimeoutError(f"no response within {timeout:g} s")
        )
        try:
            return await answer
        except asyncio.CancelledError:
            if answer.cancelled():  # else it was done, and the connection may be another's by now
                connection.abort(ConnectionAbortedError("the request was cancelled"))
            raise
        finally:
            timer.cancel()

    def _take(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.usable:
                return connection
        return None

    async def _connect(self) -> Connection:
        if self._closed:
            raise ConnectionAbortedError("the client was closed")
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(self._connect_timeout):
            transport, connection = await loop.create_connection(
                lambda: Connection(loop, self._free),
                self._host,
                self._port,
                ssl=self._tls,
                server_hostname=self._server_hostname,
            )
        _keep_alive(transport.get_extra_info("socket"))
        self._all[connection] = None
        connection.closed.add_done_callback(lambda _: self._all.pop(connection, None))
        return connection

    def _free(self, connection: Connection) -> None:
        loop = asyncio.get_running_loop()
        connection.idle_since = loop.time()
        self._idle.append(connection)
        if self._sweeper is None and not self._closed:
            self._sweeper = loop.call_later(IDLE_SECONDS, self._sweep)

    def _sweep(self) -> None:
        """The list is a stack, so the longest unused are in front."""
        loop = asyncio.get_running_loop()
        self._sweeper = None
        oldest = loop.time() - IDLE_SECONDS
        while self._idle and self._idle[0].idle_since <= oldest:
            self._idle.pop(0).close()
        if self._idle:
            self._sweeper = loop.call_at(self._idle[0].idle_since + IDLE_SECONDS, self._sweep)

    def _encode(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> bytes:
        if not (target.startswith("/") and target.isascii() and target.isprintable()) or " " in target:
            raise ValueError(f"not a request target: {target!r}")
        lines = [f"{method} {target} HTTP/1.1\r\n", self._host_line]
        for name, value in headers.items():
            if not value.isprintable():
                raise ValueError(f"not a value for the header {name}")
            lines.append(f"{name}: {value}\r\n")
        if body or method in ("POST", "PUT", "PATCH"):
            lines.append(f"content-length: {len(body)}\r\n")
        lines.append("\r\n")
        return "".join(lines).encode("latin-1") + body


def _keep_alive(sock: socket.socket | None) -> None:
    """A peer that vanished without a word (power, network) is noticed within a minute."""
    if sock is None:
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEP_ALIVE:
        option = getattr(socket, name, None)
        if option is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)
