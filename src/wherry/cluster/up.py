"""`wherry up` and `wherry down` as steps, apart from how they are shown.

`up` is idempotent: on a running cluster it only looks whether all is well and refreshes the
kubeconfig. Each step is reported as it ends, with how long it took. It believes nothing that may be
left of an earlier run: components by the state that the living supervisor wrote, nodes by heartbeats
newer than the start.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

from wherry.client.connect import client_from_kubeconfig
from wherry.client.rest import Client
from wherry.clock import Clock
from wherry.cluster import addons, userconfig
from wherry.cluster.logs import open_log, tail
from wherry.cluster.nodes import ready_nodes
from wherry.cluster.remains import clear_run, end_processes, processes
from wherry.cluster.service import ServiceStatus
from wherry.cluster.services import NODE_AGENTS, services
from wherry.cluster.settings import ClusterSettings, Paths, Ports, claim, forget, load, save, with_free_ports
from wherry.cluster.state import (
    AlreadyRunning,
    Lock,
    crashed,
    is_running,
    live_status,
    supervisor_pid,
)
from wherry.cluster.steps import NotReadyInTime, Report, StartFailed, Step

_POLL = 0.02
_SHORTEST_WAIT = 30.0
_STARTS = 3
_NEEDED_FIRST = ("containerd", "kube-apiserver")


@dataclass(frozen=True, slots=True)
class UpOptions:
    """`keep_context`: enter the cluster in the kubeconfig without making it the current one.
    `wait`: seconds until node Ready and DNS answering, 0 to return when the API server is ready."""

    keep_context: bool = False
    wait: float = 60.0


@contextlib.contextmanager
def timed(report: Report, text: str) -> Iterator[None]:
    """Reports a step that ended well, with how long it took."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    yield
    report(Step(text, loop.time() - started))


@dataclass(frozen=True, slots=True)
class Started:
    """The settings may differ from those asked for in the ports, when one of them was taken."""

    settings: ClusterSettings
    kubeconfig: Path


async def up(
    paths: Paths, settings: ClusterSettings, clock: Clock, options: UpOptions, report: Report
) -> Started:
    """Brings the cluster up and enters its context in the kubeconfig. What does not come up is stopped
    again; what is only late goes on."""
    userconfig.check(settings.context)
    claim(paths, settings.name)
    for _ in range(_STARTS):
        launched = await _launch(paths, settings, clock, report)
        if not launched:
            await _first_word(paths, options)
        settings = load(paths) or settings
        try:
            await _until_ready(paths, settings, options, report)
            break
        except NotReadyInTime:
            raise
        except StartFailed:
            if not launched:
                raise
            await stop_supervisor(paths)
            if with_free_ports(settings) == settings:
                raise
            # Somebody was quicker with one of our ports: again, with others.
    else:
        raise StartFailed("the cluster's ports are taken again and again by other processes; try again")
    kubeconfig = userconfig.merge(_admin_config(paths), switch=not options.keep_context)
    return Started(settings, kubeconfig)


async def _launch(paths: Paths, settings: ClusterSettings, clock: Clock, report: Report) -> bool:
    """Makes what the cluster needs and starts its supervisor, under the cluster's lock. False when it
    runs or somebody else is starting it."""
    try:
        lock = Lock(paths)
    except AlreadyRunning:
        return False
    try:
        lock.sign(0)
        settings = await _settle_ports(paths, settings, report)
        with timed(report, "Certificates and kubeconfigs"):
            _prepare(paths, settings, clock)
        start_supervisor(paths, lock)
    finally:
        lock.release()
    return True


async def _first_word(paths: Paths, options: UpOptions) -> None:
    """Waits until a supervisor that somebody else has started tells its state."""
    deadline = asyncio.get_running_loop().time() + (options.wait or _SHORTEST_WAIT)
    while live_status(paths) is None and is_running(paths) and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(_POLL)


async def _settle_ports(paths: Paths, settings: ClusterSettings, report: Report) -> ClusterSettings:
    if crashed(paths):
        await end_processes(paths)  # they may have our ports
    settled = with_free_ports(settings)
    for field in Ports.__dataclass_fields__:
        before, now = getattr(settings.ports, field), getattr(settled.ports, field)
        if before != now:
            report(Step(f"Port {before} is in use; {field.replace('_', ' ')}: {now}", 0.0))
    return settled


def _prepare(paths: Paths, settings: ClusterSettings, clock: Clock) -> None:
    from wherry.cluster.credentials import ensure_credentials

    save(paths, settings)
    ensure_credentials(paths, settings, clock)
    if not settings.simulated:
        from wherry.cluster import runtime

        runtime.prepare(paths, settings)


async def _until_ready(
    paths: Paths,
    settings: ClusterSettings,
    options: UpOptions,
    report: Report,
) -> None:
    deadline = asyncio.get_running_loop().time() + (options.wait or _SHORTEST_WAIT)
    names = [service.name for service in services(paths, settings)]
    first = [name for name in names if name in _NEEDED_FIRST]
    for name in first:
        await _services_ready(paths, [name], deadline, report)
        if name == "containerd":
            from wherry.cluster import runtime

            await runtime.import_pause_image(paths)
    async with _admin(paths) as client:
        await addons.apply(client, settings)
        if options.wait:
            rest = [name for name in names if name not in first]
            await _services_ready(paths, rest, deadline, report)
            await _wait(paths, client, settings, deadline, report)


async def _wait(
    paths: Paths, client: Client, settings: ClusterSettings, deadline: float, report: Report
) -> None:
    if settings.simulated:
        text = f"{settings.nodes} simulated node{'s' * (settings.nodes > 1)} Ready"
    else:
        text = f"Node {settings.node_name} Ready"
    with timed(report, text):
        await _nodes_ready(paths, client, settings.nodes, deadline)
    if not settings.simulated:
        with timed(report, f"DNS answers at {settings.dns_ip}"):
            await _dns_answers(settings, deadline)


@contextlib.asynccontextmanager
async def _admin(paths: Paths) -> AsyncIterator[Client]:
    client = client_from_kubeconfig(str(paths.kubeconfig("admin")), user_agent="wherry-up")
    try:
        yield client
    finally:
        await client.close()


def _admin_config(paths: Paths) -> dict[str, object]:
    import yaml

    loaded: dict[str, object] = yaml.safe_load(paths.kubeconfig("admin").read_text())
    return loaded


def start_supervisor(paths: Paths, lock: Lock) -> None:
    """In the background, in a session of its own: it outlives this command and its terminal. It gets
    the lock; the caller's own hold on it must be released."""
    with open_log(paths.logs / "supervisor.log") as out:
        words = ["supervise", "--data-dir", str(paths.root), "--lock-fd", str(lock.fileno())]
        process = subprocess.Popen(
            [sys.executable, "-m", "wherry", *words],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            cwd="/",
            start_new_session=True,
            pass_fds=(lock.fileno(),),
        )
    lock.sign(process.pid)


async def _services_ready(
    paths: Paths,
    names: list[str],
    deadline: float,
    report: Report,
) -> None:
    """Each is reported when it is ready, with the time that it took from its own start."""
    pending = list(names)
    while True:
        status = live_status(paths)
        for name in list(pending):
            service = status.service(name) if status else None
            if service is not None and service.state == "ready":
                pending.remove(name)
                report(Step(f"{name} ready", service.ready_seconds))
            elif service is not None and _hopeless(service):
                raise StartFailed(_failure(paths, name, "does not start"))
        if not pending:
            return
        if not is_running(paths):
            raise StartFailed(_failure(paths, "supervisor", "has ended"))
        if asyncio.get_running_loop().time() > deadline:
            late = pending[0] if status else "supervisor"
            raise NotReadyInTime(_failure(paths, late, "is not ready in time"))
        await asyncio.sleep(_POLL)


def _hopeless(service: ServiceStatus) -> bool:
    return service.state == "failed" and service.restarts >= 3


def _failure(paths: Paths, name: str, what: str) -> str:
    file = paths.logs / f"{name}.log"
    last = tail(file, 3).decode(errors="replace").rstrip() if file.exists() else ""
    return f"{name} {what}; the end of {file}:\n{last}"


async def _nodes_ready(paths: Paths, client: Client, count: int, deadline: float) -> None:
    """Of heartbeats only those count that are newer than the start of whoever sends them."""
    status = live_status(paths)
    since = max((s.started for s in status.services if s.name in NODE_AGENTS), default=0.0) if status else 0.0
    ready = 0
    while asyncio.get_running_loop().time() < deadline:
        ready = await ready_nodes(client, since)
        if ready >= count:
            return
        await asyncio.sleep(_POLL + count / 2000)
    raise NotReadyInTime(
        f"{ready} of {count} nodes are Ready so far; the cluster goes on. See: wherry status, wherry logs"
    )


async def _dns_answers(settings: ClusterSettings, deadline: float) -> None:
    """Asks the Service's address, so that kube-proxy's rules are proven too."""
    from wherry.cluster.dnsprobe import resolve

    name = "kubernetes.default.svc.cluster.local"
    while asyncio.get_running_loop().time() < deadline:
        try:
            if settings.kubernetes_ip in await resolve(name, settings.dns_ip, timeout=0.3):
                return
        except (OSError, TimeoutError):
            await asyncio.sleep(_POLL)
    raise NotReadyInTime(
        f"DNS at {settings.dns_ip} does not answer; see: wherry logs dns, wherry logs kube-proxy"
    )


async def down(paths: Paths, settings: ClusterSettings, report: Report) -> list[str]:
    """Stops everything and keeps the data. Returns what could not be removed (nothing, usually).
    The context leaves the kubeconfig and the former one is current again."""
    if is_running(paths):
        with timed(report, "Components stopped" if settings.simulated else "Components and pods stopped"):
            await stop_supervisor(paths)
    elif crashed(paths):
        with timed(report, "Leftovers of a crash removed"):
            await end_processes(paths)
            clear_run(paths)
    left = [f"process {pid}" for pid in processes(paths)]
    if not settings.simulated:
        from wherry.cluster.sweep import leftovers, sweep

        with timed(report, "Network, mounts and cgroups removed"):
            sweep(paths, settings)
        left += leftovers(paths, settings)
    userconfig.remove(settings.context)
    return left


async def stop_supervisor(paths: Paths, seconds: float = 60.0) -> None:
    """Returns when its process has ended."""
    while (pid := supervisor_pid(paths)) == 0:
        await asyncio.sleep(_POLL)
    if pid is None:
        return
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    deadline = asyncio.get_running_loop().time() + seconds
    while _alive(pid):
        if asyncio.get_running_loop().time() > deadline:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            deadline += seconds
        await asyncio.sleep(_POLL)


def _alive(pid: int) -> bool:
    """A process that has ended and waits for its parent to notice counts as gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


async def delete(paths: Paths, settings: ClusterSettings, report: Report) -> list[str]:
    """`down`, and the data too."""
    left = await down(paths, settings, report)
    with timed(report, "Data removed"):
        shutil.rmtree(paths.root, ignore_errors=True)
        forget(settings.name)
    return left
