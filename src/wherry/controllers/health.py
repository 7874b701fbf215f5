"""`/healthz`, `/livez` and `/readyz` over HTTPS, for liveness probes written for upstream.

Open to everybody, as upstream has it (`--authorization-always-allow-paths`); nothing else is served.
"""

from __future__ import annotations

import ssl
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from wherry.clock import Clock
from wherry.http.messages import Request, Response
from wherry.http.server import HttpServer
from wherry.http.tls import self_signed, server_context

_PATHS = frozenset({"/healthz", "/livez", "/readyz"})


@dataclass(frozen=True, slots=True)
class HealthSettings:
    address: str
    port: int
    """0: nothing is served."""

    cert: str = ""
    key: str = ""
    cert_dir: str = ""
    """Where a self-signed pair is kept when none is given; empty: it lives as long as the process."""


async def answer(request: Request) -> Response:
    if request.path not in _PATHS:
        return Response(404, b"404 page not found\n", "text/plain; charset=utf-8")
    if request.method not in ("GET", "HEAD"):
        return Response(405, b"", "text/plain; charset=utf-8")
    return Response(200, b"ok", "text/plain; charset=utf-8")


@asynccontextmanager
async def serving(settings: HealthSettings, clock: Clock) -> AsyncIterator[None]:
    """Serves while the block runs. Raises OSError when the port or the files cannot be used."""
    if settings.port == 0:
        yield
        return
    server = HttpServer(answer, _context(settings, clock), clock=clock)
    await server.start(settings.address, settings.port)
    try:
        yield
    finally:
        await server.close(0.0)


def _context(settings: HealthSettings, clock: Clock) -> ssl.SSLContext:
    if settings.cert and settings.key:
        return server_context(Path(settings.cert), Path(settings.key))
    if settings.cert_dir:
        return _kept(Path(settings.cert_dir), clock)
    with tempfile.TemporaryDirectory(prefix="wherry-") as folder:
        return _kept(Path(folder), clock)


def _kept(folder: Path, clock: Clock) -> ssl.SSLContext:
    folder.mkdir(parents=True, exist_ok=True)
    cert, key = folder / "kube-controller-manager.crt", folder / "kube-controller-manager.key"
    if not (cert.exists() and key.exists()):
        self_signed(cert, key, ("localhost", "127.0.0.1"), clock)
    return server_context(cert, key)
