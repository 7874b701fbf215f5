"""A small cluster for the tests: services of each kind, and what is behind them."""

from __future__ import annotations

from typing import Any

from wherry.api.schema import convert, struct_type
from wherry.client.cache import ObjectCache
from wherry.dns.answers import ClusterNames
from wherry.dns.index import ClusterIndex

V4, V6 = "10.96.0.20", "fd00::20"


def service(name: str, namespace: str = "shop", **spec: Any) -> Any:
    body = {"metadata": {"name": name, "namespace": namespace}, "spec": spec}
    return convert(struct_type("v1", "Service"), body)


def port(name: str, number: int, protocol: str = "TCP") -> dict[str, Any]:
    return {"name": name, "port": number, "protocol": protocol}


def endpoints(
    owner: str,
    *found: dict[str, Any],
    ports: list[dict[str, Any]] | None = None,
    kind: str = "IPv4",
    suffix: str = "1",
) -> Any:
    body = {
        "metadata": {
            "name": f"{owner}-{suffix}",
            "namespace": "shop",
            "labels": {"kubernetes.io/service-name": owner},
        },
        "addressType": kind,
        "endpoints": list(found),
        "ports": ports or [],
    }
    return convert(struct_type("discovery.k8s.io/v1", "EndpointSlice"), body)


def at(address: str, hostname: str | None = None, ready: bool | None = True) -> dict[str, Any]:
    entry: dict[str, Any] = {"addresses": [address]}
    if hostname:
        entry["hostname"] = hostname
    if ready is not None:
        entry["conditions"] = {"ready": ready}
    return entry


def cache(*objects: Any) -> ObjectCache:
    found = ObjectCache()
    for each in objects:
        found.put(each)
    return found


def namespace(name: str) -> Any:
    return convert(struct_type("v1", "Namespace"), {"metadata": {"name": name}})


SERVICES = [
    service("web", clusterIP=V4, clusterIPs=[V4, V6], ports=[port("http", 80), port("dns", 53, "UDP")]),
    service("bare", clusterIP="10.96.0.21"),
    service("db", clusterIP="None", clusterIPs=["None"], ports=[port("sql", 5432)]),
    service("plain", clusterIP="None"),
    service("idle", clusterIP="None", ports=[port("sql", 5432)]),
    service("mail", type="ExternalName", externalName="mail.example.com"),
    service("alias", type="ExternalName", externalName="web.shop.svc.cluster.local"),
    service("broken", type="ExternalName", externalName="nothing.shop.svc.cluster.local"),
    service("loop", type="ExternalName", externalName="loop.shop.svc.cluster.local"),
    service("ping", type="ExternalName", externalName="pong.shop.svc.cluster.local"),
    service("pong", type="ExternalName", externalName="ping.shop.svc.cluster.local"),
    service("long", type="ExternalName", externalName="x" * 64 + ".example.com"),
    service("pending", ports=[port("http", 80)]),
    service("kube-dns", "kube-system", clusterIP="10.96.0.10", ports=[port("dns", 53, "UDP")]),
]
SLICES = [
    endpoints("web", at("10.244.0.7"), at("10.244.0.8", ready=False), ports=[port("http", 8080)]),
    endpoints("db", at("10.244.1.1", "db-0"), at("10.244.1.2", "DB-1"), ports=[port("sql", 5432)]),
    endpoints(
        "db",
        at("10.244.1.3", ready=None),
        at("10.244.1.9", "db-9", False),
        ports=[port("sql", 5432)],
        suffix="2",
    ),
    endpoints("db", at("fd00:0::1:5", "db-0"), ports=[port("sql", 5432)], kind="IPv6", suffix="3"),
    endpoints("db", at("db.example.com"), ports=[port("sql", 5432)], kind="FQDN", suffix="4"),
    endpoints("plain", at("10.244.1.4")),
    endpoints("idle", at("10.244.1.5", ready=False), ports=[port("sql", 5432)]),
]


def index() -> ClusterIndex:
    return ClusterIndex(
        cache(*SERVICES),
        cache(*SLICES),
        cache(namespace("shop"), namespace("empty"), namespace("kube-system")),
    )


def names() -> ClusterNames:
    return ClusterNames(index(), "cluster.local", 30)
