"""DNS messages: bytes to a question, an answer to bytes. The format itself is dnslib's.

An answer that is too long for the way it came loses its extra records first, then as many answers as it
takes, and says so (TC): the client comes back over TCP.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import dnslib

from wherry.dns.answers import Answer, Record, Soa, Srv
from wherry.dns.names import Labels

MAX_UDP = 4096
MIN_UDP = 512
MAX_TCP = 65_535
HEADER = 12


class BadQuery(Exception):
    """Not a question that is answered. `reply` is what to say to it; empty: nothing."""

    def __init__(self, reply: bytes = b"") -> None:
        super().__init__("not a question")
        self.reply = reply


@dataclass(frozen=True, slots=True)
class Query:
    name: str
    """As asked, without the last dot."""
    labels: Labels
    type: str
    limit: int
    """The longest answer that the client takes."""
    message: Any

    def reply(self, rcode: str) -> bytes:
        """An answer without records."""
        return encode(self, Answer(), rcode)


def decode(data: bytes, *, tcp: bool = False) -> Query:
    """Raises BadQuery."""
    if len(data) < HEADER or data[2] & 0x80:
        raise BadQuery  # Answers are never answered: two servers could go on forever.
    if data[2] & 0x78:
        raise BadQuery(_refusal(data, dnslib.RCODE.NOTIMP))
    if struct.unpack_from(">H", data, 4)[0] != 1:
        raise BadQuery(_refusal(data, dnslib.RCODE.FORMERR))
    try:
        message = dnslib.DNSRecord.parse(data)
    except (dnslib.DNSError, ValueError, LookupError, struct.error) as error:
        raise BadQuery(_refusal(data, dnslib.RCODE.FORMERR)) from error
    if message.q.qclass != dnslib.CLASS.IN:
        raise BadQuery(_refusal(data, dnslib.RCODE.REFUSED))
    labels = tuple(label.decode("latin-1").lower() for label in message.q.qname.label)
    edns = _edns(message)
    limit = MAX_TCP if tcp else MIN_UDP if edns is None else min(MAX_UDP, max(MIN_UDP, edns.rclass))
    return Query(name_of(message.q.qname), labels, str(dnslib.QTYPE.get(message.q.qtype)), limit, message)


def encode(query: Query, answer: Answer, rcode: str = "") -> bytes:
    """The answer in the query's terms, within its limit."""
    message = query.message.reply(ra=1, aa=1 if answer.records or answer.authority else 0)
    message.header.rcode = getattr(dnslib.RCODE, rcode or answer.rcode)
    message.rr = [_encoded(query, record) for record in answer.records]
    message.auth = [_encoded(query, record) for record in answer.authority]
    extra = [_encoded(query, record) for record in answer.extra]
    edns = [] if _edns(query.message) is None else [dnslib.EDNS0(udp_len=MAX_UDP)]
    message.ar = extra + edns
    data = bytes(message.pack())
    if len(data) > query.limit:
        message.ar = edns
        data = _shortened(message, query.limit)
    return data


def _shortened(message: Any, limit: int) -> bytes:
    data = bytes(message.pack())
    while len(data) > limit and message.rr:
        message.header.tc = 1
        message.rr = message.rr[: len(message.rr) * limit // len(data)]
        data = bytes(message.pack())
    return data


def _encoded(query: Query, record: Record) -> Any:
    # A name that came with odd bytes in it goes back as it came.
    name = query.message.q.qname if record.name == query.name else _label(record.name)
    match record.data, record.type:
        case Srv(priority, weight, port, target), _:
            data = dnslib.SRV(priority, weight, port, _label(target))
        case Soa(server, mailbox, times), _:
            data = dnslib.SOA(_label(server), _label(mailbox), times)
        case text, ("A" | "AAAA" | "TXT") as kind:
            data = getattr(dnslib, kind)(text)
        case text, kind:
            data = getattr(dnslib, kind)(_label(text))
    return dnslib.RR(name, getattr(dnslib.QTYPE, record.type), rdata=data, ttl=record.ttl)


def name_of(label: Any) -> str:
    """A name of dnslib's as ours: any byte is a character."""
    return b".".join(label.label).decode("latin-1")


def _label(name: str) -> Any:
    return dnslib.DNSLabel([part.encode("latin-1") for part in name.split(".") if part])


def _edns(message: Any) -> Any | None:
    return next((record for record in message.ar if record.rtype == dnslib.QTYPE.OPT), None)


def _refusal(data: bytes, rcode: int) -> bytes:
    """A bare header: the question could not be understood."""
    flags = 0x8000 | struct.unpack_from(">H", data, 2)[0] & 0x7900 | rcode
    return data[:2] + struct.pack(">HHHHH", flags, 0, 0, 0, 0)
