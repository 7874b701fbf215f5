from __future__ import annotations

import asyncio
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.clock import parse_rfc3339
from wherry.kubelet.logs import LogOptions, read_log, tail_start
from wherry.kubelet.machine.disk import Disk
from wherry.kubelet.machine.inotify import FileWatcher

LINES = b"".join(
    (
        b"2026-11-23T13:00:00.000000001Z stdout F one\n",
        b"2026-11-23T13:00:01.000000001Z stderr F oops\n",
        b"2026-11-23T13:00:02.000000001Z stdout P tw\n",
        b"2026-11-23T13:00:02.000000002Z stdout F o\n",
        b"2026-11-23T13:00:03.000000001Z stdout F three\n",
    )
)


def read(path: Path, options: LogOptions) -> str:
    async def main() -> bytes:
        disk, watcher = Disk(), FileWatcher()
        try:
            return b"".join([c async for c in read_log(path, options, disk, watcher, lambda: False)])
        finally:
            watcher.close()
            disk.close()

    return asyncio.run(main()).decode()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "0.log"
    path.write_bytes(LINES)
    return path


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (LogOptions(), "one\noops\ntwo\nthree\n"),
        (LogOptions(follow=True), "one\noops\ntwo\nthree\n"),
        (LogOptions(tail=1), "three\n"),
        (LogOptions(tail=0), ""),
        (LogOptions(tail=99), "one\noops\ntwo\nthree\n"),
        (LogOptions(limit=6), "one\noo"),
        (LogOptions(limit=0), ""),
        (LogOptions(stream="Stderr"), "oops\n"),
        (LogOptions(since=parse_rfc3339("2026-11-23T13:00:02Z")), "two\nthree\n"),
        (LogOptions(timestamps=True, tail=1), "2026-11-23T13:00:03.000000001Z three\n"),
        (LogOptions(timestamps=True, tail=3, limit=35), "2026-11-23T13:00:02.000000001Z two\n"),
    ],
)
def test_options(log: Path, options: LogOptions, text: str) -> None:
    assert read(log, options) == text


def test_lines_that_are_none_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "0.log"
    path.write_bytes(b"\nhalf a li\n\xff\xfe\n" + LINES[:45])
    assert read(path, LogOptions()) == "one\n"


def test_a_missing_log(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "none", LogOptions())


def test_following_over_a_rotation(tmp_path: Path) -> None:
    path = tmp_path / "0.log"
    path.write_bytes(LINES[:45])

    async def main() -> list[str]:
        disk, watcher = Disk(), FileWatcher()
        alive = [True]
        stream = read_log(path, LogOptions(follow=True), disk, watcher, lambda: alive[0])
        found = [(await anext(stream)).decode()]
        with path.open("ab") as file:
            file.write(LINES[45:91])
        found.append((await anext(stream)).decode())
        path.rename(tmp_path / "0.log.1")
        path.write_bytes(b"2026-11-23T13:00:09.0Z stdout F new\n")
        found.append((await anext(stream)).decode())
        alive[0] = False
        with pytest.raises(StopAsyncIteration):
            await anext(stream)
        watcher.close()
        disk.close()
        return found

    assert asyncio.run(main()) == ["one\n", "oops\n", "new\n"]


@given(st.lists(st.binary(max_size=30).map(lambda b: b.replace(b"\n", b"")), max_size=20), st.integers(0, 25))
def test_tail_is_what_the_last_lines_are(lines: list[bytes], count: int) -> None:
    data = b"".join(line + b"\n" for line in lines)
    start = tail_start(io.BytesIO(data), count)  # type: ignore[arg-type]
    assert data[start:] == b"".join(line + b"\n" for line in lines[max(0, len(lines) - count) :])
