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
from wherry.http.raw import RawStream
from wherry.http.requests import Pending, RequestReader
from wherry.http.steps import Finished, start

if TYPE_CHECKING:
    from wherry.http.server import HttpServer

log = logging.getLogger("wherry.http")

PIPELINE = 16
SLICE = 256 * 1024
LARGE = 1024 * 1024
"""Bodies above this are written in slices, as the client takes them."""
LINGER = 2.0
"""Seconds a refused client is heard out, so that it comes to read why."""
STALLED = 300.0
"""Seconds a client may leave an answer unread."""
_READS = frozenset(("GET", "HEAD"))


class Connection(asyncio.Protocol):
    def __init__(self, server: HttpServer, loop: asyncio.AbstractEventLoop) -> None:
        self.peer = Peer()
        self._server = server
        self._loop = loop
        self._transport: asyncio.Transport = None  # type: ignore[assignment]
        self._reader = RequestReader(server.limits, self.peer, self._hijack)
        self._pending: Pending | None = None
        self._task: asyncio.Task[Any] | None = None
        self._raw: RawStream | None = None
        self._room: asyncio.Future[None] | None = None
        self._busy = False
        self._streaming = False
        self._paused = False
        self._held = False
        self._lost = False
        self._touched = 0.0

    # --- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        if not self._server.joined(self):
            self._lost = True
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
        self._touched = self._loop.time()
        reader = self._reader
        reader.feed(data)
        if reader.wants_continue and not self._busy and reader.refusal is None:
            reader.wants_continue = False
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if not self._busy:
            self._next()
        if reader.upgrading or len(reader.ready) >= PIPELINE:
            self._hold()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._lost:
            return
        self._lost = True
        self._reader.ready.clear()
        self._give_room()
        if self._task is None:
            self._server.left(self)
        elif self._raw is None and (self._streaming or self._reads()):
            self._task.cancel()

    def pause_writing(self) -> None:
        self._paused = True
        self._touched = self._loop.time()

    def resume_writing(self) -> None:
        self._paused = False
        self._give_room()
        if self._busy and self._task is None:
            self._answered()
            self._next()

    def _hold(self) -> None:
        if not self._held and self._raw is None and not self._lost:
            self._held = True
            self._transport.pause_reading()

    def _release(self) -> None:
        if self._held and self._raw is None and not self._lost:
            self._held = False
            self._transport.resume_reading()

    def _reads(self) -> bool:
        return self._pending is not None and self._pending.request.method in _READS

    def _give_room(self) -> None:
        if self._room is not None and not self._room.done():
            self._room.set_result(None)

    # --- handling

    def _next(self) -> None:
        """Handles what waits, until something has to be waited for. Never inside a task."""
        ready = self._reader.ready
        while ready and not self._busy and not self._lost:
            self._busy = True
            self._pending = ready.popleft()
            handler = self._server.handler
            steps: Coroutine[Any, Any, Response] = handler(self._pending.request)  # type: ignore[assignment]
            outcome = start(steps, self._loop)
            if isinstance(outcome, Finished):
                self._handled(outcome)
            else:
                self._task = outcome
                outcome.add_done_callback(self._task_handled)
        if self._held and len(ready) < PIPELINE and not self._reader.upgrading:
            self._release()
        if self._reader.refusal is not None and not self._busy:
            self._refuse()

    def _task_handled(self, task: asyncio.Task[Response]) -> None:
        self._task = None
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
        elif self._lost:
            self._gone()
        elif len(response.body) > LARGE:
            self._spawn(self._write_large(response))
        else:
            self._write(response)

    def _refuse(self) -> None:
        """Says what the reader didn't accept, hears the client out for a moment, and closes."""
        error = self._reader.refusal
        if self._lost or error is None:
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
        if self._lost:
            self._server.left(self)

    def _last(self) -> bool:
        pending = self._pending
        return self._server.closing or pending is None or not pending.keep_alive

    def _write(self, response: Response) -> None:
        body = response.body
        head = self._server.heads.whole(
            response.status, response.content_type, response.headers, len(body), last=self._last()
        )
        if self._pending is not None and self._pending.request.method == "HEAD":
            body = b""
        self._transport.write(head + body)
        if not self._paused:
            self._answered()

    def _answered(self) -> None:
        """The answer has left; on to the next request, if the connection lives."""
        last = self._last()
        pending, self._pending = self._pending, None
        self._busy = False
        if self._lost:
            self._server.left(self)
        elif last:
            self._transport.close()
        elif pending is not None and pending.upgrade:
            self._reader.resume()

    # --- answers that take time

    def _spawn(self, coro: Coroutine[Any, Any, None]) -> None:
        self._task = self._loop.create_task(coro)
        self._task.add_done_callback(self._spawned_done)

    def _spawned_done(self, task: asyncio.Task[None]) -> None:
        self._task = None
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

    async def _has_room(self) -> None:
        while self._paused and not self._lost:
            self._room = self._loop.create_future()
            await self._room
        if self._lost:
            raise ConnectionResetError("the client has gone")

    async def _write_large(self, response: Response) -> None:
        body = memoryview(response.body)
        head = self._server.heads.whole(
            response.status, response.content_type, response.headers, len(body), last=self._last()
        )
        self._transport.write(head)
        if self._pending is not None and self._pending.request.method == "HEAD":
            return
        for at in range(0, len(body), SLICE):
            self._transport.write(body[at : at + SLICE])
            await self._has_room()

    async def _stream(self, response: Response, stream: AsyncIterator[bytes]) -> None:
        """A watch that is cut by the server's end still gets its last chunk, so that the client sees
        an end and no broken connection."""
        self._streaming = True
        try:
            if not self._lost and self._pending is not None:
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
        if pending.request.method == "HEAD":
            return
        try:
            async for chunk in stream:
                if chunk:
                    write(b"%x\r\n%b\r\n" % (len(chunk), chunk) if pending.chunks else chunk)
                if self._paused or self._lost:
                    await self._has_room()
        except asyncio.CancelledError:
            if self._lost or not self._server.closing:
                raise
        if pending.chunks:
            write(b"0\r\n\r\n")

    # --- upgrades

    async def _hijack(self) -> RawConnection:
        """The connection as bytes; HTTP is over on it."""
        if self._lost:
            raise ConnectionResetError("the client has gone")
        if self._raw is None:
            self._raw = RawStream(self.connection_lost)
            self._raw.take(self._transport, self._reader.rest, paused=self._paused)
        return self._raw

    # --- what the server asks

    def sweep(self, now: float) -> None:
        """Closes a connection that is idle, or stuck, for too long."""
        if self._raw is not None or self._lost:
            return
        silent = now - self._touched
        limits = self._server.limits
        if self._busy:
            if self._paused and silent > STALLED:
                self._transport.abort()
        elif silent > (limits.receive if self._reader.halfway else limits.idle):
            self._transport.close()

    def drain(self) -> None:
        """The server is closing: idle connections close, streams end, the rest gets its answer."""
        if self._raw is not None:
            self._raw.close()
        elif self._streaming and self._task is not None:
            self._task.cancel()
        elif not self._busy:
            self._transport.close()

    def abort(self) -> None:
        self._transport.abort()
        if self._task is not None:
            self._task.cancel()

    async def ended(self) -> None:
        """Returns when no task of this connection runs."""
        while self._task is not None and not self._task.done():
            await asyncio.wait([self._task])
