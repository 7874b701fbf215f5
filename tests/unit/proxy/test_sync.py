"""When rules are written: partial, whole after a refusal, again when they vanish."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path

from wherry.proxy import sysctls
from wherry.proxy.apply import ApplyError
from wherry.proxy.conntrack import stale_flows
from wherry.proxy.health import Health, HealthServer, NodePortHealth
from wherry.proxy.rules import Change, Match, Rule
from wherry.proxy.sync import Syncer

from .world import endpoint, known, service, slice_


class Backend:
    def __init__(self) -> None:
        self.calls: list[tuple[str, int]] = []
        self.refuse = 0
        self.there = True

    async def full(self, rules: Iterable[Rule]) -> None:
        self._call("full", len(list(rules)))

    async def change(self, changes: Mapping[Match, Change]) -> None:
        self._call("change", len(changes))

    async def present(self) -> bool:
        return self.there

    async def clean(self) -> None: ...

    def close(self) -> None: ...

    def _call(self, what: str, count: int) -> None:
        self.calls.append((what, count))
        if self.refuse:
            self.refuse -= 1
            raise ApplyError("no")


async def nothing(changed: Mapping[Match, Change]) -> None: ...


def test_first_all_then_changes_then_all_after_a_refusal() -> None:
    changes, backend = known(service(), slice_("web", endpoint("10.244.0.1"))), Backend()
    syncer = Syncer(changes, backend, min_interval=0, period=30, synced=nothing)

    async def check() -> None:
        assert await syncer.sync()
        changes.on_service("added", None, service("b", ip="10.96.0.2"))
        assert await syncer.sync()
        backend.refuse = 1
        changes.on_service("added", None, service("c", ip="10.96.0.3"))
        assert not await syncer.sync()
        assert await syncer.sync()
        assert backend.calls == [("full", 1), ("change", 1), ("change", 1), ("full", 3)]

    asyncio.run(check())


def test_rules_that_vanish_are_written_again() -> None:
    changes, backend = known(service()), Backend()
    syncer = Syncer(changes, backend, min_interval=0, period=0.001, synced=nothing)

    async def check() -> None:
        backend.there = False
        task = asyncio.create_task(syncer.run(lambda: None))
        while len(backend.calls) < 2:
            await asyncio.sleep(0)
        task.cancel()
        assert backend.calls[:2] == [("full", 1), ("full", 1)]

    asyncio.run(check())


def rule(*backends: tuple[str, int], address: str = "10.96.0.10", protocol: str = "udp") -> Rule:
    match = Match(address, protocol, 53)
    return Rule("d/dns", match, "cluster", match, backends, refuse="" if backends else "reject")


def test_udp_flows_to_endpoints_that_went_are_forgotten() -> None:
    before, after = rule(("10.1.1.1", 53), ("10.1.1.2", 53)), rule(("10.1.1.2", 53))
    at = ("--orig-dst", "10.96.0.10", "--orig-port-dst", "53")
    assert stale_flows({before.match: (before, after)}) == [(*at, "--dst-nat", "10.1.1.1")]
    assert stale_flows({before.match: (rule(), after)}) == [at]
    assert stale_flows({before.match: (None, after)}) == [at]
    tcp = rule(("10.1.1.1", 53), protocol="tcp")
    assert stale_flows({tcp.match: (tcp, None)}) == []


def test_sysctls_are_set_where_they_differ(tmp_path: Path) -> None:
    (tmp_path / "net/ipv4").mkdir(parents=True)
    (tmp_path / "net/ipv4/ip_forward").write_text("0\n")
    failed = sysctls.apply(sysctls.wanted(localhost_node_ports=False), tmp_path)
    assert (tmp_path / "net/ipv4/ip_forward").read_text() == "1"
    assert [text.split("=")[0] for text in failed] == ["net.bridge.bridge-nf-call-iptables"]


class Still:
    def time(self) -> float:
        return 1767225600.0


async def get(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


def test_health() -> None:
    async def check() -> None:
        health = Health(Still())
        server = HealthServer("127.0.0.1", 0, health.answer)
        await server.start()
        try:
            line = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
            assert (await get(server.port, line)).startswith(b"HTTP/1.1 503")
            health.updated()
            answer = await get(server.port, line)
            assert answer.startswith(b"HTTP/1.1 200 OK")
            assert answer.endswith(
                b'{"lastUpdated": "2026-01-01T00:00:00Z", "currentTime": "2026-01-01T00:00:00Z"}'
            )
            assert (await get(server.port, b"GET /x HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.1 404")
            assert (await get(server.port, b"nonsense\r\n\r\n")).startswith(b"HTTP/1.1 404")
            assert await get(server.port, b"x" * 20000) == b""
        finally:
            await server.stop()

    asyncio.run(check())


def test_node_port_health_follows_the_services() -> None:
    async def check() -> None:
        health = Health(Still())
        health.updated()
        probe = HealthServer("127.0.0.1", 0, health.answer)
        await probe.start()
        port = probe.port
        await probe.stop()
        checks = NodePortHealth(health, "127.0.0.1")
        await checks.set({port: ("d/web", 1)})
        line = b"GET / HTTP/1.1\r\n\r\n"
        assert (await get(port, line)).startswith(b"HTTP/1.1 200")
        await checks.set({port: ("d/web", 0)})
        answer = await get(port, line)
        assert answer.startswith(b"HTTP/1.1 503")
        assert b'"service": {"namespace": "d", "name": "web"}, "localEndpoints": 0' in answer
        await checks.set({})
        try:
            await get(port, line)
        except OSError:
            return
        raise AssertionError("the port is still open")

    asyncio.run(check())
