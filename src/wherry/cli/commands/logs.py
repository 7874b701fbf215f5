"""`wherry logs`: what the components wrote."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path

import click

from wherry.cli.commands.selection import cluster_options, existing
from wherry.cli.console import Console
from wherry.cli.logview import follow_all, positions, tail_all
from wherry.cluster.logs import follow, tail
from wherry.cluster.services import services
from wherry.component_flags import UsageError


@click.command(epilog="Example: wherry logs kube-apiserver -f --tail 20")
@click.argument("component", required=False)
@cluster_options
@click.option("-f", "--follow", "following", is_flag=True, help="Go on as more is written.")
@click.option(
    "--tail", "lines", default=100, show_default=True, help="How many of the last lines; -1 for all."
)
def logs(component: str | None, name: str | None, data_dir: Path | None, following: bool, lines: int) -> None:
    """Show the log of COMPONENT (kube-apiserver, kubelet, …, or supervisor), or of all of them."""
    console = Console()
    paths, settings = existing(name, data_dir)
    if component is None:
        since = positions(paths)
        tail_all(paths, console, lines)
        if following:
            with contextlib.suppress(KeyboardInterrupt):
                asyncio.run(follow_all(paths, console, since))
        return
    known = [service.name for service in services(paths, settings)] + ["supervisor"]
    if component not in known:
        raise UsageError(f'there is no component "{component}" in this cluster; it has {", ".join(known)}')
    file = paths.logs / f"{component}.log"
    if file.exists():
        sys.stdout.buffer.write(tail(file, lines))
        sys.stdout.flush()
    if following:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(_follow(file))


async def _follow(file: Path) -> None:
    async for data in follow(file):
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
