"""A byte stream over a transport: a connection taken over from HTTP, or one opened to be relayed.

Reading is bounded: past `HIGH` unread bytes the transport stops receiving. TLS has no half-close in
asyncio, so `close_write` over TLS closes after what was written has been sent.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Callable

HIGH = 256 * 1024


class RawStream(asyncio.Protocol):
    """Implements `wherry.http.messages.RawConnection`."""

    def __init__(self, on_lost: Callable[[Exception | None], None] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._on_lost = on_lost
        self._chunks: deque[bytes] = deque()
        self._size = 0
        self._ended = False
        self._lost = False
        self._paused = False
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None

    def take(self, transport: asyncio.Transport, rest: bytes, *, paused: bool) -> None:
        """Goes on from another protocol, with the bytes it had already received."""
        self._transport = transport
        self._paused = paused
        if rest:
            self.data_received(rest)
        transport.set_protocol(self)
        if not transport.is_reading() and self._size <= HIGH:
            transport.resume_reading()

    # --- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self._chunks.append(data)
        self._size += len(data)
        if self._size > HIGH and self._transport is not None:
            self._transport.pause_reading()
        self._wake_reader()

    def eof_received(self) -> bool:
        self._ended = True
        self._wake_reader()
        return not self._encrypted()

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended = self._lost = True
        self._wake_reader()
        self._wake_writer()
        if self._on_lost is not None:
            self._on_lost(exc)

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._wake_writer()

    # --- RawConnection

    async def read(self) -> bytes:
        """All bytes that have come, b"" at the end. One reader at a time."""
        while not self._chunks:
            if self._ended:
                return b""
            self._reader = self._loop.create_future()
            await self._reader
        data = self._chunks.popleft() if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        was, self._size = self._size, 0
        if was > HIGH and self._transport is not None and not self._lost:
            self._transport.resume_reading()
        return data

    async def write(self, data: bytes) -> None:
        """Returns when the buffer has room again; ConnectionError when the other side has gone."""
        if self._lost or self._transport is None:
            raise ConnectionResetError("the connection is closed")
        self._transport.write(data)
        while self._paused and not self._lost:
            self._writer = self._loop.create_future()
            await self._writer

    def close_write(self) -> None:
        if self._transport is None or self._lost:
            return
        if self._encrypted():
            self._transport.close()
        elif self._transport.can_write_eof():
            self._transport.write_eof()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _encrypted(self) -> bool:
        return self._transport is not None and self._transport.get_extra_info("ssl_object") is not None

    def _wake_reader(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def _wake_writer(self) -> None:
        if self._writer is not None and not self._writer.done():
            self._writer.set_result(None)


async def open_raw(
    host: str,
    port: int,
    context: ssl.SSLContext | None = None,
    *,
    server_hostname: str = "",
    timeout: float = 10.0,
) -> RawStream:
    """A new connection to `host`:`port`. Raises OSError (TimeoutError is one) when there is none."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(timeout):
        _, stream = await loop.create_connection(
            RawStream,
            host,
            port,
            ssl=context,
            server_hostname=(server_hostname or host) if context else None,
        )
    return stream
