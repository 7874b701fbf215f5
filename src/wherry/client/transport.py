"""How a `Client` reaches an API server: over HTTP, or by calling its handler in the same event loop.

Both keep one contract (`Transport`), so nothing above knows which it has. The in-process transport
uses no sockets and no threads: the request runs in the caller's task.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from typing import Any, Protocol

from wherry.http.client import HttpClient
from wherry.http.messages import Handler, Peer, Request, Response


class Transport(Protocol):
    async def request(
        self,
        method: str,
        path: str,
        query: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        stream: bool = False,
    ) -> Response:
        """`path` and `query` are percent-encoded. The response has a whole `body`, except that a
        success has a `stream` when `stream` was asked. OSError when no response can be had."""

    async def close(self) -> None: ...


class HttpTransport:
    """`token` is asked for every request, so that one read from a file may change."""

    def __init__(
        self, http: HttpClient, *, token: Callable[[], str] | None = None, timeout: float = 60.0
    ) -> None:
        self._http = http
        self._token = token
        self._timeout = timeout

    async def request(
        self,
        method: str,
        path: str,
        query: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        stream: bool = False,
    ) -> Response:
        if self._token is not None:
            headers = {**headers, "authorization": f"Bearer {self._token()}"}
        target = f"{path}?{query}" if query else path
        return await self._http.request(method, target, headers, body, stream=stream, timeout=self._timeout)

    async def close(self) -> None:
        await self._http.close()


class InProcessTransport:
    """Calls `handler` with requests of `user`, whatever that means to the handler."""

    def __init__(self, handler: Handler, user: Any) -> None:
        self._handler = handler
        self._peer = Peer(state={"user": user})

    async def request(
        self,
        method: str,
        path: str,
        query: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        stream: bool = False,
    ) -> Response:
        response = await self._handler(Request(method, path, query, headers, body, self._peer))
        success = 200 <= response.status < 300
        if stream and success:
            if response.stream is None:
                response.stream = _once(response.body)
        elif response.stream is not None:
            response.body = await _collect(response.stream)
            response.stream = None
        return response

    async def close(self) -> None:
        """Nothing is open."""


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body


async def _collect(stream: AsyncIterator[bytes]) -> bytes:
    async with closing(stream):
        return b"".join([chunk async for chunk in stream])


def closing(stream: AsyncIterator[bytes]) -> aclosing[Any]:
    """`aclose` at the end of the block; a `Response.stream` has one, its declared type need not."""
    return aclosing(stream if hasattr(stream, "aclose") else _passed_on(stream))


async def _passed_on(stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for chunk in stream:
        yield chunk
