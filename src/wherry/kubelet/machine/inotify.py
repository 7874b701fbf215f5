"""File changes as asyncio events, through Linux's inotify: no polling, no threads.

    async with watcher.watch(path) as changed:
        await changed.wait(); changed.clear()

One inotify instance serves the whole kubelet. Where there is none (limit reached), waiting falls
back to a short sleep.
"""

from __future__ import annotations

import asyncio
import ctypes
import functools
import os
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

_CLOEXEC, _NONBLOCK = 0o2000000, 0o4000
_MODIFY, _CLOSE_WRITE, _MOVED_FROM, _MOVED_TO = 0x2, 0x8, 0x40, 0x80
_CREATE, _DELETE, _DELETE_SELF, _MOVE_SELF = 0x100, 0x200, 0x400, 0x800
_MASK = _MODIFY | _CLOSE_WRITE | _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE | _DELETE_SELF | _MOVE_SELF
_HEAD = struct.Struct("iIII")
FALLBACK = 0.25


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


class Changed:
    """Set when something happened to the path; starts set, so that the first look is not missed."""

    def __init__(self, *, polled: bool) -> None:
        self._event = asyncio.Event()
        self._event.set()
        self._polled = polled

    def set(self) -> None:
        self._event.set()

    async def wait(self, timeout: float | None = None) -> None:
        """Returns at the next change, or after `timeout` seconds."""
        limit = min(timeout or FALLBACK, FALLBACK) if self._polled else timeout
        try:
            async with asyncio.timeout(limit):
                await self._event.wait()
        except TimeoutError:
            pass
        self._event.clear()


class FileWatcher:
    def __init__(self) -> None:
        self._fd = _libc().inotify_init1(_CLOEXEC | _NONBLOCK)
        self._watching: dict[int, list[Changed]] = {}
        if self._fd >= 0:
            asyncio.get_running_loop().add_reader(self._fd, self._read)

    def close(self) -> None:
        if self._fd >= 0:
            asyncio.get_running_loop().remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1

    @asynccontextmanager
    async def watch(self, path: Path) -> AsyncIterator[Changed]:
        """A file, or a folder and what is directly in it."""
        number = -1
        if self._fd >= 0:
            number = _libc().inotify_add_watch(self._fd, os.fsencode(path), _MASK)
        changed = Changed(polled=number < 0)
        self._watching.setdefault(number, []).append(changed)
        try:
            yield changed
        finally:
            others = self._watching.get(number, [])
            if changed in others:
                others.remove(changed)
            if not others and self._watching.pop(number, None) is not None and number >= 0:
                _libc().inotify_rm_watch(self._fd, number)

    def _read(self) -> None:
        try:
            data = os.read(self._fd, 65536)
        except BlockingIOError:
            return
        at = 0
        while at + _HEAD.size <= len(data):
            number, _, _, length = _HEAD.unpack_from(data, at)
            at += _HEAD.size + length
            for changed in self._watching.get(number, ()):
                changed.set()
