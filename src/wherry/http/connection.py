"""One client connection of the server: requests in, answers out, one at a time and in order.

    data_received -> RequestReader -> handler -> answer -> next request

`busy` is true from the moment a request is handed to the handler until its answer has left for the
transport's buffer and that buffer has room again. Only then is the next request looked at.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Coroutine
from typing import TYPE_CHECKING, Any

from wherry.http.messages import HIJACKED, Peer, RawConnection, Response
from wherry.http.outbox import Outbox
from wherry.http.raw import RawStream
from wherry.http.requests import Pending, RequestReader
from wherry.http.steps import Finished, start

if TYPE_CHECKING:
    from wherry.http.server import HttpServer

log = logging.getLogger("wherry.http")

PIPELINE = 16
LARGE = 1024 * 1024
"""Bodies above this are written in slices, as the client takes them."""
LINGER = 2.0
"""Seconds a refused client is heard out, so that it comes to read why."""
STALLED = 300.0
"""Seconds a client may leave an answer unread."""


class Connection(asyncio.Protocol):
    def __init__(self, server: HttpServer, loop: asyncio.AbstractEventLoop) -> None:
        self.peer = Peer()
        self._server = server
        self._loop = loop
        self._transport: asyncio.Transport = None  # type: ignore[assignment]
        self._outbox: Outbox = None  # type: ignore[assignment]
        self._reader = RequestReader(server.limits, self.peer, self._hijack)
        self._pending: Pending | None = None
        self.task: asyncio.Task[Any] | None = None
        """What works on the current answer, when it takes time."""
        self._raw: RawStream | None = None
        self._busy = False
        self._streaming = False
        self._held = False
        self._touched = 0.0

    # --- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        self._outbox = Outbox(self._transport, self._loop)
        if not self._server.joined(self):
            self._outbox.lost = True
            self._transport.abort()
            return
        self._touched = self._loop.time()
        address = transport.get_extra_info("peername")
        if isinstance(address, tuple):
            self.peer.address = str(address[0])
        tls = transport.get_extra_info("ssl_object")
        if tls is not None:
            self.peer.certificate = tls.getpeercert(True)

    def data_received(self, data: bytes) -> None:
        reader = self._reader
        if not reader.in_head:
            self._touched = self._loop.time()
        reader.feed(data)
        if reader.wants_continue and not self._busy and reader.refusal is None:
            reader.wants_continue = False
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if not self._busy:
            self._next()
        self._pace()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._outbox.lost:
            return
        self._outbox.lost = True
        self._outbox.wake()
        self._reader.ready.clear()
        if self.task is None:
            self._server.left(self)
        elif self._raw is None and (self._streaming or _asks(self._pending, ("GET", "HEAD"))):
            self.task.cancel()

    def pause_writing(self) -> None:
        self._outbox.full = True
        self._touched = self._loop.time()

    def resume_writing(self) -> None:
        self._outbox.full = False
        self._outbox.wake()
        if self._busy and self.task is None:
            self._answered()
            self._next()

    def _pace(self) -> None:
        """Stops reading while enough requests wait, or an upgrade is undecided; else goes on."""
        hold = self._reader.upgrading or len(self._reader.ready) >= PIPELINE
        if hold != self._held and self._raw is None and not self._outbox.lost:
            self._held = hold
            if hold:
                self._transport.pause_reading()
            else:
                self._transport.resume_reading()

    # --- handling

    def _next(self) -> None:
        """Handles what waits, until something has to be waited for. Never inside a task."""
        ready = self._reader.ready
        while ready and not self._busy and not self._outbox.lost:
            self._busy = True
            self._pending = ready.popleft()
            handler = self._server.handler
            steps: Coroutine[Any, Any, Response] = handler(self._pending.request)  # type: ignore[assignment]
            outcome = start(steps, self._loop)
            if isinstance(outcome, Finished):
                self._handled(outcome)
            else:
                self.task = outcome
                outcome.add_done_callback(self._task_handled)
        if self._held:
            self._pace()
        if self._reader.refusal is not None and not self._busy:
            self._refuse()

    def _task_handled(self, task: asyncio.Task[Response]) -> None:
        self.task = None
        self._handled(task)
        if not self._busy:
            self._next()

    def _handled(self, outcome: Finished[Response] | asyncio.Task[Response]) -> None:
        try:
            response = outcome.result()
        except asyncio.CancelledError:
            self._gone()
            return
        except Exception:
            log.exception("the handler failed")
            response = Response(500, b"", "")
        if self._raw is not None or response is HIJACKED:
            self._gone()
        elif response.stream is not None:
            self._spawn(self._stream(response, response.stream))
        elif self._outbox.lost:
            self._gone()
        elif len(response.body) > LARGE:
            self._spawn(self._write_large(response))
        else:
            self._write(response)

    def _refuse(self) -> None:
        """Says what the reader didn't accept, hears the client out for a moment, and closes."""
        error = self._reader.refusal
        if self._outbox.lost or error is None:
            return
        self._busy = True
        body = json.dumps(error.status(), separators=(",", ":")).encode()
        head = self._server.heads.whole(error.code, "application/json", (), len(body), last=True)
        self._transport.write(head + body)
        self._loop.call_later(LINGER, self._transport.close)

    def _gone(self) -> None:
        """The request is over and so is the connection."""
        self._busy = False
        self._transport.close()
        if self._raw is not None:
            self._raw.close()
        if self._outbox.lost:
            self._server.left(self)

    def _last(self) -> bool:
        pending = self._pending
        return self._server.closing or pending is None or not pending.keep_alive

    def _write(self, response: Response) -> None:
        head = self._head(response)
        self._transport.write(head if _asks(self._pending, ("HEAD",)) else head + response.body)
        if not self._outbox.full:
            self._answered()

    def _head(self, response: Response) -> bytes:
        return self._server.heads.whole(
            response.status,
            response.content_type,
            response.headers,
            len(response.body),
            last=self._last(),
        )

    def _answered(self) -> None:
        """The answer has left; on to the next request, if the connection lives."""
        last = self._last()
        pending, self._pending = self._pending, None
        self._busy = False
        if self._outbox.lost:
            self._server.left(self)
        elif last:
            self._transport.close()
        elif pending is not None and pending.upgrade:
            self._reader.resume()

    # --- answers that take time

    def _spawn(self, coro: Coroutine[Any, Any, None]) -> None:
        self.task = self._loop.create_task(coro)
        self.task.add_done_callback(self._spawned_done)

    def _spawned_done(self, task: asyncio.Task[None]) -> None:
        self.task = None
        self._streaming = False
        if task.cancelled():
            self._gone()
        elif error := task.exception():
            if not isinstance(error, ConnectionError):
                log.error("an answer broke off", exc_info=error)
            self._transport.abort()
            self._gone()
        else:
            self._answered()
            if not self._busy:
                self._next()

    async def _write_large(self, response: Response) -> None:
        self._transport.write(self._head(response))
        if _asks(self._pending, ("HEAD",)):
            return
        await self._outbox.write_slices(response.body)

    async def _stream(self, response: Response, stream: AsyncIterator[bytes]) -> None:
        """A watch that is cut by the server's end still gets its last chunk, so that the client sees
        an end and no broken connection."""
        self._streaming = True
        try:
            if not self._outbox.lost and self._pending is not None:
                await self._chunks(response, stream, self._pending)
        finally:
            close = getattr(stream, "aclose", None)
            if close is not None:
                await close()

    async def _chunks(self, response: Response, stream: AsyncIterator[bytes], pending: Pending) -> None:
        heads, write = self._server.heads, self._transport.write
        status = (response.status, response.content_type, response.headers)
        if pending.chunks:
            write(heads.chunked(*status, last=self._last()))
        else:
            pending.keep_alive = False
            write(heads.until_close(*status))
        if _asks(self._pending, ("HEAD",)):
            return
        try:
            await self._outbox.write_stream(stream, chunked=pending.chunks)
        except asyncio.CancelledError:
            if self._outbox.lost or not self._server.closing:
                raise
        if pending.chunks:
            self._outbox.end_stream()

    # --- upgrades

    async def _hijack(self) -> RawConnection:
        """The connection as bytes; HTTP is over on it."""
        if self._outbox.lost:
            raise ConnectionResetError("the client has gone")
        if self._raw is None:
            self._raw = RawStream(self.connection_lost)
            self._raw.take(self._transport, self._reader.rest, paused=self._outbox.full)
        return self._raw

    # --- what the server asks

    def sweep(self, now: float) -> None:
        """Closes a connection that is idle, or stuck, for too long."""
        if self._raw is not None or self._outbox.lost:
            return
        silent = now - self._touched
        limits = self._server.limits
        if self._busy:
            if self._outbox.full and silent > STALLED:
                self._transport.abort()
        elif silent > (limits.receive if self._reader.halfway else limits.idle):
            self._transport.close()

    def drain(self) -> None:
        """The server is closing: idle connections close, streams end, the rest gets its answer."""
        if self._raw is not None:
            self._raw.close()
        elif self._streaming and self.task is not None:
            self.task.cancel()
        elif not self._busy:
            self._transport.close()

    def abort(self) -> None:
        self._transport.abort()
        if self.task is not None:
            self.task.cancel()


def _asks(pending: Pending | None, methods: tuple[str, ...]) -> bool:
    return pending is not None and pending.request.method in methods
