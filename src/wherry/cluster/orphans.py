"""containerd's shims, when they end: somebody must wait for them, or they stay in the process table.

A shim leaves its parent at birth. Its orphans go to the nearest subreaper above, else to process 1,
which on small machines and in containers may take its time or never look. So the supervisor is the
subreaper of its cluster. It must not wait for its own children, whom asyncio waits for: shims are told
from them by their name.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
_SHIM = "containerd-shim"
_AGAIN_SECONDS = 0.1
_libc = ctypes.CDLL(None, use_errno=True)


def adopt_orphans() -> None:
    """From now on orphans among this process's descendants become its children."""
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def reap_as_they_end(loop: asyncio.AbstractEventLoop) -> None:
    """Waits for shims whenever a child ends, as long as the loop runs."""

    def look() -> None:
        if _reap_shims():
            loop.call_later(_AGAIN_SECONDS, look)

    loop.add_signal_handler(signal.SIGCHLD, look)


def _reap_shims() -> bool:
    """Whether an ended child of another kind stands before others that could not be seen."""
    while True:
        try:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return False
        if ended is None:
            return False
        if _name(ended.si_pid) != _SHIM:
            return True
        os.waitpid(ended.si_pid, os.WNOHANG)


def reap_rest() -> None:
    """Waits for whatever has ended; for the very end, when no child of our own is left."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return  # there is no child at all


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""
