"""`wherry up --foreground`, and what a signal does to a command that is at work."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from person import Person, alive, until


@contextmanager
def started(person: Person, *words: str) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    out = person.home / "out"
    with out.open("wb") as file:
        process = subprocess.Popen(
            person.command(*words), env=person.environment, stdout=file, stderr=file, cwd=person.home
        )
    try:
        yield process, out
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def test_it_ends_by_ctrl_c_or_when_the_cluster_is_lost(person: Person) -> None:
    def lost(_: subprocess.Popen[bytes]) -> None:
        os.kill(person.status()["supervisor"], signal.SIGKILL)

    ends: list[tuple[Callable[[subprocess.Popen[bytes]], None], int, str]] = [
        (lambda process: process.send_signal(signal.SIGINT), 0, "Components stopped"),
        (lost, 1, "Leftovers of a crash removed"),
    ]
    for end, code, said in ends:
        with started(person, "up", "--foreground") as (process, out):
            until(lambda out=out: re.search(r"^ +kube-apiserver \| I\d{4} ", out.read_text(), re.MULTILINE))
            pids = [c.pid for c in person.components().values()]
            end(process)
            assert process.wait(20) == code
        assert said in out.read_text()
        assert "Traceback" not in out.read_text()
        assert not any(alive(pid) for pid in pids)
        person.wherry("status", code=3)


def test_a_start_that_is_interrupted_leaves_nothing(person: Person) -> None:
    with started(person, "up", "--simulated", "--foreground") as (process, out):
        until(lambda: "Certificates" in out.read_text())
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
    assert "Traceback" not in out.read_text()
    person.wherry("status", code=3)


def test_ctrl_c_in_the_background_start_says_how_to_stop(person: Person) -> None:
    with started(person, "up", "--simulated") as (process, out):
        until(lambda: "Certificates" in out.read_text())
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
    assert "Stop what has started with: wherry down" in out.read_text()
    assert "Traceback" not in out.read_text()
