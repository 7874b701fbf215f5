"""What other processes see of a running cluster: its lock and its status file.

`run/lock` is held by the supervisor, whose pid it contains; the kernel releases it with the process,
so neither a crash nor a reused pid can deceive. `run/status.json` is written whole at every change
and removed by an orderly stop: one that is there without a supervisor tells of a crash.
"""

from __future__ import annotations

import fcntl
import os
import time

import msgspec

from wherry.cluster.service import SupervisorStatus
from wherry.cluster.settings import Paths

LOCK = "lock"
_STATUS = "status.json"
_TRIES = 50
_PAUSE = 0.01


class AlreadyRunning(Exception):
    """Another supervisor holds the cluster's lock."""


class Lock:
    """`run/lock`, held as long as the object (and the process) lives. Tries for half a second, because
    whoever asks whether a supervisor runs takes the lock for a moment.

    `wherry up` takes it and hands it to the supervisor that it starts, as an open file: there is no
    moment in which the cluster seems down while it starts."""

    def __init__(self, paths: Paths, tries: int = _TRIES) -> None:
        paths.run.mkdir(parents=True, exist_ok=True)
        self._file = (paths.run / LOCK).open("a+")
        for left in reversed(range(tries)):
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError as error:
                if not left:
                    self._file.close()
                    raise AlreadyRunning(str(paths.root)) from error
                time.sleep(_PAUSE)

    @classmethod
    def handed_over(cls, descriptor: int) -> Lock:
        """The lock that the process which started this one held."""
        os.set_inheritable(descriptor, False)
        lock = cls.__new__(cls)
        lock._file = os.fdopen(descriptor, "a+")
        return lock

    def fileno(self) -> int:
        return self._file.fileno()

    def sign(self, pid: int) -> None:
        """Says which process is the supervisor."""
        self._file.truncate(0)
        self._file.write(f"{pid}\n")
        self._file.flush()

    def release(self) -> None:
        self._file.close()


def is_running(paths: Paths) -> bool:
    """Whether a supervisor lives."""
    return supervisor_pid(paths) is not None


def supervisor_pid(paths: Paths) -> int | None:
    """0 for one that has not signed yet."""
    file = paths.run / LOCK
    if not file.exists():
        return None
    try:
        Lock(paths, tries=1).release()
    except AlreadyRunning:
        text = file.read_text().strip()
        return int(text) if text.isdigit() else 0
    return None


def read_status(paths: Paths) -> SupervisorStatus | None:
    """The last state written, None before the first and after an orderly stop."""
    try:
        return msgspec.json.decode((paths.run / _STATUS).read_bytes(), type=SupervisorStatus)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def live_status(paths: Paths) -> SupervisorStatus | None:
    """The state as the supervisor that runs now wrote it, None when none runs or before its first word."""
    status = read_status(paths)
    return status if status is not None and status.pid == supervisor_pid(paths) else None


def write_status(paths: Paths, status: SupervisorStatus) -> None:
    fresh = paths.run / f"{_STATUS}.new"
    fresh.write_bytes(msgspec.json.encode(status))
    fresh.replace(paths.run / _STATUS)


def crashed(paths: Paths) -> bool:
    """Whether the last supervisor ended without cleaning up. Meaningless while one runs."""
    return (paths.run / _STATUS).exists()
