from __future__ import annotations

import pytest

from wherry.dns.answers import Answer, Record, Soa, Srv
from wherry.dns.names import labels_of

from .town import names

WEB = "web.shop.svc.cluster.local"
DB = "db.shop.svc.cluster.local"
Q = "?"
"""Stands for the name asked."""


def ask(name: str, wanted: str) -> Answer | None:
    return names().answer(name, labels_of(name), wanted)


def a(address: str, name: str = Q) -> tuple[str, str, object]:
    return (name, "AAAA" if ":" in address else "A", address)


def srv(target: str, port: int, weight: int = 100) -> tuple[str, str, object]:
    return (Q, "SRV", Srv(0, weight, port, target))


def shown(records: list[Record], name: str) -> list[tuple[str, str, object]]:
    assert all(record.ttl == 30 for record in records)
    return [(Q if record.name == name else record.name, record.type, record.data) for record in records]


FOUND = [
    # Services with an address.
    ("web.shop.svc.cluster.local", "A", [a("10.96.0.20")]),
    ("WEB.Shop.svc.Cluster.Local", "A", [a("10.96.0.20")]),
    ("web.shop.svc.cluster.local", "AAAA", [a("fd00::20")]),
    ("bare.shop.svc.cluster.local", "A", [a("10.96.0.21")]),
    ("_http._tcp.web.shop.svc.cluster.local", "A", [a("10.96.0.20")]),
    ("10-244-0-7.web.shop.svc.cluster.local", "A", [a("10.244.0.7")]),
    # Headless ones: what is ready.
    (DB, "A", [a("10.244.1.1"), a("10.244.1.2"), a("10.244.1.3")]),
    (DB, "AAAA", [a("fd00::1:5")]),
    ("db-0.db.shop.svc.cluster.local", "A", [a("10.244.1.1")]),
    ("db-1.db.shop.svc.cluster.local", "A", [a("10.244.1.2")]),
    ("10-244-1-3.db.shop.svc.cluster.local", "A", [a("10.244.1.3")]),
    ("plain.shop.svc.cluster.local", "A", [a("10.244.1.4")]),
    # Outside, and inside under another name.
    ("mail.shop.svc.cluster.local", "A", [(Q, "CNAME", "mail.example.com")]),
    ("mail.shop.svc.cluster.local", "CNAME", [(Q, "CNAME", "mail.example.com")]),
    ("alias.shop.svc.cluster.local", "A", [(Q, "CNAME", WEB), a("10.96.0.20", WEB)]),
    # Pods by address.
    ("10-244-0-7.shop.pod.cluster.local", "A", [a("10.244.0.7")]),
    ("fd00--7.shop.pod.cluster.local", "AAAA", [a("fd00::7")]),
    # Named ports.
    ("_http._tcp.web.shop.svc.cluster.local", "SRV", [srv(WEB, 80, 50)]),
    ("_dns._udp.web.shop.svc.cluster.local", "SRV", [srv(WEB, 53, 50)]),
    (WEB, "SRV", [srv(WEB, 80, 25), srv(WEB, 53, 25)]),
    # Reverse names.
    ("20.0.96.10.in-addr.arpa", "PTR", [(Q, "PTR", WEB)]),
    ("1.1.244.10.in-addr.arpa", "PTR", [(Q, "PTR", f"db-0.{DB}")]),
    (f"0.2.{'0.' * 26}0.0.d.f.ip6.arpa", "PTR", [(Q, "PTR", WEB)]),
    # The zone itself.
    ("dns-version.cluster.local", "TXT", [(Q, "TXT", "1.1.0")]),
    ("cluster.local", "NS", [(Q, "NS", "ns.dns.cluster.local")]),
    ("ns.dns.cluster.local", "A", [a("10.96.0.10")]),
]


@pytest.mark.parametrize(("name", "wanted", "records"), FOUND, ids=[f"{row[0]}-{row[1]}" for row in FOUND])
def test_found(name: str, wanted: str, records: list[tuple[str, str, object]]) -> None:
    answer = ask(name, wanted)
    assert answer is not None
    assert (answer.rcode, shown(answer.records, name)) == ("NOERROR", records)
    assert answer.authority == []


def test_services_come_with_the_addresses_of_their_targets() -> None:
    answer = ask("_sql._tcp." + DB, "SRV")
    assert answer is not None
    targets = [f"db-0.{DB}", f"DB-1.{DB}", f"10-244-1-3.{DB}", f"db-0.{DB}"]
    expected = [srv(target, 5432, 25) for target in targets[:3]]
    assert shown(answer.records, "_sql._tcp." + DB) == expected
    addresses = ["10.244.1.1", "10.244.1.2", "10.244.1.3", "fd00::1:5"]
    assert shown(answer.extra, "") == [
        a(address, target) for address, target in zip(addresses, targets, strict=True)
    ]


EMPTY = [
    ("cluster.local", "A"),
    ("svc.cluster.local", "A"),
    ("pod.cluster.local", "A"),
    ("shop.svc.cluster.local", "A"),
    ("empty.pod.cluster.local", "A"),
    ("bare.shop.svc.cluster.local", "AAAA"),
    ("bare.shop.svc.cluster.local", "SRV"),
    (WEB, "MX"),
    (WEB, "TXT"),
    (WEB, "ANY"),
    (WEB, "CNAME"),
    ("mail.shop.svc.cluster.local", "SRV"),
    ("10-244-0-7.shop.pod.cluster.local", "AAAA"),
    ("loop.shop.svc.cluster.local", "A"),
    ("ping.shop.svc.cluster.local", "A"),
    ("broken.shop.svc.cluster.local", "A"),
    ("ns.dns.cluster.local", "AAAA"),
    ("dns-version.cluster.local", "A"),
]
MISSING = [
    "nothing.shop.svc.cluster.local",
    "web.other.svc.cluster.local",
    "other.svc.cluster.local",
    "other.pod.cluster.local",
    "web.shop.cluster.local",
    "shop.cluster.local",
    "idle.shop.svc.cluster.local",
    "pending.shop.svc.cluster.local",
    "long.shop.svc.cluster.local",
    "10-244-0-8.web.shop.svc.cluster.local",
    "db-9.db.shop.svc.cluster.local",
    "_https._tcp.web.shop.svc.cluster.local",
    "_http._udp.web.shop.svc.cluster.local",
    "_http._tcp.mail.shop.svc.cluster.local",
    "a._http._tcp.web.shop.svc.cluster.local",
    "example.com.shop.svc.cluster.local",
    "10-244-0-300.shop.pod.cluster.local",
    "10-244-0-7.other.pod.cluster.local",
]
SOA = Record(
    "cluster.local",
    "SOA",
    30,
    Soa("ns.dns.cluster.local", "hostmaster.cluster.local", (1, 7200, 1800, 86400, 30)),
)


@pytest.mark.parametrize(("name", "wanted"), EMPTY)
def test_a_name_without_such_records(name: str, wanted: str) -> None:
    assert ask(name, wanted) == Answer("NOERROR", authority=[SOA])


@pytest.mark.parametrize("name", MISSING)
@pytest.mark.parametrize("wanted", ["A", "SRV", "MX"])
def test_a_name_that_is_not_there(name: str, wanted: str) -> None:
    assert ask(name, wanted) == Answer("NXDOMAIN", authority=[SOA])


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("example.com", "A"),
        ("", "NS"),
        ("local", "A"),
        ("notcluster.local", "A"),
        ("9.9.9.9.in-addr.arpa", "PTR"),
        ("9.1.244.10.in-addr.arpa", "PTR"),  # Not ready, with a name.
        ("7.0.244.10.in-addr.arpa", "PTR"),  # Ready, without one.
        ("20.0.96.10.in-addr.arpa", "A"),
        ("in-addr.arpa", "PTR"),
    ],
)
def test_what_is_left_to_others(name: str, wanted: str) -> None:
    assert ask(name, wanted) is None


def test_an_alias_out_of_the_zone_is_to_be_looked_up() -> None:
    answer = ask("mail.shop.svc.cluster.local", "A")
    assert answer is not None
    assert answer.chase == "mail.example.com"


def test_the_zone_tells_when_it_changed() -> None:
    zone = names()
    zone.serial = 1_700_000_000
    answer = zone.answer("cluster.local", ("cluster", "local"), "SOA")
    assert answer is not None
    soa = answer.records[0].data
    assert isinstance(soa, Soa)
    assert soa.times[0] == 1_700_000_000
