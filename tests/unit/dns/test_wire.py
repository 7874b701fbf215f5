from __future__ import annotations

import dnslib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.dns.answers import Answer, Record, Soa, Srv
from wherry.dns.wire import BadQuery, decode, encode

NAME = "web.shop.svc.cluster.local"


def question(name: str = NAME, kind: str = "A", edns: int = 0) -> bytes:
    message = dnslib.DNSRecord.question(name, kind)
    if edns:
        message.add_ar(dnslib.EDNS0(udp_len=edns))
    return bytes(message.pack())


def addresses(count: int) -> list[Record]:
    return [Record(NAME, "A", 30, f"10.0.{number // 250}.{number % 250}") for number in range(count)]


def test_a_question_is_read() -> None:
    query = decode(question("Web.Shop.svc.cluster.local"))
    assert (query.name, query.labels) == (
        "Web.Shop.svc.cluster.local",
        ("web", "shop", "svc", "cluster", "local"),
    )
    assert (query.type, query.limit) == ("A", 512)


@pytest.mark.parametrize(
    ("edns", "tcp", "limit"), [(100, False, 512), (1232, False, 1232), (9000, False, 4096), (0, True, 65535)]
)
def test_how_long_an_answer_may_be(edns: int, tcp: bool, limit: int) -> None:
    assert decode(question(edns=edns), tcp=tcp).limit == limit


def test_an_answer_is_in_the_terms_of_the_question() -> None:
    asked = question("WEB.shop.svc.cluster.local", edns=1232)
    query = decode(asked)
    reply = dnslib.DNSRecord.parse(encode(query, Answer(records=[Record(query.name, "A", 30, "10.0.0.1")])))
    assert asked[:2] == reply.pack()[:2]
    assert (reply.header.qr, reply.header.aa, reply.header.rd, reply.header.ra) == (1, 1, 1, 1)
    assert str(reply.q.qname) == str(reply.rr[0].rname) == "WEB.shop.svc.cluster.local."
    assert (str(reply.rr[0].rdata), reply.rr[0].ttl) == ("10.0.0.1", 30)
    assert reply.ar[0].rtype == dnslib.QTYPE.OPT


def test_every_kind_of_record() -> None:
    records = [
        Record(NAME, "AAAA", 30, "fd00::1"),
        Record(NAME, "CNAME", 30, "other.example.com"),
        Record(NAME, "PTR", 30, "other.example.com"),
        Record(NAME, "NS", 30, "other.example.com"),
        Record(NAME, "TXT", 30, "1.1.0"),
        Record(NAME, "SRV", 30, Srv(0, 50, 80, "other.example.com")),
    ]
    soa = Record("cluster.local", "SOA", 30, Soa("ns.dns", "hostmaster", (1, 2, 3, 4, 5)))
    reply = dnslib.DNSRecord.parse(encode(decode(question()), Answer(records=records, authority=[soa])))
    assert [str(record.rdata) for record in reply.rr] == [
        "fd00::1",
        "other.example.com.",
        "other.example.com.",
        "other.example.com.",
        '"1.1.0"',
        "0 50 80 other.example.com.",
    ]
    assert str(reply.auth[0].rdata) == "ns.dns. hostmaster. 1 2 3 4 5"


def test_a_long_answer_loses_extras_first_and_then_says_so() -> None:
    extra = [Record(f"e{number}." + NAME, "A", 30, "10.0.0.1") for number in range(20)]
    query = decode(question())
    data = encode(query, Answer(records=addresses(20), extra=extra))
    reply = dnslib.DNSRecord.parse(data)
    assert (len(reply.rr), len(reply.ar), reply.header.tc) == (20, 0, 0)
    data = encode(query, Answer(records=addresses(500), extra=extra))
    reply = dnslib.DNSRecord.parse(data)
    assert len(data) <= 512
    assert len(reply.rr) > 10
    assert reply.header.tc == 1
    whole = dnslib.DNSRecord.parse(encode(decode(question(), tcp=True), Answer(records=addresses(500))))
    assert (len(whole.rr), whole.header.tc) == (500, 0)


@pytest.mark.parametrize(
    ("data", "rcode"),
    [
        (b"", None),
        (b"short", None),
        (dnslib.DNSRecord.parse(question()).reply().pack(), None),
        (question()[:-3], "FORMERR"),
        (question()[:4] + b"\0\2" + question()[6:], "FORMERR"),
        (question()[:4] + b"\0\0" + question()[6:], "FORMERR"),
        (question()[:2] + b"\x29" + question()[3:], "NOTIMP"),
        (question()[:-1] + b"\3", "REFUSED"),
    ],
)
def test_what_is_not_a_question(data: bytes, rcode: str | None) -> None:
    with pytest.raises(BadQuery) as caught:
        decode(data)
    if rcode is None:
        assert caught.value.reply == b""
    else:
        reply = dnslib.DNSRecord.parse(caught.value.reply)
        assert caught.value.reply[:2] == data[:2]
        assert reply.header.rcode == getattr(dnslib.RCODE, rcode)


QUESTION = question(edns=1232)


def damaged(at: int, octets: bytes) -> bytes:
    return QUESTION[:at] + octets + QUESTION[at + len(octets) :]


@given(
    st.binary(max_size=120)
    | st.binary(max_size=60).map(lambda tail: QUESTION[:12] + tail)
    | st.builds(damaged, st.integers(0, 60), st.binary(min_size=1, max_size=4))
)
def test_no_bytes_break_it(data: bytes) -> None:
    try:
        query = decode(data)
    except BadQuery:
        return
    reply = encode(query, Answer("NXDOMAIN"))
    assert reply[:2] == data[:2]
