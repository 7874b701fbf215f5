"""`wherry down`: stop a cluster and leave nothing on the machine but its data."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click

from wherry.cli.commands.selection import cluster_options, output_option, paths_for
from wherry.cli.console import Console
from wherry.cluster.settings import load


@click.command(epilog="Example: wherry down --name test")
@cluster_options
@output_option
def down(name: str, data_dir: Path | None, output: str) -> None:
    """Stop a cluster. Its data stays: `wherry up` goes on with it.

    No process, mount, network interface, nft table or cgroup of it is left. The kubeconfig loses its
    context, and the one that was current before is current again.
    """
    from wherry.cluster.up import down as take_down

    console = Console(output)
    paths = paths_for(name, data_dir)
    settings = load(paths)
    if settings is None:
        console.say(f'There is no cluster "{name}": nothing to stop.')
        return
    left = asyncio.run(take_down(paths, settings, console.step))
    console.emit({"cluster": name, "left": left})
    for line in left:
        click.echo(f"could not remove: {line}", err=True)
    if left:
        sys.exit(1)
    console.say(f'Cluster "{name}" is down. Data: {paths.root}')
