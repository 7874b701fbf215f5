"""One DNS question over UDP, to see whether the cluster's DNS answers."""

from __future__ import annotations

import asyncio

import dnslib


class _Answer(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.received: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: object) -> None:
        if not self.received.done():
            self.received.set_result(data)

    def error_received(self, exc: Exception) -> None:
        if not self.received.done():
            self.received.set_exception(exc)


async def resolve(name: str, server: str, port: int = 53, *, timeout: float) -> list[str]:
    """The A records that a server gives for a name. OSError or TimeoutError when it does not answer."""
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(_Answer, remote_addr=(server, port))
    try:
        transport.sendto(dnslib.DNSRecord.question(name).pack())
        data = await asyncio.wait_for(protocol.received, timeout)
    finally:
        transport.close()
    try:
        answer = dnslib.DNSRecord.parse(data)
    except dnslib.DNSError as error:
        raise OSError(f"{server} answers something that is not DNS") from error
    return [str(record.rdata) for record in answer.rr if record.rtype == dnslib.QTYPE.A]
