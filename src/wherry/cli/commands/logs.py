"""`wherry logs`: what a component wrote."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path

import click

from wherry.cli.commands.selection import cluster_options, existing
from wherry.cluster.logs import follow, tail
from wherry.cluster.services import services
from wherry.cluster.settings import Paths
from wherry.component_flags import UsageError


@click.command(epilog="Example: wherry logs kubelet -f")
@click.argument("component")
@cluster_options
@click.option("-f", "--follow", "following", is_flag=True, help="Go on as more is written.")
@click.option("--tail", "lines", default=100, show_default=True, help="How many of the last lines.")
def logs(component: str, name: str, data_dir: Path | None, following: bool, lines: int) -> None:
    """Show the log of COMPONENT (kube-apiserver, kubelet, …, or supervisor)."""
    paths, settings = existing(name, data_dir)
    known = [service.name for service in services(paths, settings)] + ["supervisor"]
    if component not in known:
        raise UsageError(f'no component "{component}"; there are: {", ".join(known)}')
    file = paths.logs / f"{component}.log"
    if file.exists():
        sys.stdout.buffer.write(tail(file, max(lines, 0)))
        sys.stdout.flush()
    if following:
        with contextlib.suppress(KeyboardInterrupt, BrokenPipeError):
            asyncio.run(_follow(file))


async def _follow(file: Path) -> None:
    async for data in follow(file):
        sys.stdout.buffer.write(data)
        sys.stdout.flush()


async def follow_all(paths: Paths) -> None:
    """Every component's new log lines, each with its component's name before it."""

    async def one(file: Path) -> None:
        async for data in follow(file):
            for line in data.splitlines():
                sys.stdout.write(f"{file.stem:>24} | {line.decode(errors='replace')}\n")
            sys.stdout.flush()

    async with asyncio.TaskGroup() as group:
        for file in sorted(paths.logs.glob("*.log")):
            group.create_task(one(file))
