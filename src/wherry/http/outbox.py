"""Answers that take more than one write: large bodies and streams, at the pace of the client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

SLICE = 256 * 1024


class Outbox:
    """The writing side of a connection. `full` while the transport's buffer has no room; `lost` once
    the client has gone, which ends every wait here with ConnectionResetError."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self.full = False
        self.lost = False
        self._transport = transport
        self._loop = loop
        self._room: asyncio.Future[None] | None = None

    def wake(self) -> None:
        """Something has changed: room, or no client any more."""
        if self._room is not None and not self._room.done():
            self._room.set_result(None)

    async def _has_room(self) -> None:
        while self.full and not self.lost:
            self._room = self._loop.create_future()
            await self._room
        if self.lost:
            raise ConnectionResetError("the client has gone")

    async def write_slices(self, body: bytes) -> None:
        """A large body, without a copy of it in the transport's buffer."""
        view = memoryview(body)
        for at in range(0, len(view), SLICE):
            self._transport.write(view[at : at + SLICE])
            await self._has_room()

    async def write_stream(self, stream: AsyncIterator[bytes], *, chunked: bool) -> None:
        """Each chunk as it comes, the next one asked for only when there is room."""
        write = self._transport.write
        async for chunk in stream:
            if chunk:
                write(b"%x\r\n%b\r\n" % (len(chunk), chunk) if chunked else chunk)
            if self.full or self.lost:
                await self._has_room()

    def end_stream(self) -> None:
        """The last chunk of a chunked stream."""
        self._transport.write(b"0\r\n\r\n")
