"""A machine for tests: a network namespace with an address and a default route, and wherry in it.

Only loopback and the machine's own address exist there, so nothing a test does reaches the network.
`nsenter` rather than `ip netns exec`: the latter would hide the cgroups.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ADDRESS = "172.31.77.11"
KUBECTL = Path.home() / ".cache" / "wherry" / "bin" / "kubectl"


def missing() -> str:
    """Why real containers cannot be tested here; empty when they can."""
    if os.geteuid() != 0:
        return "needs root"
    programs = ("containerd", "runc", "nft", "ip", "nsenter", "busybox")
    absent = [name for name in programs if shutil.which(name) is None]
    if absent:
        return f"needs {', '.join(absent)}"
    return "" if KUBECTL.exists() else "needs kubectl (make kubectl)"


class Machine:
    """Made on entry, gone on exit with everything in it."""

    def __init__(self, name: str, home: Path) -> None:
        self.name = name
        self.home = home
        self.environment = {
            **os.environ,
            "WHERRY_HOME": str(home / "clusters"),
            "KUBECONFIG": str(home / "kubeconfig"),
            "HOME": str(home),
        }

    def __enter__(self) -> Machine:
        ip = ["ip", "-n", self.name]
        for command in (
            ["ip", "netns", "add", self.name],
            [*ip, "link", "set", "lo", "up"],
            [*ip, "link", "add", "eth0", "type", "veth", "peer", "name", "uplink"],
            [*ip, "address", "add", f"{ADDRESS}/24", "dev", "eth0"],
            [*ip, "link", "set", "eth0", "up"],
            [*ip, "link", "set", "uplink", "up"],
            [*ip, "route", "add", "default", "via", "172.31.77.1"],
        ):
            subprocess.run(command, check=True)
        return self

    def __exit__(self, *_: object) -> None:
        self.wherry("delete", "cluster", check=False)
        subprocess.run(["ip", "netns", "delete", self.name], check=False)

    def run(
        self, *command: str, check: bool = True, timeout: float = 120, input: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            ["nsenter", f"--net=/run/netns/{self.name}", *command],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            input=input,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def wherry(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self.run(sys.executable, "-m", "wherry", *words, check=check)

    def kubectl(self, *words: str, check: bool = True, input: str | None = None) -> str:
        return self.run(str(KUBECTL), *words, check=check, input=input).stdout

    def get(self, *words: str) -> Any:
        return json.loads(self.kubectl("get", *words, "-o", "json"))

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.wherry("status", "-o", "json", check=False).stdout)
        return found

    def component(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = next(c for c in self.status()["components"] if c["name"] == name)
        return found
