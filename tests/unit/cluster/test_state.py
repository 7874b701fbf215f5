from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from wherry.cluster import remains, state
from wherry.cluster.service import ServiceStatus, SupervisorStatus
from wherry.cluster.settings import Paths
from wherry.cluster.state import AlreadyRunning, Lock

SLEEPER = (
    "import signal, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); signal.pause()"
)


def test_the_lock_says_who_has_it(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    assert state.supervisor_pid(paths) is None
    lock = Lock(paths)
    assert state.supervisor_pid(paths) == 0
    lock.sign(4242)
    assert state.supervisor_pid(paths) == 4242
    with pytest.raises(AlreadyRunning):
        Lock(paths, tries=2)
    lock.release()
    assert not state.is_running(paths)


def test_a_lock_that_is_handed_over_is_never_free(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    lock = Lock(paths)
    child = subprocess.Popen(
        [sys.executable, "-S", "-c", "input()"], stdin=subprocess.PIPE, pass_fds=(lock.fileno(),)
    )
    lock.release()
    assert state.is_running(paths)
    child.communicate(b"\n")
    assert not state.is_running(paths)
    lock = Lock(paths)
    again = Lock.handed_over(os.dup(lock.fileno()))
    lock.release()
    assert not os.get_inheritable(again.fileno())
    assert state.is_running(paths)
    again.release()


def test_only_the_living_supervisors_word_counts(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    lock = Lock(paths)
    lock.sign(1)
    state.write_status(paths, SupervisorStatus(2, False, []))
    assert state.live_status(paths) is None
    state.write_status(paths, SupervisorStatus(1, False, []))
    assert state.live_status(paths) is not None
    lock.release()
    assert state.live_status(paths) is None
    assert state.crashed(paths)
    remains.clear_run(paths)
    assert not state.crashed(paths)
    assert [entry.name for entry in paths.run.iterdir()] == ["lock"]


def test_leftovers_are_ended_and_strangers_are_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = Paths(tmp_path)
    paths.run.mkdir()
    monkeypatch.setattr(remains, "_GRACE_SECONDS", 0.0)

    def sleeper(socket: Path) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-S", "-c", SLEEPER],
            env={"NOTIFY_SOCKET": str(socket)},
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        process.stdout.readline()
        return process

    ours, stranger = sleeper(paths.run / "0.notify"), sleeper(tmp_path / "other" / "0.notify")
    try:
        services = [
            ServiceStatus("a", pid=ours.pid),
            ServiceStatus("b", pid=stranger.pid),
            ServiceStatus("c"),
        ]
        state.write_status(paths, SupervisorStatus(1, False, services))
        assert remains.processes(paths) == [ours.pid]

        async def end() -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(remains.end_processes(paths))
                await asyncio.to_thread(ours.wait)

        asyncio.run(end())
        assert stranger.poll() is None
    finally:
        for process in (ours, stranger):
            process.kill()
            process.communicate()
