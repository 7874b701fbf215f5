"""Bytes to requests: llhttp's callbacks collected into `Request`s, within bounds.

    reader.feed(data)     # then look at reader.ready, reader.refusal, reader.wants_continue

What was refused stays refused: the connection answers and closes. A request that asks for an upgrade
stops the parsing; what came after its head waits in `rest` for whoever takes the connection, or for
`resume()` when nobody did.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import httptools

from wherry.api.errors import ApiError, bad_request, too_large
from wherry.http.messages import Peer, RawConnection, Request

_METHODS = {name.encode(): name for name in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")}
_NAMES: dict[bytes, str] = {}
_SEPARATORS = {"impersonate-group": "\n", "cookie": "; "}
"""How repeated headers are joined where ", " won't do; group names may hold commas but no line end."""

_FIELD_ENDS = len(": \r\n")
_BAD_ESCAPE = re.compile(rb"%(?![0-9a-fA-F]{2})")


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of what a client may make the server hold. Body and head are upstream's figures."""

    body: int = 3 * 1024 * 1024
    head: int = 1024 * 1024
    connections: int = 10_000
    idle: float = 90.0
    receive: float = 32.0
    """Seconds for a whole head to come, and for which a body may stop coming."""


@dataclass(slots=True)
class Pending:
    """A request that waits for its turn."""

    request: Request
    keep_alive: bool
    chunks: bool
    """The client knows chunked encoding (HTTP/1.1)."""
    upgrade: bool


class RequestReader:
    def __init__(self, limits: Limits, peer: Peer, hijack: Callable[[], Awaitable[RawConnection]]) -> None:
        self.ready: deque[Pending] = deque()
        self.refusal: ApiError | None = None
        self.wants_continue = False
        self.upgrading = False
        self.rest = b""
        self._limits = limits
        self._peer = peer
        self._hijack = hijack
        self._parser = httptools.HttpRequestParser(self)
        self._new_message()

    def _new_message(self) -> None:
        self._url = b""
        self._headers: dict[str, str] = {}
        self._repeated: dict[str, list[str]] = {}
        self._raw_headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._body_size = 0
        self._in_head = True
        self._head_size = 0
        self._fields_size = 0

    @property
    def in_head(self) -> bool:
        """A request's head has begun to come and is not complete."""
        return self._in_head and self._head_size > 0

    @property
    def halfway(self) -> bool:
        """A request has begun to come and is not complete."""
        return self._head_size > 0 or not self._in_head

    def feed(self, data: bytes) -> None:
        if self.refusal is not None:
            return
        if self.upgrading:
            self.rest += data
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self.upgrading = True
            self.rest = data[upgrade.args[0] :]
        except httptools.HttpParserError:
            self._refuse(bad_request("malformed HTTP request"))
        if self._in_head and not self.upgrading:
            self._head_size += len(data)
            if self._head_size > self._limits.head:
                self._refuse_head()

    def resume(self) -> None:
        """Nobody took the connection that asked for an upgrade: HTTP goes on."""
        rest, self.rest = self.rest, b""
        self.upgrading = False
        self._parser = httptools.HttpRequestParser(self)
        if rest:
            self.feed(rest)

    def _refuse(self, error: ApiError) -> None:
        if self.refusal is None:
            self.refusal = error
            self.ready.clear()

    def _refuse_body(self) -> None:
        self._refuse(too_large(f"Request entity too large: limit is {self._limits.body}"))

    def _refuse_head(self) -> None:
        self._refuse(ApiError("", "request header fields too large", code=431))

    # --- llhttp's callbacks

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._fields_size += len(name) + len(value) + _FIELD_ENDS
        if self._fields_size > self._limits.head:
            self._refuse_head()
        if self.refusal is not None or not self._in_head:
            return  # What comes after a chunked body says nothing about the request.
        key = _NAMES.get(name)
        if key is None:
            key = name.decode("latin-1").lower()
            if len(_NAMES) < 512 and len(name) < 64:
                _NAMES[name] = key
        if key in self._headers:
            self._repeated.setdefault(key, [self._headers[key]]).append(value.decode("latin-1"))
        else:
            self._headers[key] = value.decode("latin-1")
        self._raw_headers.append((name, value))

    def on_headers_complete(self) -> None:
        self._in_head = False
        headers = self._headers
        for key, values in self._repeated.items():
            headers[key] = _SEPARATORS.get(key, ", ").join(values)
        problem = self._head_problem()
        if problem is not None:
            self._refuse(problem)
        elif "content-length" in headers and int(headers["content-length"]) > self._limits.body:
            self._refuse_body()
        elif "expect" in headers and headers["expect"].lower() == "100-continue":
            self.wants_continue = True

    def _head_problem(self) -> ApiError | None:
        """What Go's server refuses before anyone looks at the request, and llhttp lets pass."""
        headers, version = self._headers, self._parser.get_http_version()
        if version not in ("1.0", "1.1"):
            return ApiError("", f"HTTP Version Not Supported: {version}", code=505)
        if headers.get("transfer-encoding", "chunked").lower() != "chunked":
            return ApiError("", "Unsupported transfer encoding", code=501)
        if "host" in self._repeated:
            return bad_request("too many Host headers")
        if b"%" in self._url and _BAD_ESCAPE.search(self._url.partition(b"?")[0]):
            return bad_request("invalid URL escape")
        return None

    def on_body(self, body: bytes) -> None:
        if self.refusal is not None:
            return
        self._body_size += len(body)
        if self._body_size > self._limits.body:
            self._refuse_body()
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        if self.refusal is not None:
            return
        parser = self._parser
        method = parser.get_method()
        path, _, query = self._target().partition("?")
        upgrade = parser.should_upgrade()
        request = Request(
            _METHODS.get(method) or method.decode("latin-1"),
            path,
            query.partition("#")[0],
            self._headers,
            b"".join(self._body) if self._body else b"",
            self._peer,
        )
        if upgrade:
            request.hijack = self._hijack
            request.raw_head = self._raw_head(method)
        self.wants_continue = False
        modern = parser.get_http_version() != "1.0"
        self.ready.append(Pending(request, modern and parser.should_keep_alive(), modern, upgrade))
        self._new_message()

    def _target(self) -> str:
        text = self._url.decode("utf-8", "replace")
        if text.startswith("/"):
            return text
        whole = urlsplit(text)
        return (whole.path or "/") + (f"?{whole.query}" if whole.query else "")

    def _raw_head(self, method: bytes) -> bytes:
        lines = [b"%b %b HTTP/1.1" % (method, self._url)]
        lines += [b"%b: %b" % pair for pair in self._raw_headers]
        return b"\r\n".join(lines) + b"\r\n\r\n"
