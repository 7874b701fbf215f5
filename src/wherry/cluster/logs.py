"""The components' log files: opened for appending, rotated by size, followed by readers."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO

MAX_BYTES = 10 << 20
_POLL_SECONDS = 0.1
_CHUNK = 1 << 16


def open_log(path: Path) -> IO[bytes]:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("ab")


def rotate(path: Path, limit: int = MAX_BYTES) -> None:
    """Keeps one former file. The writer has the file open for appending and goes on at its new end,
    so its content is copied and the file cut short in place."""
    if path.exists() and path.stat().st_size > limit:
        shutil.copyfile(path, path.with_name(path.name + ".1"))
        with path.open("r+b") as current:
            current.truncate(0)


def tail(path: Path, lines: int) -> bytes:
    """The last lines of a file, however long it is (1 MiB at most); all of it for a negative number."""
    with path.open("rb") as source:
        if lines < 0:
            return source.read()
        size = source.seek(0, 2)
        source.seek(max(0, size - (1 << 20)))
        return b"".join(source.read().splitlines(keepends=True)[-lines:]) if lines else b""


def size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


async def follow(path: Path, position: int | None = None) -> AsyncIterator[bytes]:
    """What is appended from now (or from a position) on, through rotations, until the caller stops."""
    if position is None:
        position = size(path)
    while True:
        data = b""
        if path.exists():
            if path.stat().st_size < position:
                position = 0
            with path.open("rb") as source:
                source.seek(position)
                data = source.read(_CHUNK)
                position += len(data)
        if data:
            yield data
        else:
            await asyncio.sleep(_POLL_SECONDS)
