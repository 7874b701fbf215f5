"""What a pod's /etc/resolv.conf says, by its dnsPolicy (`kubelet/network/dns`)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wherry.cri.types import Dns
from wherry.kubelet.podspec import host_network

_MAX_FILE = 1 << 20
_SERVERS, _SEARCHES, _SEARCH_LENGTH = 3, 32, 2048


@dataclass(frozen=True, slots=True)
class DnsSettings:
    servers: tuple[str, ...] = ()
    domain: str = "cluster.local"
    resolv_conf: str = "/etc/resolv.conf"


def pod_dns(pod: Any, settings: DnsSettings, host: Dns) -> Dns:
    """`host` is what the node's own resolv.conf says."""
    policy = pod.spec.dnsPolicy or "ClusterFirst"
    if policy == "None":
        chosen = Dns()
    elif policy == "Default" or not settings.servers or (policy == "ClusterFirst" and host_network(pod)):
        chosen = host
    else:
        domain = settings.domain
        searches = (f"{pod.metadata.namespace}.svc.{domain}", f"svc.{domain}", domain)
        chosen = Dns(settings.servers, (*searches, *host.searches), ("ndots:5",))
    return _bounded(_with_config(chosen, pod.spec.dnsConfig))


def _with_config(dns: Dns, config: Any) -> Dns:
    if config is None:
        return dns
    options = dict(_split_option(option) for option in dns.options)
    for option in config.options:
        options[option.name] = option.value or ""
    return Dns(
        tuple(dict.fromkeys((*dns.servers, *config.nameservers))),
        tuple(dict.fromkeys((*dns.searches, *config.searches))),
        tuple(f"{name}:{value}" if value else name for name, value in options.items()),
    )


def _split_option(text: str) -> tuple[str, str]:
    name, _, value = text.partition(":")
    return name, value


def _bounded(dns: Dns) -> Dns:
    searches: list[str] = []
    for search in dict.fromkeys(dns.searches):
        if len(searches) < _SEARCHES and len(" ".join((*searches, search))) <= _SEARCH_LENGTH:
            searches.append(search)
    return Dns(dns.servers[:_SERVERS], tuple(searches), dns.options)


def read_resolv_conf(path: str) -> Dns:
    """A resolver configuration; an empty path or a missing file says nothing."""
    if not path:
        return Dns()
    try:
        with Path(path).open(encoding="utf-8", errors="replace") as file:
            return parse_resolv_conf(file.read(_MAX_FILE))
    except FileNotFoundError:
        return Dns()


def parse_resolv_conf(text: str) -> Dns:
    servers: list[str] = []
    searches: tuple[str, ...] = ()
    options: list[str] = []
    for line in text.splitlines():
        words = line.split("#")[0].split(";")[0].split()
        match words:
            case ["nameserver", address, *_]:
                servers.append(address)
            case ["search" | "domain", *names]:
                searches = tuple(name.rstrip(".") or "." for name in names)
            case ["options", *found]:
                options = found
    return Dns(tuple(servers), searches, tuple(options))
