"""`wherry up` and `wherry down` as steps, apart from how they are shown.

`up` is idempotent: on a running cluster it only waits and refreshes the kubeconfig. Each step is
reported as it ends, with how long it took; a step that fails raises `StartFailed` with what to look
at.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from wherry.api.errors import ApiError
from wherry.api.scheme import resource
from wherry.client.connect import client_from_kubeconfig
from wherry.client.rest import Client
from wherry.clock import Clock
from wherry.cluster import addons, runtime, userconfig
from wherry.cluster.credentials import ensure_credentials
from wherry.cluster.dnsprobe import resolve
from wherry.cluster.logs import open_log, tail
from wherry.cluster.settings import ClusterSettings, Paths, forget, save
from wherry.cluster.supervisor import is_running, read_status

_POLL = 0.02


@dataclass(frozen=True, slots=True)
class Step:
    text: str
    seconds: float


Report = Callable[[Step], None]


class StartFailed(Exception):
    """The cluster did not come up; the text says where to look."""


@dataclass(frozen=True, slots=True)
class UpOptions:
    """`keep_context`: enter the cluster in the kubeconfig without making it the current one.
    `wait`: seconds until node Ready and DNS answering, 0 to return when the API server is ready."""

    keep_context: bool = False
    wait: float = 60.0


@contextlib.contextmanager
def _timed(report: Report, text: str) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    started = loop.time()
    yield
    report(Step(text, loop.time() - started))


async def up(
    paths: Paths, settings: ClusterSettings, clock: Clock, options: UpOptions, report: Report
) -> Path:
    """Brings the cluster up and returns the kubeconfig file that its context is in."""
    with _timed(report, "Certificates and kubeconfigs"):
        save(paths, settings)
        ensure_credentials(paths, settings, clock)
        if not settings.simulated:
            runtime.prepare(paths, settings)
    if not is_running(paths):
        start_supervisor(paths)
    deadline = asyncio.get_running_loop().time() + max(options.wait, 30.0)
    needed = ["kube-apiserver"] if settings.simulated else ["containerd", "kube-apiserver"]
    for name in needed:
        with _timed(report, f"{name} ready"):
            await _service_ready(paths, name, deadline)
            if name == "containerd":
                await runtime.import_pause_image(paths)
    async with _admin(paths) as client:
        with _timed(report, "Add-ons"):
            await addons.apply(client, settings)
        if options.wait:
            await _wait(client, settings, deadline, report)
    content = _admin_config(paths)
    return userconfig.merge(content, switch=not options.keep_context)


async def _wait(client: Client, settings: ClusterSettings, deadline: float, report: Report) -> None:
    if settings.simulated:
        with _timed(report, f"{settings.nodes} simulated node{'s' * (settings.nodes > 1)} Ready"):
            await _nodes_ready(client, settings.nodes, deadline)
        return
    with _timed(report, f"Node {settings.node_name} Ready"):
        await _nodes_ready(client, 1, deadline)
    with _timed(report, f"DNS answers at {settings.dns_ip}"):
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


def start_supervisor(paths: Paths) -> None:
    """In the background, in a session of its own: it outlives this command and its terminal."""
    paths.run.mkdir(parents=True, exist_ok=True)
    (paths.run / "status.json").unlink(missing_ok=True)
    with open_log(paths.logs / "supervisor.log") as out:
        subprocess.Popen(
            [sys.executable, "-m", "wherry", "supervise", "--data-dir", str(paths.root)],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )


async def _service_ready(paths: Paths, name: str, deadline: float) -> None:
    while True:
        status = read_status(paths)
        service = status.service(name) if status else None
        if service is not None and service.state == "ready":
            return
        if service is not None and service.restarts >= 3:
            raise StartFailed(_failure(paths, name, "does not start"))
        if asyncio.get_running_loop().time() > deadline:
            raise StartFailed(_failure(paths, name if service else "supervisor", "is not ready in time"))
        await asyncio.sleep(_POLL)


def _failure(paths: Paths, name: str, what: str) -> str:
    file = paths.logs / f"{name}.log"
    last = tail(file, 3).decode(errors="replace").strip() if file.exists() else ""
    return f"{name} {what}; the end of {file}:\n{last}"


async def _nodes_ready(client: Client, count: int, deadline: float) -> None:
    ready = 0
    while asyncio.get_running_loop().time() < deadline:
        with contextlib.suppress(ApiError, OSError):
            nodes = (await client.list(resource("nodes"), resource_version="0")).items
            ready = sum(
                any(c.type == "Ready" and c.status == "True" for c in n.status.conditions) for n in nodes
            )
            if ready >= count:
                return
        await asyncio.sleep(_POLL if count == 1 else 0.1)
    raise StartFailed(f"{ready} of {count} nodes are Ready; see: wherry status, wherry logs kubelet")


async def _dns_answers(settings: ClusterSettings, deadline: float) -> None:
    """Asks the Service's address, so that kube-proxy's rules are proven too."""
    name = "kubernetes.default.svc.cluster.local"
    while asyncio.get_running_loop().time() < deadline:
        try:
            if settings.kubernetes_ip in await resolve(name, settings.dns_ip, timeout=0.3):
                return
        except (OSError, TimeoutError):
            await asyncio.sleep(_POLL)
    raise StartFailed(
        f"DNS at {settings.dns_ip} does not answer; see: wherry logs dns, wherry logs kube-proxy"
    )


async def down(paths: Paths, settings: ClusterSettings, report: Report) -> list[str]:
    """Stops everything and keeps the data. Returns what could not be removed (nothing, usually).
    The context leaves the kubeconfig and the former one is current again."""
    from wherry.cluster.sweep import leftovers, sweep

    if is_running(paths):
        with _timed(report, "Components and pods stopped"):
            await stop_supervisor(paths)
    if not settings.simulated:
        with _timed(report, "Network, mounts and cgroups removed"):
            sweep(paths, settings)
    userconfig.remove(settings.context)
    return [] if settings.simulated else leftovers(paths, settings)


async def stop_supervisor(paths: Paths, seconds: float = 60.0) -> None:
    status = read_status(paths)
    if status is None:
        return
    with contextlib.suppress(ProcessLookupError):
        os.kill(status.pid, signal.SIGTERM)
    deadline = asyncio.get_running_loop().time() + seconds
    while is_running(paths) or _alive(status.pid):
        if asyncio.get_running_loop().time() > deadline:
            with contextlib.suppress(ProcessLookupError):
                os.kill(status.pid, signal.SIGKILL)
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
    with _timed(report, "Data removed"):
        shutil.rmtree(paths.root, ignore_errors=True)
        forget(settings.name)
    return left
