"""Answers about the cluster's own names, as CoreDNS's kubernetes plugin gives them. Pure.

A name in the cluster's zone has records (NOERROR), exists without records of the type asked for
(NOERROR, no answers, the zone's SOA), or does not exist (NXDOMAIN, the SOA). A reverse name that is
nobody's here is left to others: None. An ExternalName that points out of the zone is answered with its
CNAME, and `chase` says what is left to look up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

from wherry.dns.index import NO_PORT, ClusterIndex, Port, addresses, is_headless, ports
from wherry.dns.names import Asked, Labels, labels_of, parse, pod_address, reverse_address, within

RecordType: TypeAlias = Literal["A", "AAAA", "CNAME", "SRV", "PTR", "TXT", "NS", "SOA"]
Rcode: TypeAlias = Literal["NOERROR", "NXDOMAIN", "SERVFAIL"]

SCHEMA_VERSION = "1.1.0"
"""Of the Kubernetes DNS specification, told as dns-version.ZONE."""
MAX_CNAMES = 8
MAX_LABEL = 63
"""Octets. An externalName is not checked for it by the API."""
REFRESH, RETRY, EXPIRE = 7200, 1800, 86400
DNS_SERVICE = ("kube-dns", "kube-system")


class Srv(NamedTuple):
    priority: int
    weight: int
    port: int
    target: str


class Soa(NamedTuple):
    server: str
    mailbox: str
    times: tuple[int, int, int, int, int]
    """Serial, refresh, retry, expire, negative time to live."""


class Record(NamedTuple):
    """Names end without a dot."""

    name: str
    type: RecordType
    ttl: int
    data: str | Srv | Soa


@dataclass(slots=True)
class Answer:
    rcode: Rcode = "NOERROR"
    records: list[Record] = field(default_factory=list)
    extra: list[Record] = field(default_factory=list)
    authority: list[Record] = field(default_factory=list)
    chase: str = ""


class Place(NamedTuple):
    """Somewhere a name leads: an address with a name of its own, or (`address` empty) another name."""

    target: str
    address: str = ""
    port: int = -1


class ClusterNames:
    def __init__(self, index: ClusterIndex, domain: str, ttl: int) -> None:
        self._index = index
        self._domain = domain.strip(".").lower()
        self._zone = labels_of(domain)
        self._ttl = ttl
        self.serial = 1
        """Of the zone: when the cluster last changed, in seconds since the epoch."""

    def answer(self, name: str, labels: Labels, wanted: str) -> Answer | None:
        """`name` as it was asked, `labels` of it in lower case; None when it is not ours to answer."""
        left = within(labels, self._zone)
        if left is not None:
            return self._finished(self._forward(name, left, wanted, 0))
        address = reverse_address(labels) if wanted == "PTR" else None
        targets = self._hosts_at(address) if address else []
        if not targets:
            return None
        return Answer(records=[Record(name, "PTR", self._ttl, target) for target in targets])

    def _finished(self, answer: Answer) -> Answer:
        if not answer.records:
            answer.authority = [self._soa()]
        return answer

    def _forward(self, name: str, left: Labels, wanted: str, depth: int) -> Answer:
        special = self._special(name, left, wanted)
        if special is not None:
            return special
        asked = parse(left)
        places = self._places(asked) if asked is not None else None
        if places is None:
            return Answer("NXDOMAIN")
        match wanted:
            case "A" | "AAAA":
                return self._addresses(name, places, wanted, depth)
            case "CNAME":
                names = [place.target for place in places if not place.address]
                return Answer(records=[Record(name, "CNAME", self._ttl, target) for target in names])
            case "SRV":
                return self._services(name, places)
        return Answer()

    def _special(self, name: str, left: Labels, wanted: str) -> Answer | None:
        """The zone's own records."""
        server = f"ns.dns.{self._domain}"
        match left:
            case () if wanted == "SOA":
                return Answer(records=[self._soa()])
            case () if wanted == "NS":
                return Answer(records=[Record(name, "NS", self._ttl, server)], extra=self._server(server))
            case ("dns-version",):
                text = [Record(name, "TXT", self._ttl, SCHEMA_VERSION)] if wanted == "TXT" else []
                return Answer(records=text)
            case ("ns", "dns"):
                return Answer(records=[record for record in self._server(name) if record.type == wanted])
        return None

    def _server(self, name: str) -> list[Record]:
        service = self._index.service(*DNS_SERVICE)
        return [self._address(name, each) for each in addresses(service)] if service is not None else []

    def _places(self, asked: Asked) -> list[Place] | None:
        """None: there is no such name. Empty: there is, and it leads nowhere."""
        if not asked.kind:
            return []
        if not asked.name:
            return [] if self._index.has_namespace(asked.namespace) else None
        if asked.kind == "pod":
            address = pod_address(asked.name)
            if address is None or not self._index.has_namespace(asked.namespace):
                return None
            return [Place(f"{asked.name}.{asked.namespace}.pod.{self._domain}", address)]
        return list(self._service_places(asked)) or None

    def _service_places(self, asked: Asked) -> Iterator[Place]:
        service = self._index.service(asked.name, asked.namespace)
        if service is None:
            return
        whole = f"{asked.name}.{asked.namespace}.svc.{self._domain}"
        if service.spec.type == "ExternalName":
            target = (service.spec.externalName or "").rstrip(".")
            sayable = all(0 < len(label) <= MAX_LABEL for label in target.split("."))
            if sayable and not (asked.endpoint or asked.port or asked.protocol):
                yield Place(target)
        elif asked.endpoint or is_headless(service):
            for endpoint in self._index.endpoints(asked.name, asked.namespace):
                if asked.endpoint in ("", endpoint.host.lower()):
                    for port in endpoint.ports:
                        if _matches(asked, port):
                            yield Place(f"{endpoint.host}.{whole}", endpoint.address, port.number)
        else:
            for port in ports(service):
                if _matches(asked, port):
                    for address in addresses(service):
                        yield Place(whole, address, port.number)

    def _addresses(self, name: str, places: list[Place], wanted: str, depth: int) -> Answer:
        found: dict[Record, None] = {}
        for place in places:
            if not place.address:
                return self._alias(name, place.target, wanted, depth)
            record = self._address(name, place.address)
            if record.type == wanted:
                found[record] = None
        return Answer(records=list(found))

    def _alias(self, name: str, target: str, wanted: str, depth: int) -> Answer:
        """A CNAME and what it leads to; an alias of itself, or too long a chain, leads nowhere."""
        labels = labels_of(target)
        if depth >= MAX_CNAMES or labels == labels_of(name):
            return Answer()
        alias = Record(name, "CNAME", self._ttl, target)
        left = within(labels, self._zone)
        if left is None:
            return Answer(records=[alias], chase=target)
        rest = self._forward(target, left, wanted, depth + 1)
        return Answer(records=[alias, *rest.records] if rest.records else [], chase=rest.chase)

    def _services(self, name: str, places: list[Place]) -> Answer:
        weight = max(1, 100 // max(1, len(places)))
        records: dict[Record, None] = {}
        extra: dict[Record, None] = {}
        for place in places:
            if place.port != NO_PORT.number:
                records[Record(name, "SRV", self._ttl, Srv(0, weight, place.port, place.target))] = None
                if place.address:
                    extra[self._address(place.target, place.address)] = None
        return Answer(records=list(records), extra=list(extra))

    def _hosts_at(self, address: str) -> list[str]:
        service = self._index.service_at(address)
        if service is not None:
            return [f"{service.metadata.name}.{service.metadata.namespace}.svc.{self._domain}"]
        return [
            f"{host}.{service}.{namespace}.svc.{self._domain}"
            for host, service, namespace in self._index.named_endpoints_at(address)
        ]

    def _address(self, name: str, address: str) -> Record:
        return Record(name, "AAAA" if ":" in address else "A", self._ttl, address)

    def _soa(self) -> Record:
        times = (self.serial, REFRESH, RETRY, EXPIRE, self._ttl)
        data = Soa(f"ns.dns.{self._domain}", f"hostmaster.{self._domain}", times)
        return Record(self._domain, "SOA", min(300, self._ttl), data)


def _matches(asked: Asked, port: Port) -> bool:
    return asked.port in ("", port.name.lower()) and asked.protocol in ("", port.protocol)
