"""kube-proxy: the component. Watches Services and EndpointSlices, keeps this node's rules in step.

It leaves the rules in place when it stops, as upstream does: traffic goes on while it restarts.
`cleanup` removes them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from wherry.api.scheme import resource
from wherry.client.informer import InformerFactory
from wherry.client.rest import Client
from wherry.component import Env
from wherry.proxy import sysctls
from wherry.proxy.backends import backend
from wherry.proxy.changes import Changes, Event
from wherry.proxy.conntrack import Conntrack
from wherry.proxy.health import Health, HealthServer, NodePortHealth
from wherry.proxy.rules import Change, Match
from wherry.proxy.settings import ProxySettings
from wherry.proxy.sync import Syncer

_OURS = "!service.kubernetes.io/headless,!service.kubernetes.io/service-proxy-name"


class Proxy:
    name = "kube-proxy"

    def __init__(self, client: Client, env: Env, settings: ProxySettings) -> None:
        self._client = client
        self._env = env
        self._settings = settings

    async def run(self, ready: Callable[[], None]) -> None:
        settings = self._settings
        if settings.sysctls:
            sysctls.apply(sysctls.wanted(localhost_node_ports=settings.ruling.localhost_node_ports))
        changes = Changes(settings.node)
        health, conntrack = Health(self._env.clock), Conntrack()
        health_ports = NodePortHealth(health)
        kernel = backend(settings.mode, settings.ruling)

        async def synced(changed: Mapping[Match, Change]) -> None:
            health.updated()
            await conntrack.forget(changed)
            await health_ports.set(changes.health_ports())

        syncer = Syncer(
            changes, kernel, min_interval=settings.min_sync, period=settings.sync_period, synced=synced
        )
        server = _healthz(settings.healthz, health)
        informers = self._informers(changes, syncer)
        try:
            if server is not None:
                await server.start()
            async with asyncio.TaskGroup() as group:
                group.create_task(informers.run())
                await informers.wait_synced()
                group.create_task(syncer.run(ready))
        finally:
            await health_ports.stop()
            if server is not None:
                await server.stop()
            kernel.close()

    def _informers(self, changes: Changes, syncer: Syncer) -> InformerFactory:
        informers = InformerFactory(self._client, self._env)

        def on_service(event: Event, old: Any | None, new: Any | None) -> None:
            changes.on_service(event, old, new)
            syncer.touch()

        def on_slice(event: Event, old: Any | None, new: Any | None) -> None:
            changes.on_slice(event, old, new)
            syncer.touch()

        services = informers.informer(resource("services"), label_selector=_OURS)
        services.add_handler(on_service)
        slices = informers.informer(resource("endpointslices.discovery.k8s.io"), label_selector=_OURS)
        slices.add_handler(on_slice)
        return informers


def _healthz(address: str, health: Health) -> HealthServer | None:
    if not address:
        return None
    host, _, port = address.rpartition(":")
    return HealthServer(host.strip("[]") or "0.0.0.0", int(port), health.answer)


async def cleanup(settings: ProxySettings) -> None:
    """Removes the rules of a proxy with these settings, and nothing else. ApplyError when refused."""
    kernel = backend(settings.mode, settings.ruling)
    try:
        await kernel.clean()
    finally:
        kernel.close()
