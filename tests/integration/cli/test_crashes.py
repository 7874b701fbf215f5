"""kill -9 of what runs: components are back within two seconds, a lost supervisor leaves nothing."""

from __future__ import annotations

import os
import signal
import time

import pytest
from person import KUBECTL, Person, alive, processes_naming, until

pytestmark = pytest.mark.skipif(not KUBECTL.exists(), reason="needs kubectl (make kubectl)")


@pytest.mark.parametrize(
    "name", ["simulated-nodes", "kube-scheduler", "kube-controller-manager", "kube-apiserver"]
)
def test_a_killed_component_is_back_and_nothing_acknowledged_is_lost(running: Person, name: str) -> None:
    running.kubectl("create", "configmap", f"before-{name}", "--from-literal=a=b")
    pid = running.components()[name].pid
    killed = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    until(lambda: running.components()[name].pid not in (0, pid), 2)
    assert time.monotonic() - killed < 2
    until(lambda: running.components()[name].state == "ready")
    assert running.components()[name].restarts >= 1
    read = running.kubectl("get", "configmap", f"before-{name}", "-o", "jsonpath={.data.a}")
    assert read == "b"
    running.kubectl("create", "deployment", f"after-{name}", "--image=nginx")
    running.kubectl("rollout", "status", f"deployment/after-{name}", "--timeout=30s")


def test_a_supervisor_that_is_killed_or_cannot_start_leaves_nothing(person: Person) -> None:
    person.wherry("up", "--simulated")
    person.kubectl("create", "configmap", "kept")
    kill_supervisor(person)
    assert "is down" in person.wherry("status", code=3).stdout
    assert not person.lines("get", "clusters")[0]["running"]

    person.wherry("up")
    person.kubectl("get", "configmap", "kept")

    kill_supervisor(person)
    assert "Leftovers of a crash removed" in person.wherry("down").stdout
    root = person.clusters / "wherry"
    assert [entry.name for entry in (root / "run").iterdir()] == ["lock"]
    assert processes_naming(root) == []

    store = root / "store"
    store.rename(store.with_name("aside"))
    store.write_text("not a folder")
    said = person.wherry("up", code=1).stderr
    assert "kube-apiserver does not start; the end of" in said
    assert "is down" in person.wherry("status", code=3).stdout
    assert processes_naming(root) == []


def kill_supervisor(person: Person) -> None:
    status = person.status()
    os.kill(status["supervisor"], signal.SIGKILL)
    until(lambda: not any(alive(component["pid"]) for component in status["components"]), 5)
