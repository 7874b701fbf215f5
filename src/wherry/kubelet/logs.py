"""Container logs as the runtime writes them, read as `kubectl logs` wants them.

    2026-11-23T13:07:16.997500659Z stdout F text\\n        one line of the file (CRI log format)

`F` ends a line, `P` is a piece of one. Reading is in blocks and bounded; following waits for file
changes and goes on in the next file when the log is rotated. Upstream: `kuberuntime/logs`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from wherry.clock import parse_rfc3339
from wherry.kubelet.machine.disk import Disk
from wherry.kubelet.machine.inotify import FileWatcher

BLOCK = 64 * 1024
_RECHECK = 1.0


@dataclass(frozen=True, slots=True)
class LogOptions:
    """core/v1 PodLogOptions. Negative `tail` and `limit` mean "all"; `since` is seconds since the epoch."""

    follow: bool = False
    timestamps: bool = False
    tail: int = -1
    limit: int = -1
    since: float = 0.0
    stream: str = "All"


class _Filter:
    """Takes raw lines, gives what the reader is to see, until the limit is reached."""

    def __init__(self, options: LogOptions) -> None:
        self._options = options
        self._left = options.limit
        self._middle = False  # inside a line whose stamp has been written

    def full(self) -> bool:
        """Whether the limit is reached."""
        return self._left == 0

    def take(self, line: bytes) -> bytes:
        parts = line.split(b" ", 3)
        if len(parts) < 4:
            return b""  # not the runtime's format: cut off by a crash
        stamp, stream, tag, text = parts
        wanted = self._options.stream
        if wanted != "All" and stream != wanted.lower().encode():
            return b""
        if self._options.since and _before(stamp, self._options.since):
            return b""
        whole = not tag.startswith(b"P")
        if whole and not text.endswith(b"\n"):
            text += b"\n"
        elif not whole:
            text = text.removesuffix(b"\n")
        if self._options.timestamps and not self._middle:
            text = stamp + b" " + text
        self._middle = not whole
        if self._left >= 0:
            text = text[: self._left]
            self._left -= len(text)
        return text


def _before(stamp: bytes, since: float) -> bool:
    try:
        return parse_rfc3339(stamp.decode()[:26].rstrip("Z") + "+00:00") < since
    except ValueError:
        return False


async def read_log(
    path: Path,
    options: LogOptions,
    disk: Disk,
    watcher: FileWatcher,
    alive: Callable[[], bool],
) -> AsyncIterator[bytes]:
    """The log from where `options` say. With `follow` it ends when `alive` says no and all is read.
    FileNotFoundError when there is no log."""
    out = _Filter(options)
    file = await disk.run(_open, path, options.tail)
    try:
        if not options.follow:
            async for chunk in _chunks(file, disk, out):
                yield chunk
            return
        rest = b""
        while not out.full():
            async with watcher.watch(path) as changed:
                while not out.full():
                    last = not alive()
                    block = await disk.run(file.read, BLOCK)
                    if block:
                        rest, chunk = _lines(rest + block, out)
                        if chunk:
                            yield chunk
                        continue
                    if last:
                        return
                    if await disk.run(_replaced, file, path):
                        break
                    await changed.wait(_RECHECK)
            if out.full():
                return
            await disk.run(file.close)
            file = await disk.run(_open, path, -1)
    finally:
        file.close()


async def _chunks(file: FileIO, disk: Disk, out: _Filter) -> AsyncIterator[bytes]:
    rest = b""
    while not out.full() and (block := await disk.run(file.read, BLOCK)):
        rest, chunk = _lines(rest + block, out)
        if chunk:
            yield chunk
    if rest and not out.full():
        yield out.take(rest)


def _lines(data: bytes, out: _Filter) -> tuple[bytes, bytes]:
    """(the unfinished line, what the whole ones give)."""
    lines = data.split(b"\n")
    rest = lines.pop()
    parts = []
    for line in lines:
        parts.append(out.take(line + b"\n"))
        if out.full():
            break
    return rest, b"".join(parts)


def _open(path: Path, tail: int) -> FileIO:
    file = path.open("rb", buffering=0)
    file.seek(tail_start(file, tail) if tail >= 0 else 0)
    return file


def tail_start(file: FileIO, lines: int) -> int:
    """Where the last `lines` lines begin, looking backwards block by block."""
    end = file.seek(0, 2)
    if lines == 0:
        return end
    at, found = end, 0
    while at > 0:
        size = min(BLOCK, at)
        at -= size
        file.seek(at)
        block = file.read(size)
        search = len(block)
        while (newline := block.rfind(b"\n", 0, search)) >= 0:
            search = newline
            if at + newline == end - 1:
                continue  # the newline that ends the last line
            found += 1
            if found == lines:
                return at + newline + 1
    return 0


def _replaced(file: FileIO, path: Path) -> bool:
    """Whether the log was rotated: the name stands for another file now."""
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    here = Path(f"/proc/self/fd/{file.fileno()}").stat()
    return (there.st_dev, there.st_ino) != (here.st_dev, here.st_ino)
