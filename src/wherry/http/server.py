"""The HTTP/1.1 server: connections in, `Handler` calls, answers out, in the order they were asked for.

Invariants:
- one request of a connection is handled at a time; some more wait, then reading pauses;
- the next chunk of a stream is asked for only when the transport's buffer has room;
- a handler that finishes without waiting costs no task (`wherry.http.steps`);
- when the client leaves, streams and reads are cancelled, writes run to their end (the store decides
  whether they happened, not the client's patience).

It knows nothing of Kubernetes beside the Status bodies of its own refusals (400, 413, 431). It doesn't
compress: handlers do. HTTP/2 isn't spoken: clients fall back to 1.1 by ALPN.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl

from wherry.clock import Clock, RealClock
from wherry.http.connection import Connection
from wherry.http.heads import Heads
from wherry.http.messages import Handler
from wherry.http.requests import Limits

log = logging.getLogger("wherry.http")

SWEEP = 5.0
"""Seconds between looks for idle connections."""


class HttpServer:
    """Serves `handler` until closed. `context` None is plain HTTP (tests, loopback metrics)."""

    def __init__(
        self,
        handler: Handler,
        context: ssl.SSLContext | None = None,
        *,
        clock: Clock | None = None,
        limits: Limits | None = None,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        self.handler = handler
        self.limits = limits or Limits()
        self.heads = Heads(clock or RealClock(), headers)
        self.connections: dict[Connection, None] = {}
        self.closing = False
        self.port = 0
        """The bound port, once started (useful when 0 was asked for)."""
        self._context = context
        self._server: asyncio.Server | None = None
        self._sweep: asyncio.TimerHandle | None = None
        self._idle: asyncio.Event | None = None

    async def start(
        self, host: str | None = None, port: int = 0, *, sock: socket.socket | None = None
    ) -> None:
        """Listens on `host`:`port`, or on a socket already bound. OSError when it can't."""
        loop = asyncio.get_running_loop()
        handshake = 15.0 if self._context else None

        def connection() -> Connection:
            return Connection(self, loop)

        if sock is not None:
            self._server = await loop.create_server(
                connection, sock=sock, ssl=self._context, backlog=1024, ssl_handshake_timeout=handshake
            )
        else:
            self._server = await loop.create_server(
                connection, host, port, ssl=self._context, backlog=1024, ssl_handshake_timeout=handshake
            )
        self.port = int(self._server.sockets[0].getsockname()[1])
        self._sweep = loop.call_later(SWEEP, self._sweep_idle, loop)

    def _sweep_idle(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for connection in list(self.connections):
            connection.sweep(now)
        self._sweep = loop.call_later(SWEEP, self._sweep_idle, loop)

    def joined(self, connection: Connection) -> bool:
        """Called by a new connection; False when there is no place for it."""
        if self.closing or len(self.connections) >= self.limits.connections:
            return False
        self.connections[connection] = None
        return True

    def left(self, connection: Connection) -> None:
        self.connections.pop(connection, None)
        if not self.connections and self._idle is not None:
            self._idle.set()

    async def close(self, grace: float = 5.0) -> None:
        """Stops listening, ends watches, lets requests in flight finish for `grace` seconds, then
        cuts what is left. Returns when no connection and no handler of this server is left."""
        self.closing = True
        if self._sweep is not None:
            self._sweep.cancel()
        if self._server is not None:
            self._server.close()
        self._idle = asyncio.Event()
        for connection in list(self.connections):
            connection.drain()
        if self.connections:
            try:
                async with asyncio.timeout(grace):
                    await self._idle.wait()
            except TimeoutError:
                log.warning("cutting %d connections after %gs of grace", len(self.connections), grace)
        left = list(self.connections)
        for connection in left:
            connection.abort()
        tasks = [connection.task for connection in left if connection.task is not None]
        if tasks:
            await asyncio.wait(tasks)
