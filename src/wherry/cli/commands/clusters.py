"""`wherry get|create|delete`: kind's words for the same things."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click

from wherry.cli.commands.selection import cluster_options, output_option, paths_for
from wherry.cli.commands.up import up
from wherry.cli.console import Console
from wherry.cluster.settings import Paths, known, load
from wherry.cluster.supervisor import is_running


@click.group()
def get() -> None:
    """List clusters or show a kubeconfig."""


@get.command(epilog="Example: wherry get clusters -o json")
@output_option
def clusters(output: str) -> None:
    """List the clusters of this machine or user."""
    console = Console(output)
    found = known()
    if not found:
        console.say("No clusters. Start one with: wherry up")
    for name, root in found.items():
        running = is_running(Paths(root))
        console.emit({"cluster": name, "running": running, "dataDir": str(root)})
        console.say(f"{name:<20} {'running' if running else 'down':<8} {root}")


@get.command(epilog="Example: wherry get kubeconfig --name test > test.conf")
@cluster_options
def kubeconfig(name: str, data_dir: Path | None) -> None:
    """Print the administrator's kubeconfig."""
    sys.stdout.write(paths_for(name, data_dir).kubeconfig("admin").read_text())


@click.group()
def create() -> None:
    """Make a cluster (the same as `wherry up`)."""


create.add_command(up, "cluster")


@click.group()
def delete() -> None:
    """Remove a cluster with its data."""


@delete.command(epilog="Example: wherry delete cluster test")
@click.argument("which", required=False)
@cluster_options
@output_option
def cluster(which: str | None, name: str, data_dir: Path | None, output: str) -> None:
    """Stop a cluster and remove its data. A cluster that is not there is no error."""
    from wherry.cluster.up import delete as delete_cluster

    console = Console(output)
    name = which or name
    paths = paths_for(name, data_dir)
    settings = load(paths)
    if settings is None:
        console.say(f'There is no cluster "{name}".')
        return
    left = asyncio.run(delete_cluster(paths, settings, console.step))
    for line in left:
        click.echo(f"could not remove: {line}", err=True)
    console.emit({"cluster": name, "left": left})
    sys.exit(1 if left else 0)
