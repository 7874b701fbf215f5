"""Response heads as bytes, made once per kind of answer and kept.

heads.whole(200, "application/json", (), 17)  ->  b"HTTP/1.1 200 OK\\r\\n...Content-Length: 17\\r\\n\\r\\n"
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TypeAlias

from wherry.clock import Clock
from wherry.http.dates import http_date

Headers: TypeAlias = tuple[tuple[str, str], ...]

_REASONS = {status.value: status.phrase for status in HTTPStatus}
_KEPT = 512
_BODILESS = frozenset((204, 304))


def _clean(text: str) -> str:
    """No header value may start another header."""
    return text.replace("\r", " ").replace("\n", " ")


class Heads:
    """`always` are headers of every answer that doesn't set them itself."""

    def __init__(self, clock: Clock, always: Headers = ()) -> None:
        self._clock = clock
        self._always = always
        self._prefixes: dict[tuple[int, str, Headers], bytes] = {}
        self._second = -1
        self._date = b""

    def _prefix(self, status: int, content_type: str, headers: Headers) -> bytes:
        key = (status, content_type, headers)
        made = self._prefixes.get(key)
        if made is None:
            given = {name.lower() for name, _ in headers}
            lines = [f"HTTP/1.1 {status} {_REASONS.get(status, 'Status')}"]
            if content_type:
                lines.append(f"Content-Type: {_clean(content_type)}")
            lines += [f"{name}: {value}" for name, value in self._always if name.lower() not in given]
            lines += [f"{_clean(name)}: {_clean(value)}" for name, value in headers]
            made = ("\r\n".join(lines) + "\r\nDate: ").encode("utf-8", "replace")
            if len(self._prefixes) >= _KEPT:
                self._prefixes.clear()
            self._prefixes[key] = made
        return made

    def _now(self) -> bytes:
        second = int(self._clock.time())
        if second != self._second:
            self._second = second
            self._date = http_date(second).encode()
        return self._date

    def whole(self, status: int, content_type: str, headers: Headers, length: int, *, last: bool) -> bytes:
        """The head of an answer whose body is `length` bytes; `last` closes the connection after it."""
        prefix = self._prefix(status, content_type, headers)
        if last:
            end = b"\r\nConnection: close\r\n\r\n"
        else:
            end = b"\r\n\r\n"
        if status in _BODILESS:
            return prefix + self._now() + end
        return b"%b%b\r\nContent-Length: %d%b" % (prefix, self._now(), length, end)

    def chunked(self, status: int, content_type: str, headers: Headers, *, last: bool) -> bytes:
        """The head of a stream in chunks."""
        prefix = self._prefix(status, content_type, headers)
        close = b"\r\nConnection: close" if last else b""
        return b"%b%b%b\r\nTransfer-Encoding: chunked\r\n\r\n" % (prefix, self._now(), close)

    def until_close(self, status: int, content_type: str, headers: Headers) -> bytes:
        """The head of a stream for HTTP/1.0 clients: its end is the connection's."""
        return b"%b%b\r\nConnection: close\r\n\r\n" % (
            self._prefix(status, content_type, headers),
            self._now(),
        )
