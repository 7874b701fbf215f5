"""Opens the kubelet's listeners: the HTTPS API, health on loopback, and the read-only port if wanted."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from wherry.clock import Clock
from wherry.http.server import HttpServer
from wherry.http.tls import self_signed, server_context
from wherry.kubelet.machine.disk import Disk
from wherry.kubelet.server.api import KubeletApi
from wherry.kubelet.server.auth import Gatekeeper
from wherry.kubelet.settings import ServerSettings

log = logging.getLogger("wherry.kubelet")

READ_ONLY = ("healthz", "pods", "runningpods", "stats")


@asynccontextmanager
async def listening(
    settings: ServerSettings,
    api: KubeletApi,
    gatekeeper: Gatekeeper,
    clock: Clock,
    disk: Disk,
    names: tuple[str, ...],
) -> AsyncIterator[None]:
    """OSError when a port is in use or a certificate can't be read."""
    servers: list[HttpServer] = []
    try:
        if settings.port:
            cert, key = await disk.run(_certificate, settings, clock, names)
            context = server_context(cert, key, settings.client_ca)
            server = HttpServer(api.handler(gatekeeper), context, clock=clock)
            servers.append(server)
            await server.start(settings.address, settings.port)
        if settings.healthz_port:
            server = HttpServer(api.handler(None, ("healthz",)), clock=clock)
            servers.append(server)
            await server.start(settings.healthz_address, settings.healthz_port)
        if settings.read_only_port:
            server = HttpServer(api.handler(None, READ_ONLY), clock=clock)
            servers.append(server)
            await server.start(settings.address, settings.read_only_port)
        yield
    finally:
        await asyncio.gather(*(server.close(grace=1.0) for server in servers))


def _certificate(settings: ServerSettings, clock: Clock, names: tuple[str, ...]) -> tuple[Path, Path]:
    if settings.cert is not None and settings.key is not None:
        return settings.cert, settings.key
    settings.cert_dir.mkdir(parents=True, exist_ok=True)
    cert, key = settings.cert_dir / "kubelet.crt", settings.cert_dir / "kubelet.key"
    self_signed(cert, key, names, clock)
    return cert, key
