"""The cluster's DNS server as a component: informers in, answers out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from wherry.api.scheme import resource
from wherry.client.informer import InformerFactory
from wherry.client.rest import Client
from wherry.component import Env
from wherry.dns.answers import ClusterNames
from wherry.dns.forward import Forwarder, Upstream, without
from wherry.dns.index import ClusterIndex
from wherry.dns.resolver import Resolver
from wherry.dns.server import DnsServer
from wherry.http.messages import Request, Response
from wherry.http.server import HttpServer

log = logging.getLogger("wherry.dns")


@dataclass(frozen=True, slots=True)
class DnsSettings:
    """`ready_port` 0: no `/ready` and `/health`; -1: a free one. `port` 0: a free one."""

    cluster_domain: str = "cluster.local"
    addresses: tuple[str, ...] = ("0.0.0.0",)
    port: int = 53
    ttl: int = 30
    upstreams: tuple[Upstream, ...] = ()
    ready_address: str = "127.0.0.1"
    ready_port: int = 0


class Dns:
    """Answers for the cluster's zone from the first moment (SERVFAIL for what it cannot know yet);
    ready when the informers have synced."""

    name = "dns"

    def __init__(self, client: Client, env: Env, settings: DnsSettings) -> None:
        self._settings = settings
        self._env = env
        self._informers = InformerFactory(client, env)
        sources = [
            self._informers.informer(resource("services")),
            self._informers.informer(resource("endpointslices.discovery.k8s.io")),
            self._informers.informer(resource("namespaces"), metadata_only=True),
        ]
        self._sources = sources
        self._names = ClusterNames(ClusterIndex(*sources), settings.cluster_domain, settings.ttl)
        own = [Upstream(address, settings.port) for address in settings.addresses]
        forwarder = Forwarder(without(settings.upstreams, own), env.rng)
        self._resolver = Resolver(self._names, forwarder, env.rng, self.synced)
        for source in sources:
            source.add_handler(self._changed)
        self.port = settings.port
        self.ready_port = 0

    def synced(self) -> bool:
        return all(source.synced for source in self._sources)

    async def run(self, ready: Callable[[], None]) -> None:
        """Raises OSError when an address or port cannot be used."""
        settings = self._settings
        async with DnsServer(self._resolver, settings.addresses, settings.port) as server:
            self.port = server.port
            health = HttpServer(self._health, clock=self._env.clock)
            if settings.ready_port:
                await health.start(settings.ready_address, max(settings.ready_port, 0))
                self.ready_port = health.port
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._informers.run())
                    await self._informers.wait_synced()
                    log.info("serving %s on port %d", settings.cluster_domain, server.port)
                    ready()
            finally:
                if settings.ready_port:
                    await health.close(0.0)

    def _changed(self, *_: Any) -> None:
        self._names.serial = int(self._env.clock.time())
        self._resolver.forget()

    async def _health(self, request: Request) -> Response:
        """CoreDNS's `health` and `ready` plugins, on one port."""
        match request.path:
            case "/health":
                return Response(200, b"OK", "text/plain; charset=utf-8")
            case "/ready" if self.synced():
                return Response(200, b"OK", "text/plain; charset=utf-8")
            case "/ready":
                return Response(503, b"kubernetes", "text/plain; charset=utf-8")
        return Response(404, b"404 page not found\n", "text/plain; charset=utf-8")
