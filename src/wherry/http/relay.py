"""Bytes from one connection to another, both ways, until either is done.

What the API server does for exec, attach and port-forward: it doesn't know what it carries (SPDY,
WebSocket), so it never has to speak it.
"""

from __future__ import annotations

import asyncio

from wherry.http.messages import RawConnection


async def _pump(source: RawConnection, sink: RawConnection) -> None:
    try:
        while data := await source.read():
            await sink.write(data)
    except ConnectionError:
        source.close()
    sink.close_write()


async def relay(left: RawConnection, right: RawConnection) -> None:
    """Returns when both directions have ended; both connections are closed then, also on cancel."""
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_pump(left, right))
            group.create_task(_pump(right, left))
    finally:
        left.close()
        right.close()


def rewritten(raw_head: bytes, method: str, target: str, replace: dict[str, str]) -> bytes:
    """A request head with another request line, and headers replaced ("" drops one); the rest is
    passed on byte by byte. Names in `replace` are lower case."""
    lines = raw_head.rstrip(b"\r\n").split(b"\r\n")
    out = [f"{method} {target} HTTP/1.1".encode()]
    for line in lines[1:]:
        name = line.split(b":", 1)[0].strip().lower().decode("latin-1")
        if name not in replace:
            out.append(line)
    out += [f"{name}: {value}".encode("latin-1") for name, value in replace.items() if value]
    return b"\r\n".join(out) + b"\r\n\r\n"
