"""The supervisor's process: `wherry supervise`, what `wherry up` leaves in the background."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from pathlib import Path

from wherry.clock import RealClock
from wherry.cluster.mounts import enter_private_namespace
from wherry.cluster.orphans import adopt_orphans, reap_as_they_end, reap_rest
from wherry.cluster.remains import clear_run, end_processes
from wherry.cluster.services import services
from wherry.cluster.settings import ClusterSettings, Paths
from wherry.cluster.state import Lock, crashed
from wherry.cluster.supervisor import Supervisor

log = logging.getLogger("wherry.cluster")


def supervise(paths: Paths, settings: ClusterSettings, lock: Lock) -> None:
    """Runs the cluster until SIGTERM or SIGINT, then stops it whole: pods, components, network.
    What a crashed predecessor left is removed first. The lock is released at the end."""
    lock.sign(os.getpid())
    made: list[Path] = []
    try:
        if crashed(paths):
            log.warning("the last supervisor did not end in good order; removing what it left")
            asyncio.run(_clean(paths, settings))
        if not settings.simulated:
            made = enter_private_namespace()
            adopt_orphans()
        asyncio.run(_run(paths, settings))
        asyncio.run(_clean(paths, settings))
        reap_rest()
    finally:
        for path in made:
            _remove_if_empty(path)
        lock.release()


async def _clean(paths: Paths, settings: ClusterSettings) -> None:
    await end_processes(paths)
    if not settings.simulated:
        from wherry.cluster.sweep import sweep

        sweep(paths, settings)
    clear_run(paths)


async def _run(paths: Paths, settings: ClusterSettings) -> None:
    supervisor = Supervisor(paths, services(paths, settings), RealClock())
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    reap_as_they_end(loop)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(supervisor.run())
        await stopping.wait()
        log.info("stopping")
        if not settings.simulated:
            await supervisor.stop_service("kubelet")
            await _stop_pods(paths, settings)
        supervisor.stop()
        await running


async def _stop_pods(paths: Paths, settings: ClusterSettings) -> None:
    from wherry.cluster.sweep import stop_pods
    from wherry.cri.types import RuntimeFault

    try:
        async with asyncio.timeout(20):
            await stop_pods(paths, settings)
    except* (RuntimeFault, OSError, TimeoutError) as errors:
        log.warning("pods did not stop in good order; removing them: %s", errors.exceptions)


def _remove_if_empty(path: Path) -> None:
    try:
        path.rmdir()
    except OSError as error:
        log.debug("%s stays: %s", path, error)
