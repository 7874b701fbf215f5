"""Health over plain HTTP: /healthz and /livez of the proxy, and the ports by which load balancers learn
whether this node has endpoints of a Service (healthCheckNodePort).

One small server for both; a request's head is at most 8 KiB and must come within five seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable, Mapping

from wherry.clock import Clock, rfc3339

log = logging.getLogger("wherry.proxy")

_HEAD = 8192
_PATIENCE = 5.0
_REASONS = {200: "OK", 404: "Not Found", 503: "Service Unavailable"}

Answer = tuple[int, str, str]
"""(status, content type, body)."""


class HealthServer:
    """Serves one function from path to answer on one address."""

    def __init__(self, host: str, port: int, answer: Callable[[str], Answer]) -> None:
        self._host = host
        self.port = port
        self._answer = answer
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """OSError when the address cannot be had."""
        self._server = await asyncio.start_server(self._serve, self._host, self.port, limit=_HEAD)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_PATIENCE):
                head = await reader.readuntil(b"\r\n\r\n")
                words = head.split(b"\r\n", 1)[0].split(b" ")
                path = words[1].split(b"?")[0].decode(errors="replace") if len(words) == 3 else ""
                writer.write(_response(*self._answer(path)))
                await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


def _response(status: int, kind: str, body: str) -> bytes:
    data = body.encode()
    head = (
        f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Type: {kind}\r\n"
        f"Content-Length: {len(data)}\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + data


class Health:
    """What the proxy says of itself."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._updated: float | None = None

    def updated(self) -> None:
        """The rules were written."""
        self._updated = self._clock.time()

    @property
    def healthy(self) -> bool:
        return self._updated is not None

    def answer(self, path: str) -> Answer:
        if path not in ("/healthz", "/livez"):
            return 404, "text/plain; charset=utf-8", "404 page not found\n"
        now = self._clock.time()
        updated = self._updated if self._updated is not None else now
        body = json.dumps({"lastUpdated": rfc3339(updated), "currentTime": rfc3339(now)})
        good = self.healthy or path == "/livez"
        return (200 if good else 503), "application/json", body


class NodePortHealth:
    """The health check ports of Services under a Local policy, opened and closed as they come and go."""

    def __init__(self, health: Health, host: str = "0.0.0.0") -> None:
        self._health = health
        self._host = host
        self._local: dict[int, tuple[str, int]] = {}
        self._servers: dict[int, HealthServer] = {}

    async def set(self, wanted: Mapping[int, tuple[str, int]]) -> None:
        self._local = dict(wanted)
        for port in [p for p in self._servers if p not in wanted]:
            await self._servers.pop(port).stop()
        for port in wanted:
            if port not in self._servers:
                await self._open(port)

    async def stop(self) -> None:
        await self.set({})

    async def _open(self, port: int) -> None:
        server = HealthServer(self._host, port, lambda path: self._answer(port))
        try:
            await server.start()
        except OSError as error:
            log.warning("health check port %d of %s: %s", port, self._local[port][0], error)
            return
        self._servers[port] = server

    def _answer(self, port: int) -> Answer:
        service, count = self._local.get(port, ("/", 0))
        namespace, _, name = service.partition("/")
        body = {
            "service": {"namespace": namespace, "name": name},
            "localEndpoints": count,
            "serviceProxyHealthy": self._health.healthy,
        }
        good = count > 0 and self._health.healthy
        return (200 if good else 503), "application/json", json.dumps(body)
