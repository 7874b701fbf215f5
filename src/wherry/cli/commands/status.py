"""`wherry status`: what runs, since when, how much memory it takes."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from wherry.cli.commands.selection import cluster_options, existing, name_flag, output_option
from wherry.cli.console import Console
from wherry.clock import RealClock
from wherry.cluster.memory import pss_bytes
from wherry.cluster.service import ServiceStatus, SupervisorStatus
from wherry.cluster.settings import ClusterSettings, Paths
from wherry.cluster.state import live_status

_HEADS = ("COMPONENT", "STATE", "PID", "UP", "READY AFTER", "RESTARTS", "MEMORY")


@click.command(epilog="Example: wherry status -o json")
@cluster_options
@output_option
def status(name: str | None, data_dir: Path | None, output: str) -> None:
    """Show a cluster's components. Exit code 0 when all are ready, 3 when it is down, 1 otherwise."""
    console = Console(output)
    paths, settings = existing(name, data_dir)
    state = live_status(paths)
    if state is None:
        console.emit({"cluster": settings.name, "running": False, "components": []})
        console.say(f'Cluster "{settings.name}" is down. Start it with: wherry up{name_flag(settings.name)}')
        sys.exit(3)
    console.emit(_as_json(settings, state))
    _print(console, paths, settings, state)
    sys.exit(0 if all(service.state == "ready" for service in state.services) else 1)


def _as_json(settings: ClusterSettings, state: SupervisorStatus) -> dict[str, object]:
    return {
        "cluster": settings.name,
        "running": True,
        "simulated": settings.simulated,
        "nodes": settings.nodes,
        "server": settings.url,
        "context": settings.context,
        "supervisor": state.pid,
        "supervisorPssBytes": pss_bytes(state.pid),
        "components": [
            {
                "name": s.name,
                "state": s.state,
                "pid": s.pid,
                "started": s.started,
                "readySeconds": s.ready_seconds,
                "restarts": s.restarts,
                "exitCode": s.exit_code,
                "pssBytes": pss_bytes(s.pid),
            }
            for s in state.services
        ],
    }


def _print(console: Console, paths: Paths, settings: ClusterSettings, state: SupervisorStatus) -> None:
    now = RealClock().time()
    sizes = [pss_bytes(pid) for pid in (*(s.pid for s in state.services), state.pid)]
    rows = [_row(service, now, size) for service, size in zip(state.services, sizes, strict=False)]
    rows.append(("supervisor", "ready", str(state.pid), "", "", "", _megabytes(sizes[-1])))
    kind = f"{settings.nodes} simulated" if settings.simulated else f"node {settings.node_name}"
    console.say(f'Cluster "{settings.name}"   {settings.url}   {kind}   {paths.root}\n')
    console.table(_HEADS, rows)
    console.say(f"\nMemory in all: {_megabytes(sum(sizes))}")


def _row(service: ServiceStatus, now: float, size: int) -> tuple[str, ...]:
    alive = service.pid != 0
    return (
        service.name,
        service.state,
        str(service.pid) if alive else "",
        _age(now - service.started) if alive else "",
        f"{service.ready_seconds:.2f} s" if service.state == "ready" else "",
        str(service.restarts),
        _megabytes(size) if alive else "",
    )


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.0f} MB"


def _age(seconds: float) -> str:
    """As kubectl shortens it: `42s`, `3m7s`, `5h12m`, `9d`."""
    whole = max(int(seconds), 0)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60}s"
    if whole < 86400:
        return f"{whole // 3600}h{whole % 3600 // 60}m"
    return f"{whole // 86400}d"
