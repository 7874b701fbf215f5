"""`wherry get|create|delete`: kind's words for the same things."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click

from wherry.cli.commands.selection import (
    cluster_options,
    existing,
    found,
    name_or_default,
    output_option,
)
from wherry.cli.commands.up import up
from wherry.cli.console import Console
from wherry.cluster.settings import Paths, known, load
from wherry.cluster.state import is_running


@click.group(epilog="Example: wherry get clusters")
def get() -> None:
    """List clusters or print a kubeconfig."""


@get.command(epilog="Example: wherry get clusters -o json")
@output_option
def clusters(output: str) -> None:
    """List the clusters of this machine or user."""
    console = Console(output)
    rows = []
    for name, root in known().items():
        paths = Paths(root)
        settings = load(paths)
        if settings is None:
            continue
        running = is_running(paths)
        kind = f"{settings.nodes} simulated" if settings.simulated else "1"
        rows.append((name, "running" if running else "down", kind, settings.url, str(root)))
        console.emit(
            {
                "cluster": name,
                "running": running,
                "simulated": settings.simulated,
                "nodes": settings.nodes,
                "server": settings.url,
                "context": settings.context,
                "dataDir": str(root),
            }
        )
    if rows:
        console.table(("NAME", "STATE", "NODES", "SERVER", "DATA"), rows)
    else:
        console.say("No clusters. Start one with: wherry up")


@get.command(epilog="Example: wherry get kubeconfig --name test > test.conf")
@cluster_options
def kubeconfig(name: str | None, data_dir: Path | None) -> None:
    """Print the administrator's kubeconfig."""
    paths, _ = existing(name, data_dir)
    sys.stdout.write(paths.kubeconfig("admin").read_text())


@click.group(epilog="Example: wherry create cluster --name test --simulated")
def create() -> None:
    """Make a cluster (the same as `wherry up`)."""


create.add_command(up, "cluster")


@click.group(epilog="Example: wherry delete cluster test")
def delete() -> None:
    """Remove a cluster with its data."""


@delete.command(epilog="Example: wherry delete cluster test")
@click.argument("which", metavar="[NAME]", required=False)
@cluster_options
@output_option
def cluster(which: str | None, name: str | None, data_dir: Path | None, output: str) -> None:
    """Stop a cluster and remove its data. A cluster that is not there is no error."""
    from wherry.cluster.up import delete as delete_cluster

    console = Console(output)
    paths, settings = found(which or name, data_dir)
    if settings is None:
        chosen = name_or_default(which or name)
        console.say(f'There is no cluster "{chosen}".')
        console.emit({"cluster": chosen, "left": []})
        return
    left = asyncio.run(delete_cluster(paths, settings, console.step))
    console.emit({"cluster": settings.name, "left": left})
    for line in left:
        click.echo(f"could not remove: {line}", err=True)
    if left:
        sys.exit(1)
    console.say(f'Cluster "{settings.name}" and its data are gone.')
