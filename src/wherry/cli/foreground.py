"""`wherry up --foreground`: the cluster lives as long as the command, as a service manager wants it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from pathlib import Path

from wherry.cli.console import Console
from wherry.cli.logview import follow_all, positions
from wherry.cluster.settings import ClusterSettings, Paths
from wherry.cluster.state import crashed, is_running
from wherry.cluster.up import down

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_POLL = 0.2


async def hold(
    paths: Paths, settings: ClusterSettings, console: Console, start: Coroutine[None, None, None]
) -> int:
    """Starts, shows the logs until a signal or until the cluster is stopped elsewhere, and takes it
    down. The exit code: 0 after a good end, 1 when the supervisor was lost, 130 when the start was
    interrupted."""
    since = positions(paths)
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, asked.set)
    stopping = asyncio.create_task(asked.wait())
    starting = asyncio.create_task(start)
    showing: asyncio.Task[None] | None = None
    try:
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            return 130
        await starting
        console.say("\nCtrl-C stops the cluster.\n")
        showing = asyncio.create_task(_show(paths, console, since))
        await asyncio.wait({showing, stopping}, return_when=asyncio.FIRST_COMPLETED)
        return 1 if not is_running(paths) and crashed(paths) else 0
    finally:
        tasks = [task for task in (starting, stopping, showing) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        console.say()
        await down(paths, settings, console.step)


async def _show(paths: Paths, console: Console, since: dict[Path, int]) -> None:
    """Ends when the cluster has."""
    logs = asyncio.create_task(follow_all(paths, console, since))
    try:
        while is_running(paths):
            await asyncio.sleep(_POLL)
    finally:
        logs.cancel()
        await asyncio.gather(logs, return_exceptions=True)
