"""The component with an API server in the same process: what is made there can be resolved."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import dnslib

from wherry.api.scheme import resource
from wherry.apiserver.app import ApiServer
from wherry.apiserver.attributes import User
from wherry.apiserver.settings import ApiServerSettings
from wherry.client.rest import Client
from wherry.client.transport import InProcessTransport
from wherry.component import Env
from wherry.dns.dns import Dns, DnsSettings
from wherry.etcd.open import open_store

from .test_server import over_udp, question, shown

SERVICE: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web", "namespace": "default"},
    "spec": {"clusterIP": "10.96.0.20", "ports": [{"port": 80}]},
}


async def until(port: int, name: str, expected: tuple[str, list[str]]) -> None:
    async with asyncio.timeout(5):
        while shown(await over_udp(port, question(name))) != expected:
            await asyncio.sleep(0)


async def health(port: int, path: str) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    head = await reader.readline()
    writer.close()
    return head


def test_what_the_api_has_is_answered() -> None:
    async def check() -> None:
        env = Env(rng=random.Random(1))
        store = open_store(None, env)
        settings = ApiServerSettings(advertise_address="192.0.2.1", service_cluster_ip_range="10.96.0.0/16")
        server = ApiServer(store, env, settings)
        await server.start()
        client = Client(InProcessTransport(server.handle, User("admin", ("system:masters",))))
        dns = Dns(client, env, DnsSettings(addresses=("127.0.0.1",), port=0))
        ready = asyncio.Event()
        running = asyncio.create_task(dns.run(ready.set))
        await asyncio.wait_for(ready.wait(), 5)
        name = "web.default.svc.cluster.local"
        assert shown(await over_udp(dns.port, question(name))) == ("NXDOMAIN", [])
        made = await client.create(resource("services"), SERVICE, "default")
        await until(dns.port, name, ("NOERROR", ["10.96.0.20"]))
        soa = dnslib.DNSRecord.parse(await over_udp(dns.port, question("cluster.local", "SOA"))).rr[0]
        assert soa.rdata.times[0] > 1_600_000_000
        await client.delete(resource("services"), made.metadata.name, "default")
        await until(dns.port, name, ("NXDOMAIN", []))
        assert shown(await over_udp(dns.port, question("example.com"))) == ("SERVFAIL", [])
        running.cancel()
        await asyncio.wait([running])
        await server.stop()
        await store.close()

    asyncio.run(check())


def test_it_is_not_ready_before_it_knows_the_cluster() -> None:
    class Silent:
        """An API server that accepts and never answers."""

        async def request(self, *_: Any, **__: Any) -> Any:
            await asyncio.get_running_loop().create_future()

    async def check() -> None:
        dns = Dns(Client(Silent()), Env(), DnsSettings(addresses=("127.0.0.1",), port=0, ready_port=-1))  # type: ignore[arg-type]
        running = asyncio.create_task(dns.run(lambda: None))
        async with asyncio.timeout(5):
            while not dns.port or not dns.ready_port:
                await asyncio.sleep(0)
        assert b"200" in await health(dns.ready_port, "/health")
        assert b"503" in await health(dns.ready_port, "/ready")
        assert shown(await over_udp(dns.port, question("x.default.svc.cluster.local"))) == ("SERVFAIL", [])
        running.cancel()
        await asyncio.wait([running])

    asyncio.run(check())
