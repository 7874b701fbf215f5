"""Names that are not the cluster's: passed on, byte for byte, to the resolvers of resolv.conf.

Each question goes to the upstreams in a random order until one answers; it keeps the client's way (UDP
or TCP) and options, under a message id of our own. Nothing is cached.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import random
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from wherry.dns.wire import HEADER, MAX_TCP

log = logging.getLogger("wherry.dns")

MAX_UPSTREAMS = 15
TIMEOUT = 2.0
"""For one upstream."""
MAX_CONCURRENT = 1000
"""As kubeadm's Corefile has it."""


class Upstream(NamedTuple):
    address: str
    port: int = 53


def read_resolv_conf(text: str) -> list[Upstream]:
    """The nameservers of a resolv.conf, at most `MAX_UPSTREAMS`; lines that make no sense are skipped."""
    found = []
    for line in text.splitlines():
        match line.split():
            case ["nameserver", address, *_]:
                try:
                    ipaddress.ip_address(address.partition("%")[0])
                except ValueError:
                    log.warning("not an address in resolv.conf: %s", address)
                else:
                    found.append(Upstream(address))
    return found[:MAX_UPSTREAMS]


class Forwarder:
    def __init__(
        self, upstreams: Sequence[Upstream], rng: random.Random, *, timeout: float = TIMEOUT
    ) -> None:
        self._upstreams = list(upstreams)
        self._rng = rng
        self._timeout = timeout
        self._active = 0

    async def ask(self, message: bytes, *, tcp: bool) -> bytes | None:
        """The answer to the message, with its id; None when nobody gave one or too much is asked."""
        if self._active >= MAX_CONCURRENT:
            return None
        self._active += 1
        try:
            return await self._ask_each(message, tcp)
        finally:
            self._active -= 1

    async def _ask_each(self, message: bytes, tcp: bool) -> bytes | None:
        for upstream in self._rng.sample(self._upstreams, len(self._upstreams)):
            number = self._rng.getrandbits(16).to_bytes(2, "big")
            question = number + message[2:]
            try:
                async with asyncio.timeout(self._timeout):
                    answer = await (_over_tcp if tcp else _over_udp)(upstream, question)
            except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
                log.debug("upstream %s did not answer: %r", upstream.address, error)
                continue
            return message[:2] + answer[2:]
        return None


def answers(question: bytes, answer: bytes) -> bool:
    """Whether it is an answer, to this question: the id, and what was asked, are the same."""
    if len(answer) < HEADER or answer[:2] != question[:2] or not answer[2] & 0x80:
        return False
    if answer[4:6] != b"\0\1":
        return answer[4:6] == b"\0\0"  # A refusal may leave the question out.
    end = _end_of_question(question)
    return answer[HEADER:end].lower() == question[HEADER:end].lower()


def _end_of_question(message: bytes) -> int:
    at = HEADER
    while at < len(message) and message[at]:
        at += message[at] + 1
    return at + 5


class _Exchange(asyncio.DatagramProtocol):
    def __init__(self, question: bytes, done: asyncio.Future[bytes]) -> None:
        self._question = question
        self._done = done

    def datagram_received(self, data: bytes, addr: object) -> None:
        if not self._done.done() and answers(self._question, data):
            self._done.set_result(data)

    def error_received(self, exc: Exception) -> None:
        if not self._done.done():
            self._done.set_exception(exc)


async def _over_udp(upstream: Upstream, question: bytes) -> bytes:
    loop = asyncio.get_running_loop()
    done: asyncio.Future[bytes] = loop.create_future()
    # A socket of its own for each question: a random port is half of what a forger has to guess.
    transport, _ = await loop.create_datagram_endpoint(
        lambda: _Exchange(question, done), remote_addr=upstream
    )
    try:
        transport.sendto(question)
        return await done
    finally:
        transport.close()


async def _over_tcp(upstream: Upstream, question: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(*upstream)
    try:
        writer.write(framed(question))
        answer = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
        if not answers(question, answer):
            raise ConnectionError("an answer to another question")
        return answer
    finally:
        writer.close()


def framed(message: bytes) -> bytes:
    """As it goes over TCP: behind its length."""
    if len(message) > MAX_TCP:
        raise ValueError("a DNS message cannot be longer than 65535 bytes")
    return len(message).to_bytes(2, "big") + message


def without(upstreams: Iterable[Upstream], own: Iterable[Upstream]) -> list[Upstream]:
    """The upstreams that are not this server itself: it would ask itself without end."""
    ours = set(own)
    return [each for each in upstreams if each not in ours]
