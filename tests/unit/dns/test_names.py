from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.dns.names import Asked, dashed, labels_of, parse, pod_address, reverse_address, within

LABEL = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,8}[a-z0-9])?", fullmatch=True)
ADDRESS = st.ip_addresses(v=4) | st.ip_addresses(v=6)


@pytest.mark.parametrize(
    ("left", "asked"),
    [
        ("", Asked("")),
        ("svc", Asked("")),
        ("pod", Asked("")),
        ("ns.svc", Asked("svc", "ns")),
        ("web.ns.svc", Asked("svc", "ns", "web")),
        ("ep.web.ns.svc", Asked("svc", "ns", "web", "ep")),
        ("_http._tcp.web.ns.svc", Asked("svc", "ns", "web", "", "http", "tcp")),
        ("http.tcp.web.ns.svc", Asked("svc", "ns", "web", "", "http", "tcp")),
        ("1-2-3-4.ns.pod", Asked("pod", "ns", "1-2-3-4")),
        ("a._http._tcp.web.ns.svc", None),
        ("web.ns", None),
        ("ns", None),
        ("svc.web", None),
    ],
)
def test_parse(left: str, asked: Asked | None) -> None:
    assert parse(labels_of(left)) == asked


@given(st.lists(LABEL, max_size=7), st.lists(LABEL, min_size=1, max_size=3))
def test_what_is_within_a_zone(left: list[str], zone: list[str]) -> None:
    assert within((*left, *zone), tuple(zone)) == tuple(left)
    assert within(tuple(left), (*left, "x")) is None


@given(LABEL, LABEL, LABEL, LABEL)
def test_any_service_can_be_asked_for(name: str, namespace: str, port: str, protocol: str) -> None:
    assert parse((name, namespace, "svc")) == Asked("svc", namespace, name)
    found = parse(("_" + port, "_" + protocol, name, namespace, "svc"))
    assert found == Asked("svc", namespace, name, "", port, protocol)


@given(st.lists(st.text(max_size=10), max_size=8))
def test_no_name_is_too_odd(labels: list[str]) -> None:
    parse(labels)
    reverse_address(tuple(labels))
    for label in labels:
        pod_address(label)


@given(ADDRESS)
def test_reverse_names(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    assert reverse_address(labels_of(address.reverse_pointer)) == str(address)


@given(ADDRESS)
def test_pods_by_address(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    assert pod_address(dashed(address.exploded)) == str(address)


@pytest.mark.parametrize(
    "name", ["arpa", "4.3.2.1", "3.2.1.in-addr.arpa", "5.4.3.2.1.in-addr.arpa", "x.3.2.1.in-addr.arpa"]
)
def test_names_that_are_no_address(name: str) -> None:
    assert reverse_address(labels_of(name)) is None


def test_labels() -> None:
    assert labels_of("Web.Default.") == ("web", "default")
    assert labels_of(".") == labels_of("") == ()
