"""The resolver behind real sockets."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Awaitable, Callable

import dnslib
import pytest

from wherry.dns.forward import Forwarder, framed
from wherry.dns.resolver import Resolver
from wherry.dns.server import DnsServer

from .town import names


class FakeForwarder(Forwarder):
    """Knows mail.example.com and that's it."""

    def __init__(self) -> None:
        super().__init__([], random.Random(1))
        self.release = asyncio.Event()
        self.release.set()

    async def ask(self, message: bytes, *, tcp: bool) -> bytes | None:
        await self.release.wait()
        asked = dnslib.DNSRecord.parse(message)
        if str(asked.q.qname) != "mail.example.com.":
            return None
        reply = asked.reply()
        reply.add_answer(
            dnslib.RR("mail.example.com", dnslib.QTYPE.CNAME, rdata=dnslib.CNAME("mx.example.com"), ttl=7)
        )
        reply.add_answer(dnslib.RR("mx.example.com", rdata=dnslib.A("192.0.2.25"), ttl=7))
        return bytes(reply.pack())


Ask = Callable[..., Awaitable[dnslib.DNSRecord]]


async def over_udp(port: int, data: bytes, address: str = "127.0.0.1") -> bytes:
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        await loop.sock_connect(sock, (address, port))
        await loop.sock_sendall(sock, data)
        return await asyncio.wait_for(loop.sock_recv(sock, 65535), 5)


async def over_tcp(port: int, *questions: bytes) -> list[bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"".join(framed(each) for each in questions))
    found = []
    for _ in questions:
        size = int.from_bytes(await asyncio.wait_for(reader.readexactly(2), 5), "big")
        found.append(await reader.readexactly(size))
    writer.close()
    return found


def question(name: str, kind: str = "A") -> bytes:
    return bytes(dnslib.DNSRecord.question(name, kind).pack())


def run(
    check: Callable[[DnsServer, FakeForwarder], Awaitable[None]],
    *,
    synced: bool = True,
    host: str = "127.0.0.1",
) -> None:
    async def whole() -> None:
        forwarder = FakeForwarder()
        resolver = Resolver(names(), forwarder, random.Random(1), lambda: synced)
        async with DnsServer(resolver, (host,), 0) as server:
            await check(server, forwarder)

    asyncio.run(whole())


def shown(data: bytes) -> tuple[str, list[str]]:
    message = dnslib.DNSRecord.parse(data)
    return dnslib.RCODE.get(message.header.rcode), [str(record.rdata) for record in message.rr]


def test_udp_and_tcp() -> None:
    async def check(server: DnsServer, _: FakeForwarder) -> None:
        asked = question("web.shop.svc.cluster.local")
        assert shown(await over_udp(server.port, asked)) == ("NOERROR", ["10.96.0.20"])
        found = await over_tcp(server.port, asked, question("no.shop.svc.cluster.local"))
        assert [shown(each) for each in found] == [("NOERROR", ["10.96.0.20"]), ("NXDOMAIN", [])]

    run(check)


def test_an_answer_comes_from_where_the_question_went() -> None:
    """A connected socket takes datagrams only from the address it asked."""

    async def check(server: DnsServer, _: FakeForwarder) -> None:
        data = await over_udp(server.port, question("web.shop.svc.cluster.local"), "127.0.0.53")
        assert shown(data) == ("NOERROR", ["10.96.0.20"])

    run(check, host="0.0.0.0")


def test_other_names_are_asked_upstream() -> None:
    async def check(server: DnsServer, forwarder: FakeForwarder) -> None:
        forwarder.release.clear()
        slow = asyncio.ensure_future(over_udp(server.port, question("mail.example.com")))
        quick = await over_udp(server.port, question("web.shop.svc.cluster.local"))
        assert shown(quick)[0] == "NOERROR"
        assert not slow.done()
        forwarder.release.set()
        assert shown(await slow) == ("NOERROR", ["mx.example.com.", "192.0.2.25"])
        assert shown(await over_udp(server.port, question("unknown.example.com"))) == ("SERVFAIL", [])
        (found,) = await over_tcp(server.port, question("mail.example.com"))
        assert shown(found)[0] == "NOERROR"

    run(check)


def test_an_alias_is_followed_upstream() -> None:
    async def check(server: DnsServer, _: FakeForwarder) -> None:
        data = await over_udp(server.port, question("mail.shop.svc.cluster.local"))
        assert shown(data) == ("NOERROR", ["mail.example.com.", "mx.example.com.", "192.0.2.25"])
        data = await over_udp(server.port, question("mail.shop.svc.cluster.local", "AAAA"))
        assert shown(data) == ("NOERROR", ["mail.example.com.", "mx.example.com."])
        data = await over_udp(server.port, question("mail.shop.svc.cluster.local", "CNAME"))
        assert shown(data) == ("NOERROR", ["mail.example.com."])

    run(check)


def test_what_is_not_known_yet_is_not_denied() -> None:
    async def check(server: DnsServer, _: FakeForwarder) -> None:
        assert shown(await over_udp(server.port, question("no.shop.svc.cluster.local"))) == ("SERVFAIL", [])
        assert shown(await over_udp(server.port, question("web.shop.svc.cluster.local")))[0] == "NOERROR"

    run(check, synced=False)


def test_addresses_take_turns() -> None:
    resolver = Resolver(names(), Forwarder([], random.Random(1)), random.Random(1), lambda: True)
    firsts = set()
    for _ in range(30):
        reply = resolver.resolve(question("db.shop.svc.cluster.local"))
        assert isinstance(reply, bytes)
        firsts.add(shown(reply)[1][0])
    assert firsts == {"10.244.1.1", "10.244.1.2", "10.244.1.3"}


def test_answers_are_kept_until_something_changes() -> None:
    town = names()
    resolver = Resolver(town, Forwarder([], random.Random(1)), random.Random(1), lambda: True)
    asked = question("web.shop.svc.cluster.local")
    first = resolver.resolve(asked)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(town, "answer", None)
        again = resolver.resolve(b"\x12\x34" + asked[2:])
    assert isinstance(first, bytes)
    assert again == b"\x12\x34" + first[2:]
    town._ttl = 7
    resolver.forget()
    changed = resolver.resolve(asked)
    assert isinstance(changed, bytes)
    assert dnslib.DNSRecord.parse(changed).rr[0].ttl == 7


def test_a_port_in_use_is_told() -> None:
    async def check(server: DnsServer, forwarder: FakeForwarder) -> None:
        resolver = Resolver(names(), forwarder, random.Random(1), lambda: True)
        with pytest.raises(OSError, match="in use"):
            async with DnsServer(resolver, ("127.0.0.1",), server.port):
                pass
        assert shown(await over_udp(server.port, question("web.shop.svc.cluster.local")))[0] == "NOERROR"

    run(check)
