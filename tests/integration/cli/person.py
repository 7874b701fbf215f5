"""Somebody at a terminal, with a home directory of their own: runs `wherry` and kubectl as commands."""

from __future__ import annotations

import importlib.util
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from wherry.cluster.service import ServiceStatus
from wherry.cluster.settings import Paths
from wherry.cluster.state import live_status

KUBECTL = Path.home() / ".cache" / "wherry" / "bin" / "kubectl"
_DROPPED = ("CI", "NO_COLOR", "WHERRY_CLUSTER_NAME", "WHERRY_HOME", "KUBECONFIG", "NOTIFY_SOCKET")


def until(condition: Callable[[], Any], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def processes_naming(path: Path) -> list[str]:
    """The command lines of living processes that name a path."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if str(path) in line and alive(int(entry.name)):
                found.append(line)
    return found


def machine_module() -> ModuleType:
    """tests/e2e/cluster/machine.py, which lies in no package."""
    file = Path(__file__).parents[2] / "e2e" / "cluster" / "machine.py"
    spec = importlib.util.spec_from_file_location("cluster_machine", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Person:
    """`leave` takes every cluster away. The PATH has `wherry` and kubectl; no container runtime unless
    `whole_path`."""

    def __init__(self, home: Path, *, whole_path: bool = False, prefix: Sequence[str] = ()) -> None:
        self.home = home
        self.clusters = home / "w"
        self.prefix = list(prefix)
        binaries = home / "bin"
        binaries.mkdir(parents=True)
        script = binaries / "wherry"
        script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m wherry "$@"\n')
        script.chmod(0o755)
        if KUBECTL.exists():
            (binaries / "kubectl").symlink_to(KUBECTL)
        kept = {name: value for name, value in os.environ.items() if name not in _DROPPED}
        path = f"{binaries}:{os.environ['PATH']}" if whole_path else str(binaries)
        self.environment = {
            **kept,
            "HOME": str(home),
            "WHERRY_HOME": str(self.clusters),
            "KUBECONFIG": str(home / "kubeconfig"),
            "PATH": path,
        }

    def command(self, *words: str) -> list[str]:
        return [*self.prefix, sys.executable, "-m", "wherry", *words]

    def wherry(self, *words: str, code: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            self.command(*words),
            env={**self.environment, **environment},
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        shown = f"wherry {' '.join(words)}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        assert done.returncode == code, shown
        assert "Traceback" not in done.stderr, shown
        return done

    def lines(self, *words: str, code: int = 0) -> list[Any]:
        """The JSON objects that `-o json` prints, one a line."""
        return [json.loads(line) for line in self.wherry(*words, "-o", "json", code=code).stdout.splitlines()]

    def status(self, *words: str) -> dict[str, Any]:
        done = subprocess.run(
            self.command("status", "-o", "json", *words),
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def components(self, name: str = "wherry") -> dict[str, ServiceStatus]:
        """What the living supervisor says, read without a command: for waiting."""
        status = live_status(Paths((self.clusters / "index" / name).resolve()))
        return {service.name: service for service in status.services} if status else {}

    def kubectl(self, *words: str, input: str | None = None) -> str:
        done = subprocess.run(
            [str(KUBECTL), *words],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            input=input,
            check=False,
        )
        assert done.returncode == 0, f"kubectl {' '.join(words)}\n{done.stdout}{done.stderr}"
        return done.stdout

    def context(self) -> str:
        return self.kubectl("config", "view", "-o", "jsonpath={.current-context}")

    def leave(self) -> None:
        for line in self.lines("get", "clusters"):
            self.wherry("delete", "cluster", line["cluster"])
