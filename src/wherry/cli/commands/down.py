"""`wherry down`: stop a cluster and leave nothing on the machine but its data."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click

from wherry.cli.commands.selection import cluster_options, found, name_or_default, output_option
from wherry.cli.console import Console
from wherry.cluster.state import crashed, is_running


@click.command(epilog="Example: wherry down --name test")
@cluster_options
@output_option
def down(name: str | None, data_dir: Path | None, output: str) -> None:
    """Stop a cluster. Its data stays: `wherry up` goes on with it.

    No process, mount, network interface, nft table or cgroup of it is left. The kubeconfig loses its
    context, and the one that was current before is current again. A cluster that is not there or
    down already is no error.
    """
    from wherry.cluster.up import down as take_down

    console = Console(output)
    paths, settings = found(name, data_dir)
    if settings is None:
        chosen = name_or_default(name)
        console.say(f'There is no cluster "{chosen}": nothing to stop.')
        console.emit({"cluster": chosen, "left": []})
        return
    already = not is_running(paths) and not crashed(paths)
    left = asyncio.run(take_down(paths, settings, (lambda _: None) if already else console.step))
    console.emit({"cluster": settings.name, "left": left})
    for line in left:
        click.echo(f"could not remove: {line}", err=True)
    if left:
        sys.exit(1)
    state = "was down already" if already else "is down"
    console.say(f'Cluster "{settings.name}" {state}. Its data stays in {paths.root}')
