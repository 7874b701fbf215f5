"""A request and its answer, apart from any connection.

The socket server, the in-process transport and the tests all speak these, so whatever handles a
`Request` does not know which of them it came from.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias


@dataclass(slots=True)
class Peer:
    """Who is at the other end. `certificate` is the DER client certificate that TLS verified against
    the client CA; `state` is scratch room that lives as long as the connection (cached identity)."""

    address: str = ""
    certificate: bytes | None = None
    state: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Request:
    """`path` is percent-decoded only where handlers split it; `query` is the raw text after `?`.
    Header names are lower case. `body` is whole and bounded by the server."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    peer: Peer = field(default_factory=Peer)
    hijack: Callable[[], Awaitable[RawConnection]] | None = None
    """Takes the connection over (upgrades: exec, attach, port-forward, WebSocket). None in process."""
    raw_head: bytes = b""
    """The request head as received, for proxies that pass it on byte by byte."""


@dataclass(slots=True)
class Response:
    """`body` whole, or `stream` for chunks as they come (watch, logs): never both. A server ends the
    stream (`aclose`) when the client leaves, and asks for the next chunk only when the last one fits
    in its write buffer."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    stream: AsyncIterator[bytes] | None = None


HIJACKED = Response(status=0)
"""What a handler returns after it took the connection over and is done with it."""

Handler: TypeAlias = Callable[[Request], Awaitable[Response]]


class RawConnection(Protocol):
    """A connection taken over from the HTTP protocol. `read` returns b"" at the end."""

    async def read(self) -> bytes: ...
    async def write(self, data: bytes) -> None: ...
    def close_write(self) -> None: ...
    def close(self) -> None: ...
