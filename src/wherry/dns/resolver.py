"""One question to one answer: the cluster's names from the index at once, all others from upstream."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Coroutine
from typing import Any, Literal, TypeAlias

import dnslib

from wherry.dns.answers import Answer, ClusterNames, Record
from wherry.dns.forward import Forwarder
from wherry.dns.wire import BadQuery, Query, decode, encode, name_of

log = logging.getLogger("wherry.dns")

MAX_KEPT = 2048
"""Answers."""

Reply: TypeAlias = bytes | Coroutine[Any, Any, bytes]
"""The answer, or who will have it."""


class Resolver:
    """Answers from the index are kept as bytes until `forget`: pods ask for the same few names over and
    over, down to the octet. Those whose addresses take turns are not."""

    def __init__(
        self, names: ClusterNames, forwarder: Forwarder, rng: random.Random, synced: Callable[[], bool]
    ) -> None:
        self._names = names
        self._forwarder = forwarder
        self._rng = rng
        self._synced = synced
        self._kept: dict[tuple[bytes, bool], bytes] = {}

    def forget(self) -> None:
        """Something in the cluster has changed."""
        self._kept.clear()

    def resolve(self, data: bytes, *, tcp: bool = False) -> Reply:
        """Empty when there is nothing to say."""
        kept = self._kept.get((data[2:], tcp))
        if kept is not None:
            return data[:2] + kept
        try:
            query = decode(data, tcp=tcp)
        except BadQuery as bad:
            return bad.reply
        answer = self._names.answer(query.name, query.labels, query.type)
        if answer is None:
            return self._from_upstream(query, data, tcp)
        if not answer.records and not self._synced():
            return query.reply("SERVFAIL")  # What is not known yet is not unknown.
        if answer.chase:
            return self._chased(query, answer, tcp)
        if self._shuffle(answer.records):
            return encode(query, answer)
        return self._keep(data, tcp, encode(query, answer))

    async def _from_upstream(self, query: Query, data: bytes, tcp: bool) -> bytes:
        answer = await self._forwarder.ask(data, tcp=tcp)
        return query.reply("SERVFAIL") if answer is None else answer

    async def _chased(self, query: Query, answer: Answer, tcp: bool) -> bytes:
        """With what upstream says of the name that the alias points to. If it says nothing, the alias
        alone: the client may know better."""
        if query.type == "A" or query.type == "AAAA":
            question = dnslib.DNSRecord.question(answer.chase, query.type).pack()
            answer.records += _addresses(await self._forwarder.ask(question, tcp=tcp), query.type)
        return encode(query, answer)

    def _shuffle(self, records: list[Record]) -> bool:
        """Spreads clients that take the first address (CoreDNS's loadbalance plugin)."""
        several = len(records) > 1 and all(record.type in ("A", "AAAA") for record in records)
        if several:
            self._rng.shuffle(records)
        return several

    def _keep(self, data: bytes, tcp: bool, reply: bytes) -> bytes:
        if self._synced():
            if len(self._kept) >= MAX_KEPT:
                self._kept.clear()
            self._kept[data[2:], tcp] = reply[2:]
        return reply


def _addresses(message: bytes | None, wanted: str) -> list[Record]:
    """The aliases and addresses in an upstream's answer."""
    if message is None:
        return []
    try:
        found = dnslib.DNSRecord.parse(message).rr
    except dnslib.DNSError as error:
        log.debug("an upstream's answer cannot be read: %s", error)
        return []
    records = []
    for each in found:
        name = name_of(each.rname)
        if each.rtype == dnslib.QTYPE.CNAME:
            records.append(Record(name, "CNAME", each.ttl, name_of(each.rdata.label)))
        elif each.rtype == getattr(dnslib.QTYPE, wanted):
            family: Literal["A", "AAAA"] = "A" if wanted == "A" else "AAAA"
            records.append(Record(name, family, each.ttl, str(each.rdata)))
    return records
