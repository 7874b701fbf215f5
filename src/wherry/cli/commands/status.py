"""`wherry status`: what runs, since when, how much memory it takes."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from wherry.cli.commands.selection import cluster_options, existing, output_option
from wherry.cli.console import Console
from wherry.clock import RealClock
from wherry.cluster.memory import pss_bytes
from wherry.cluster.service import SupervisorStatus
from wherry.cluster.settings import ClusterSettings, Paths
from wherry.cluster.supervisor import is_running, read_status


@click.command(epilog="Example: wherry status -o json")
@cluster_options
@output_option
def status(name: str, data_dir: Path | None, output: str) -> None:
    """Show a cluster's components. Exit code 0 when all are ready, 3 when it is down, 1 otherwise."""
    console = Console(output)
    paths, settings = existing(name, data_dir)
    state = read_status(paths) if is_running(paths) else None
    if state is None:
        console.emit({"cluster": name, "running": False, "components": []})
        console.say(f'Cluster "{name}" is down. Start it with: wherry up' + _name_flag(settings))
        sys.exit(3)
    if console.json:
        console.emit(_as_json(settings, state))
    else:
        _print(console, paths, settings, state)
    sys.exit(0 if all(s.state == "ready" for s in state.services) else 1)


def _name_flag(settings: ClusterSettings) -> str:
    return "" if settings.name == settings.context else f" --name {settings.name}"


def _as_json(settings: ClusterSettings, state: SupervisorStatus) -> dict[str, object]:
    return {
        "cluster": settings.name,
        "running": True,
        "server": settings.url,
        "context": settings.context,
        "supervisor": state.pid,
        "components": [
            {
                "name": s.name,
                "state": s.state,
                "pid": s.pid,
                "started": s.started,
                "readySeconds": s.ready_seconds,
                "restarts": s.restarts,
                "pssBytes": pss_bytes(s.pid),
            }
            for s in state.services
        ],
    }


def _print(console: Console, paths: Paths, settings: ClusterSettings, state: SupervisorStatus) -> None:
    from rich.console import Console as Rich
    from rich.table import Table

    now = RealClock().time()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("COMPONENT", "STATE", "PID", "UP", "READY AFTER", "RESTARTS", "MEMORY"):
        table.add_column(column, justify="left" if column in ("COMPONENT", "STATE") else "right")
    for s in state.services:
        up = f"{now - s.started:.0f}s" if s.pid else ""
        memory = f"{pss_bytes(s.pid) / 1e6:.0f} MB" if s.pid else ""
        colour = "green" if s.state == "ready" else "yellow"
        table.add_row(
            s.name,
            f"[{colour}]{s.state}[/]",
            str(s.pid or ""),
            up,
            f"{s.ready_seconds:.2f}s",
            str(s.restarts),
            memory,
        )
    console.say(f'Cluster "{settings.name}"  {settings.url}  data in {paths.root}\n')
    Rich().print(table)
