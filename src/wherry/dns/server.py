"""The sockets: DNS over UDP and TCP on one port of each address.

An answer over UDP leaves from the address the question came to, also when the server listens on all of
them: behind a Service's address translation any other would be dropped. asyncio's datagram transports
don't tell that address, hence a reader of our own on the socket.

Bounds: `MAX_WAITING` questions that wait for upstream (more are refused), `MAX_CONNECTIONS` TCP
connections, each closed after `IDLE` seconds without a question.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import struct
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from typing import Any

from wherry.dns.forward import framed
from wherry.dns.resolver import Resolver

log = logging.getLogger("wherry.dns")

MAX_WAITING = 1000
MAX_CONNECTIONS = 200
IDLE = 10.0
BURST = 64
"""Datagrams read in one turn of the event loop."""
IP_PKTINFO = 8
PORT_TRIES = 10

Spawn = Callable[[Coroutine[Any, Any, None]], None]


class DnsServer:
    """Listens while it is entered (`async with`), on the addresses and one port for all (0: a free one)."""

    def __init__(self, resolver: Resolver, addresses: tuple[str, ...], port: int) -> None:
        self._resolver = resolver
        self._addresses = addresses
        self.port = port
        self._tasks: set[asyncio.Task[None]] = set()
        self._sockets = ExitStack()
        self._servers: list[asyncio.Server] = []
        self._connections = 0

    async def __aenter__(self) -> DnsServer:
        try:
            await self._listen()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        self._sockets.close()
        for server in self._servers:
            server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _listen(self) -> None:
        for address in self._addresses:
            udp, tcp = _bound(address, self.port)
            self.port = udp.getsockname()[1]
            loop = asyncio.get_running_loop()
            self._sockets.callback(udp.close)
            self._sockets.callback(loop.remove_reader, udp)
            loop.add_reader(udp, self._read, udp)
            self._servers.append(await asyncio.start_server(self._serve_stream, sock=tcp))

    def _read(self, sock: socket.socket) -> None:
        for _ in range(BURST):
            try:
                data, local, _flags, peer = sock.recvmsg(65_535, 128)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                log.debug("reading a question failed: %s", error)
                return
            self._answer(sock, data, _source(local), peer)

    def _answer(self, sock: socket.socket, data: bytes, source: _Ancillary, peer: Any) -> None:
        reply = self._resolver.resolve(data)
        if isinstance(reply, bytes):
            _send(sock, reply, source, peer)
        elif len(self._tasks) < MAX_WAITING:
            self._spawn(self._answer_later(sock, reply, source, peer))
        else:
            reply.close()

    async def _answer_later(
        self, sock: socket.socket, reply: Coroutine[Any, Any, bytes], source: _Ancillary, peer: Any
    ) -> None:
        _send(sock, await reply, source, peer)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("answering a question failed", exc_info=task.exception())

    async def _serve_stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._connections += 1
        try:
            while self._connections <= MAX_CONNECTIONS:
                async with asyncio.timeout(IDLE):
                    data = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
                    reply = self._resolver.resolve(data, tcp=True)
                    answer = reply if isinstance(reply, bytes) else await reply
                    if not answer:
                        return
                    writer.write(framed(answer))
                    await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            log.debug("a connection ended: %r", error)
        finally:
            self._connections -= 1
            self._tasks.discard(task)
            writer.close()


_Ancillary = list[tuple[int, int, bytes]]


def _bound(address: str, port: int) -> tuple[socket.socket, socket.socket]:
    """A UDP and a listening TCP socket on the same port."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    for _ in range(PORT_TRIES):
        with ExitStack() as unless_done:
            udp = unless_done.enter_context(socket.socket(family, socket.SOCK_DGRAM))
            tcp = unless_done.enter_context(socket.socket(family, socket.SOCK_STREAM))
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                tcp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
            else:
                udp.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
            udp.bind((address, port))
            try:
                tcp.bind(udp.getsockname())
            except OSError as error:
                if port or error.errno != errno.EADDRINUSE:
                    raise
                continue  # The port that was free for UDP is not for TCP: another one.
            udp.setblocking(False)
            tcp.setblocking(False)
            unless_done.pop_all()
            return udp, tcp
    raise OSError(errno.EADDRINUSE, f"no port of {address} is free for both UDP and TCP")


def _source(received: _Ancillary) -> _Ancillary:
    """What makes an answer leave from where the question arrived."""
    for level, kind, data in received:
        if level == socket.IPPROTO_IP and kind == IP_PKTINFO:
            return [(level, kind, struct.pack("=i4s4s", 0, data[4:8], bytes(4)))]
        if level == socket.IPPROTO_IPV6 and kind == socket.IPV6_PKTINFO:
            return [(level, kind, data)]
    return []


def _send(sock: socket.socket, data: bytes, source: _Ancillary, peer: Any) -> None:
    if data and sock.fileno() >= 0:
        try:
            sock.sendmsg([data], source, 0, peer)
        except OSError as error:
            log.debug("an answer to %s could not be sent: %s", peer[0], error)
