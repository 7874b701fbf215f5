"""status, logs, get: for people, for machines, with and without a terminal."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
from pathlib import Path

from person import Person, until

COMPONENTS = ["kube-apiserver", "kube-controller-manager", "kube-scheduler", "simulated-nodes"]


def test_status_for_people(running: Person) -> None:
    lines = running.wherry("status").stdout.splitlines()
    assert lines[0].startswith('Cluster "wherry"   https://127.0.0.1:')
    assert lines[2].split()[:4] == ["COMPONENT", "STATE", "PID", "UP"]
    assert [line.split()[0] for line in lines[3:8]] == [*COMPONENTS, "supervisor"]
    assert lines[-1].startswith("Memory in all: ")


def test_status_for_machines(running: Person) -> None:
    (status,) = running.lines("status")
    assert [c["name"] for c in status["components"]] == COMPONENTS
    assert all(c["pssBytes"] > 5_000_000 and c["readySeconds"] > 0 for c in status["components"])
    assert status["context"] == "wherry"


def test_the_supervisor_is_small(running: Person) -> None:
    assert running.status()["supervisorPssBytes"] < 25_000_000


def test_status_tells_a_component_that_is_not_ready(running: Person) -> None:
    pid = running.components()["kube-scheduler"].pid
    os.kill(pid, signal.SIGKILL)
    until(lambda: running.components()["kube-scheduler"].state != "ready")
    done = subprocess.run(
        running.command("status"), env=running.environment, check=False, capture_output=True
    )
    ready_again = running.components()["kube-scheduler"].state == "ready"
    assert done.returncode == 1 or ready_again
    until(lambda: running.components()["kube-scheduler"].state == "ready")
    running.wherry("status")


def test_no_terminal_no_colours_and_a_terminal_has_them(running: Person) -> None:
    assert "\x1b" not in running.wherry("up").stdout
    assert "\x1b[" in on_terminal(running, "status")
    assert "\x1b" not in on_terminal(running, "status", NO_COLOR="1")
    assert "\x1b" not in on_terminal(running, "status", CI="true")


def on_terminal(person: Person, *words: str, **environment: str) -> str:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        person.command(*words),
        env={**person.environment, "TERM": "xterm", **environment},
        stdout=theirs,
        stderr=theirs,
        stdin=theirs,
    )
    os.close(theirs)
    said = b""
    try:
        while data := os.read(ours, 65536):
            said += data
    except OSError:  # how Linux says that nobody has the other end any more
        pass
    finally:
        os.close(ours)
    assert process.wait(20) == 0
    return said.decode()


def test_logs(running: Person) -> None:
    whole = running.wherry("logs", "kube-apiserver", "--tail", "-1").stdout
    assert "Serving securely on" in whole
    last = running.wherry("logs", "kube-apiserver", "--tail", "1").stdout
    assert last == whole.splitlines(keepends=True)[-1]
    assert running.wherry("logs", "kube-apiserver", "--tail", "0").stdout == ""
    everything = running.wherry("logs", "--tail", "5").stdout
    assert "kube-apiserver | I" in everything
    assert "kube-controller-manager | " in everything
    refused = running.wherry("logs", "kubelt", code=2).stderr
    assert 'there is no component "kubelt" in this cluster; it has kube-apiserver,' in refused


def test_logs_follow_until_ctrl_c(running: Person) -> None:
    out = running.home / "followed"
    with out.open("wb") as file:
        process = subprocess.Popen(
            running.command("logs", "supervisor", "-f", "--tail", "0"),
            env=running.environment,
            stdout=file,
            stderr=file,
        )
    try:
        until(lambda: has_a_loop(process.pid))
        os.kill(running.components()["simulated-nodes"].pid, signal.SIGKILL)
        until(lambda: "simulated-nodes ended with -9; starting it again" in out.read_text())
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()
    until(lambda: running.components()["simulated-nodes"].state == "ready")
    assert "Traceback" not in out.read_text()


def has_a_loop(pid: int) -> bool:
    """It has come to following."""
    files = Path(f"/proc/{pid}/fd").iterdir()
    return any("eventpoll" in str(file.readlink()) for file in files if file.is_symlink())


def test_unchanged_clusters_only(running: Person) -> None:
    refused = running.wherry("up", "--nodes", "9", code=2).stderr
    assert 'the cluster "wherry" exists already, with 3 nodes' in refused
    assert 'wherry delete cluster "wherry"' in refused


def test_images_are_not_needed(running: Person) -> None:
    said = running.wherry("image", "import", "whatever.tar").stdout
    assert "Simulated nodes take every image as present" in said


def test_what_is_not_there(person: Person) -> None:
    assert 'there is no cluster "wherry"; start one with: wherry up' in person.wherry("status", code=2).stderr
    for words in (("logs",), ("get", "kubeconfig"), ("demo",), ("image", "import", "x.tar")):
        assert "there is no cluster" in person.wherry(*words, code=2).stderr
    assert "nothing to stop" in person.wherry("down").stdout
    assert person.lines("down") == [{"cluster": "wherry", "left": []}]
    assert 'There is no cluster "x".' in person.wherry("delete", "cluster", "x").stdout
    assert "--name x" in person.wherry("status", "--name", "x", code=2).stderr
