"""One client connection: a request goes out, its response comes in, then the next.

llhttp parses. A response is either collected whole (bounded) or handed over after its head, its body
then arriving through a `BodyStream`, which stops reading from the socket while its reader is behind.
One exchange at a time; who may use a connection, and when it is kept, is the pool's affair
(`http/client.py`). Every failure is an OSError.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import httptools

from wherry.http.messages import Response

MAX_HEAD = 256 * 1024
HIGH_WATER = 256 * 1024


class HttpError(ConnectionError):
    """The other side does not speak HTTP as agreed, or says more than was allowed."""


class BodyStream:
    """The body of a response as it comes. `aclose` before the end closes the connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._chunks: list[bytes] = []
        self._size = 0
        self._paused = False
        self._ended = False
        self._error: OSError | None = None
        self._waiter: asyncio.Future[None] | None = None

    def __aiter__(self) -> BodyStream:
        return self

    async def __anext__(self) -> bytes:
        while not self._chunks:
            if self._error is not None:
                raise self._error
            if self._ended:
                raise StopAsyncIteration
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        chunk = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        self._size = 0
        if self._paused:
            self._paused = False
            self._connection.resume()
        return chunk

    async def aclose(self) -> None:
        if not self._ended:
            self._connection.abort(ConnectionAbortedError("the reader left"))
        self._chunks.clear()

    def feed(self, data: bytes) -> None:
        self._chunks.append(data)
        self._size += len(data)
        if self._size > HIGH_WATER and not self._paused:
            self._paused = True
            self._connection.pause()
        self._wake()

    def end(self, error: OSError | None) -> None:
        self._ended = True
        self._error = error
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Connection(asyncio.Protocol):
    """`on_free` is called when an exchange is over and the connection can take another."""

    def __init__(self, loop: asyncio.AbstractEventLoop, on_free: Callable[[Connection], None]) -> None:
        self._loop = loop
        self._on_free = on_free
        self._transport: asyncio.Transport | None = None
        self.closed: asyncio.Future[None] = loop.create_future()
        self.exchanges = 0
        self.idle_since = 0.0
        self.answered = False
        """Whether anything of the current response has come."""
        self._answer: asyncio.Future[Response] | None = None
        self._streaming = False
        self._max_body = 0
        self._stream: BodyStream | None = None
        self._parser: Any = httptools.HttpResponseParser(self)
        self._head_done = False
        self._head_size = 0
        self._headers: list[tuple[str, str]] = []
        self._chunks: list[bytes] = []
        self._size = 0

    # -- for the pool

    @property
    def usable(self) -> bool:
        return self._transport is not None and not self._transport.is_closing() and self._answer is None

    def exchange(self, request: bytes, *, streaming: bool, max_body: int) -> asyncio.Future[Response]:
        """Sends a whole request. The future is done when the response is: all of it, or its head when
        `streaming` and it was a success."""
        assert self._transport is not None and self._answer is None
        self.exchanges += 1
        self.answered = False
        self._streaming, self._max_body = streaming, max_body
        self._answer = self._loop.create_future()
        self._transport.write(request)
        return self._answer

    def abort(self, error: OSError) -> None:
        self._fail(error)
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def pause(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    # -- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are not subclasses of it

    def data_received(self, data: bytes) -> None:
        if self._answer is None:
            self.abort(HttpError("data without a request"))
            return
        self.answered = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError as error:
            cause = error.__context__
            self.abort(cause if isinstance(cause, OSError) else HttpError(str(cause)))
        except httptools.HttpParserError as error:
            self.abort(HttpError(f"malformed HTTP response: {error}"))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None:
            if exc is None and self._head_done and self._close_delimited():
                self._complete(reusable=False)
            else:
                error = exc if isinstance(exc, OSError) else ConnectionResetError("connection closed by peer")
                self._fail(error)
        self._transport = None
        self._parser = None  # it holds this object in turn
        if not self.closed.done():
            self.closed.set_result(None)

    # -- httptools

    def on_message_begin(self) -> None:
        if self._answer is None:
            raise HttpError("a response without a request")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_size += len(name) + len(value)
        if self._head_size > MAX_HEAD:
            raise HttpError("response head too large")
        self._headers.append((name.decode("latin-1").lower(), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        self._head_done = True
        status = self._parser.get_status_code()
        if self._streaming and 200 <= status < 300 and self._answer is not None:
            self._stream = BodyStream(self)
            if not self._answer.done():
                self._answer.set_result(self._response(stream=self._stream))

    def on_body(self, data: bytes) -> None:
        if self._stream is not None:
            self._stream.feed(data)
            return
        self._size += len(data)
        if self._size > self._max_body:
            raise HttpError(f"response body larger than {self._max_body} bytes")
        self._chunks.append(data)

    def on_message_complete(self) -> None:
        if self._parser.get_status_code() < 200:
            self._headers.clear()
            self._head_done = False
            return
        self._complete(reusable=self._parser.should_keep_alive())

    # -- ends of an exchange

    def _response(self, *, body: bytes = b"", stream: BodyStream | None = None) -> Response:
        content_type = next((value for name, value in self._headers if name == "content-type"), "")
        return Response(self._parser.get_status_code(), body, content_type, tuple(self._headers), stream)

    def _close_delimited(self) -> bool:
        return all(name not in ("content-length", "transfer-encoding") for name, _ in self._headers)

    def _complete(self, *, reusable: bool) -> None:
        answer, stream = self._answer, self._stream
        self._answer = self._stream = None
        if stream is not None:
            stream.end(None)
        elif answer is not None and not answer.done():
            body = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
            answer.set_result(self._response(body=body))
        if not reusable or self._transport is None:
            self.close()
            return
        self._headers, self._chunks = [], []
        self._head_done, self._head_size, self._size = False, 0, 0
        self._on_free(self)

    def _fail(self, error: OSError) -> None:
        answer, stream = self._answer, self._stream
        self._answer = self._stream = None
        if stream is not None:
            stream.end(error)
        if answer is not None and not answer.done():
            answer.set_exception(error)
