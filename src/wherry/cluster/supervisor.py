"""Starts a cluster's processes in order of need, restarts what dies, stops them in reverse.

One supervisor a cluster, kept single by its lock; every change of state is written for other commands
to read (`state.py`). Each service is one task; the supervisor owns them all and ends when they have.

A service that dies is back at once the first time, later after a pause that grows to ten seconds and
shrinks again when it has stayed up. Services die with the supervisor (PR_SET_PDEATHSIG); running
containers do not.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import functools
import logging
import os
import signal
from collections.abc import Sequence
from pathlib import Path

from wherry.clock import Clock
from wherry.cluster.logs import open_log, rotate
from wherry.cluster.notify import ReadySocket
from wherry.cluster.service import Service, ServiceStatus, SupervisorStatus
from wherry.cluster.settings import Paths
from wherry.cluster.state import write_status

log = logging.getLogger("wherry.cluster")

_FIRST_PAUSE = 0.05
_LAST_PAUSE = 10.0
_STEADY_SECONDS = 30.0
_ROTATE_SECONDS = 30.0
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


class Supervisor:
    def __init__(self, paths: Paths, services: Sequence[Service], clock: Clock) -> None:
        self._paths = paths
        self._services = {service.name: service for service in services}
        self._clock = clock
        self._status = {name: ServiceStatus(name) for name in self._services}
        # Short names: a socket's path is 107 bytes at most.
        self._sockets = {name: paths.run / f"{n}.notify" for n, name in enumerate(self._services)}
        self._ready = {name: asyncio.Event() for name in self._services}
        self._halt = {name: asyncio.Event() for name in self._services}
        self._stopping = asyncio.Event()
        self._stopped = {name: asyncio.Event() for name in self._services}

    def stop(self) -> None:
        """Begins the end; `run` returns when everything has stopped."""
        self._stopping.set()
        for halt in self._halt.values():
            halt.set()
        self._write()

    async def stop_service(self, name: str) -> None:
        """Stops one service for good, and returns when it has."""
        self._halt[name].set()
        await self._stopped[name].wait()

    async def run(self) -> None:
        self._write()
        async with asyncio.TaskGroup() as group:
            for service in self._services.values():
                group.create_task(self._keep(service), name=service.name)
            rotation = group.create_task(self._rotate())
            await self._stopping.wait()
            rotation.cancel()

    async def _rotate(self) -> None:
        while True:
            await asyncio.sleep(_ROTATE_SECONDS)
            for name in self._services:
                rotate(self._paths.logs / f"{name}.log")

    async def _keep(self, service: Service) -> None:
        """One service from its first start to its stop."""
        pause = _FIRST_PAUSE
        loop = asyncio.get_running_loop()
        halt = self._halt[service.name]
        for need in service.needs:
            await _either(self._ready[need], halt)
        while not halt.is_set():
            started = loop.time()
            await self._run_once(service, halt)
            if halt.is_set():
                break
            if loop.time() - started > _STEADY_SECONDS:
                pause = _FIRST_PAUSE
            self._status[service.name].restarts += 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(halt.wait(), pause)
            pause = min(pause * 2, _LAST_PAUSE)
        self._change(service.name, state="stopped", pid=0)
        self._stopped[service.name].set()

    async def _run_once(self, service: Service, halt: asyncio.Event) -> None:
        """Starts it, says when it is ready, and returns when it has ended."""
        socket = ReadySocket(self._sockets[service.name])
        try:
            process = await self._spawn(service, socket.path)
        except OSError as error:
            log.error("cannot start %s: %s", service.name, error)
            self._change(service.name, state="failed", pid=0)
            socket.close()
            return
        self._change(service.name, state="starting", pid=process.pid, started=self._clock.time())
        ended = asyncio.Event()
        watching = asyncio.create_task(_set_at_end(process, ended))
        try:
            await self._until_ready(service.name, socket.ready, ended, halt)
            await _either(ended, halt)
            if not ended.is_set():
                await self._end(service, process, ended)
        finally:
            if not ended.is_set():
                process.kill()
            await watching
            socket.close()
        if not halt.is_set():
            log.warning("%s ended with %s; starting it again", service.name, process.returncode)
            self._change(service.name, state="failed", pid=0, exit_code=process.returncode)

    async def _until_ready(
        self, name: str, ready: asyncio.Event, ended: asyncio.Event, halt: asyncio.Event
    ) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        await _either(ready, ended, halt)
        if ready.is_set() and not ended.is_set():
            self._change(name, state="ready", ready_seconds=round(loop.time() - started, 4))
            self._ready[name].set()

    async def _spawn(self, service: Service, notify: Path) -> asyncio.subprocess.Process:
        with open_log(self._paths.logs / f"{service.name}.log") as out:
            return await asyncio.create_subprocess_exec(
                *service.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env={**os.environ, **service.environment, "NOTIFY_SOCKET": str(notify)},
                start_new_session=True,
                preexec_fn=functools.partial(die_with_parent, os.getpid()),
            )

    async def _end(self, service: Service, process: asyncio.subprocess.Process, ended: asyncio.Event) -> None:
        """Stops it, after everything that needs it."""
        for other in self._services.values():
            if service.name in other.needs:
                await self._stopped[other.name].wait()
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(ended.wait(), service.stop_seconds)
        except TimeoutError:
            log.warning("%s does not stop; killing it", service.name)
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await ended.wait()

    def _change(self, name: str, **changes: object) -> None:
        for field, value in changes.items():
            setattr(self._status[name], field, value)
        self._write()

    def _write(self) -> None:
        status = SupervisorStatus(os.getpid(), self._stopping.is_set(), list(self._status.values()))
        write_status(self._paths, status)


async def _set_at_end(process: asyncio.subprocess.Process, ended: asyncio.Event) -> None:
    await process.wait()
    ended.set()


async def _either(*events: asyncio.Event) -> None:
    """Waits until one of the events is set."""
    tasks = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def die_with_parent(parent: int) -> None:
    """In the child, before exec: SIGTERM when the supervisor dies, or has died just now."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os._exit(1)
