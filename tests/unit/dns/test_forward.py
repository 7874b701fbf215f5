from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import cast

import dnslib
import pytest

from wherry.dns.forward import Forwarder, Upstream, answers, read_resolv_conf, without

QUESTION = bytes(dnslib.DNSRecord.question("example.com", "A").pack())


def test_resolv_conf() -> None:
    lines = ["# a", "search example.com", "nameserver 10.0.0.1", "nameserver fe80::1%eth0 # x", "nameserver"]
    assert read_resolv_conf("\n".join([*lines, "nameserver nonsense", ""])) == [
        ("10.0.0.1", 53),
        ("fe80::1%eth0", 53),
    ]
    assert len(read_resolv_conf("nameserver 10.0.0.1\n" * 99)) == 15


def test_it_never_asks_itself() -> None:
    assert without([Upstream("10.0.0.1"), Upstream("10.0.0.2")], [Upstream("10.0.0.1")]) == [("10.0.0.2", 53)]


def reply_to(data: bytes, address: str = "192.0.2.1") -> bytes:
    reply = dnslib.DNSRecord.parse(data).reply()
    reply.add_answer(dnslib.RR("example.com", rdata=dnslib.A(address), ttl=9))
    return bytes(reply.pack())


@pytest.mark.parametrize(
    ("data", "true"),
    [
        (reply_to(QUESTION), True),
        (reply_to(QUESTION).replace(b"example", b"EXAMPLE", 1), True),
        (QUESTION, False),
        (reply_to(bytes(dnslib.DNSRecord.question("example.org").pack())), False),
        (reply_to(QUESTION).replace(b"example", b"another", 1), False),
        (QUESTION[:2] + b"\x81\x82" + bytes(8), True),
        (b"", False),
    ],
)
def test_what_is_an_answer(data: bytes, true: bool) -> None:
    assert answers(QUESTION, data) is true


class FakeUpstream(asyncio.DatagramProtocol):
    def __init__(self, answer: Callable[[bytes], list[bytes]]) -> None:
        self.answer = answer
        self.asked: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)
        self.address = Upstream(*transport.get_extra_info("sockname"))

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.asked.append(data)
        for message in self.answer(data):
            self.transport.sendto(message, addr)


async def start(answer: Callable[[bytes], list[bytes]]) -> FakeUpstream:
    loop = asyncio.get_running_loop()
    found = await loop.create_datagram_endpoint(lambda: FakeUpstream(answer), local_addr=("127.0.0.1", 0))
    return found[1]


def test_the_first_true_answer_counts() -> None:
    async def check() -> None:
        def forging(data: bytes) -> list[bytes]:
            return [b"junk", bytes(2) + reply_to(data, "6.6.6.6")[2:], reply_to(data)]

        upstream = await start(forging)
        forwarder = Forwarder([upstream.address], random.Random(1), timeout=5)
        answer = await forwarder.ask(QUESTION, tcp=False)
        assert answer is not None
        assert answer[:2] == QUESTION[:2]
        assert str(dnslib.DNSRecord.parse(answer).rr[0].rdata) == "192.0.2.1"
        assert upstream.asked[0][2:] == QUESTION[2:]
        upstream.transport.close()

    asyncio.run(check())


def test_one_that_is_silent_and_one_that_is_gone_are_passed_over() -> None:
    async def check() -> None:
        silent, gone = await start(lambda data: []), await start(lambda data: [])
        good = await start(lambda data: [reply_to(data)])
        gone.transport.close()
        await asyncio.sleep(0)
        everyone = [silent.address, gone.address, good.address]
        for seed in range(3):
            forwarder = Forwarder(everyone, random.Random(seed), timeout=0.05)
            assert await forwarder.ask(QUESTION, tcp=False) is not None
        alone = Forwarder([silent.address], random.Random(1), timeout=0.05)
        assert await alone.ask(QUESTION, tcp=False) is None
        assert await Forwarder([], random.Random(1)).ask(QUESTION, tcp=False) is None
        silent.transport.close()
        good.transport.close()

    asyncio.run(check())


def test_over_tcp() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        data = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
        answer = reply_to(data)
        writer.write(len(answer).to_bytes(2, "big") + answer)
        writer.close()

    async def check() -> None:
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            address = Upstream(*server.sockets[0].getsockname())
            answer = await Forwarder([address], random.Random(1)).ask(QUESTION, tcp=True)
        assert answer == reply_to(QUESTION)

    asyncio.run(check())
