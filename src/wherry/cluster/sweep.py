"""Removes what a real cluster leaves on a machine: pods, processes, mounts, interfaces, rules, cgroups.

`stop_pods` is the orderly way, through the runtime while it still runs. `sweep` then takes what is
left by name, whoever left it: it is idempotent, needs nothing running, and touches only what carries
this cluster's names (its cgroup parent, its bridge, its nftables tables, paths below its data
directory). The cluster's data stays.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

from wherry.cluster import mounts
from wherry.cluster.network import remove_network
from wherry.cluster.settings import ClusterSettings, Paths

log = logging.getLogger("wherry.cluster")

_CGROUPS = Path("/sys/fs/cgroup")
_WAIT_STEPS = 100
_WAIT_PAUSE = 0.02


async def stop_pods(paths: Paths, settings: ClusterSettings) -> None:
    """Ends every container and sandbox through the runtime: their networks are given back by CNI."""
    from wherry.cri.grpc import GrpcRuntime

    runtime = GrpcRuntime(f"unix://{paths.containerd_socket}")
    try:
        sandboxes = (await runtime.snapshot()).sandboxes
        limit = asyncio.Semaphore(8)

        async def end(sandbox: str) -> None:
            async with limit:
                await runtime.stop_sandbox(sandbox)
                await runtime.remove_sandbox(sandbox)

        async with asyncio.TaskGroup() as group:
            for sandbox in sandboxes:
                group.create_task(end(sandbox.id))
    finally:
        await runtime.close()


def sweep(paths: Paths, settings: ClusterSettings) -> None:
    """What is left after the components have stopped, however they stopped."""
    _kill_all(_leftover_processes(paths, settings))
    for point in mounts.mounts_under(paths.root):
        with contextlib.suppress(OSError):
            mounts.unmount(point)
    remove_network(settings)
    for group in _cgroup_parents(settings):
        _remove_cgroup(group)
    shutil.rmtree(paths.run / "cni", ignore_errors=True)


def _cgroup_parents(settings: ClusterSettings) -> list[Path]:
    """This cluster's cgroup in every hierarchy (version 1), or the one (version 2)."""
    if not _CGROUPS.is_dir():
        return []
    candidates = [
        _CGROUPS / settings.cgroup,
        *(h / settings.cgroup for h in _CGROUPS.iterdir() if h.is_dir()),
    ]
    return [group for group in candidates if group.is_dir()]


def _leftover_processes(paths: Paths, settings: ClusterSettings) -> list[int]:
    """Containers by their cgroup; containerd and its shims by our socket on their command line."""
    found: set[int] = set()
    for parent in _cgroup_parents(settings):
        for listing in parent.rglob("cgroup.procs"):
            with contextlib.suppress(OSError):
                found.update(int(pid) for pid in listing.read_text().split())
    marks = (os.fsencode(paths.containerd_socket), os.fsencode(paths.containerd / "config.toml"))
    for pid, words in _command_lines():
        if b"containerd" in Path(os.fsdecode(words[0])).name.encode() and any(m in words for m in marks):
            found.add(pid)
    return sorted(found)


def _command_lines() -> Iterator[tuple[int, list[bytes]]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue  # it ended meanwhile
            if words[0]:
                yield int(entry.name), words


def _kill_all(pids: list[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for pid in pids:
        _await_end(pid)


def _await_end(pid: int) -> None:
    """Waits, two seconds at most, until a killed process is gone (or only its parent keeps it)."""
    import time

    for _ in range(_WAIT_STEPS):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return
        if state == "Z":
            return
        time.sleep(_WAIT_PAUSE)
    log.warning("process %d does not end", pid)


def _remove_cgroup(group: Path) -> None:
    """Children first; a cgroup is a directory that rmdir removes although it shows files."""
    for child in sorted((p for p in group.rglob("*") if p.is_dir()), key=lambda p: -len(p.parts)):
        with contextlib.suppress(OSError):
            child.rmdir()
    with contextlib.suppress(OSError):
        group.rmdir()


def leftovers(paths: Paths, settings: ClusterSettings) -> list[str]:
    """What of this cluster is still on the machine, for people and tests; empty after a good stop."""
    found = [f"process {pid}" for pid in _leftover_processes(paths, settings)]
    found += [f"mount {point}" for point in mounts.mounts_under(paths.root)]
    found += [f"cgroup {group}" for group in _cgroup_parents(settings)]
    if Path(f"/sys/class/net/{settings.bridge}").exists():
        found.append(f"network interface {settings.bridge}")
    tables = subprocess.run(["nft", "list", "tables"], capture_output=True, text=True, check=False).stdout
    found += [f"nft {line}" for line in tables.splitlines() if settings.nft_table in line]
    return found
