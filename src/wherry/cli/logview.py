"""Several components' logs as one stream, each line with its component's name before it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from wherry.cli.console import DIM, Console
from wherry.cluster.logs import follow, size, tail
from wherry.cluster.settings import Paths


def log_files(paths: Paths) -> list[Path]:
    return sorted(paths.logs.glob("*.log"))


def tail_all(paths: Paths, console: Console, lines: int) -> None:
    """The last lines of each, one component after the other."""
    for file in log_files(paths):
        for line in tail(file, lines).splitlines():
            console.say(_prefixed(console, file, line))


def positions(paths: Paths) -> dict[Path, int]:
    """Where the logs end now."""
    return {file: size(file) for file in log_files(paths)}


async def follow_all(paths: Paths, console: Console, since: Mapping[Path, int]) -> None:
    """What they have written since they ended at these positions and write from now on, until
    cancelled. Logs without a position are new and shown whole."""
    async with asyncio.TaskGroup() as group:
        for file in log_files(paths):
            group.create_task(_follow_one(file, console, since.get(file, 0)))


async def _follow_one(file: Path, console: Console, position: int) -> None:
    rest = b""
    async for data in follow(file, position):
        *whole, rest = (rest + data).split(b"\n")
        for line in whole:
            console.say(_prefixed(console, file, line))


def _prefixed(console: Console, file: Path, line: bytes) -> str:
    return f"{console.paint(f'{file.stem:>23} |', DIM)} {line.decode(errors='replace')}"
