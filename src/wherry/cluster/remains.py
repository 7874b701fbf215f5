"""What a supervisor that crashed leaves: processes that end a moment later, sockets, the status file."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from pathlib import Path

from wherry.cluster.settings import Paths
from wherry.cluster.state import LOCK, read_status

_PAUSE = 0.01
_GRACE_SECONDS = 3.0


def processes(paths: Paths) -> list[int]:
    """The services of this cluster that live, by the readiness socket in their environment; their
    pids are taken from the status file, so what they started in turn (containers) is not counted."""
    status = read_status(paths)
    mark = b"NOTIFY_SOCKET=" + os.fsencode(paths.run) + b"/"
    found = []
    for service in status.services if status else []:
        with contextlib.suppress(OSError):
            if service.pid and mark in Path(f"/proc/{service.pid}/environ").read_bytes():
                found.append(service.pid)
    return found


async def end_processes(paths: Paths) -> None:
    """Ends the services that a crashed supervisor left; they got SIGTERM when it died."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _GRACE_SECONDS
    while left := processes(paths):
        for pid in left if loop.time() > deadline else []:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        await asyncio.sleep(_PAUSE)


def clear_run(paths: Paths) -> None:
    """Removes sockets and status of what no longer runs. The lock's file stays: removing it could give
    two supervisors a lock each."""
    for entry in paths.run.iterdir() if paths.run.is_dir() else ():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        elif entry.name != LOCK:
            entry.unlink(missing_ok=True)
