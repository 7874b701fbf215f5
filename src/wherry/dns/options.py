"""`wherry dns`: its flags as data, and `serve`, which runs it from them."""

from __future__ import annotations

import ipaddress
import logging
import os
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wherry.component import Env
from wherry.component_flags import Flag, UsageError

if TYPE_CHECKING:
    from wherry.dns.dns import DnsSettings

log = logging.getLogger("wherry.dns")

FLAGS: tuple[Flag, ...] = (
    Flag("--kubeconfig", help="path to a kubeconfig file with authorization and master location"),
    Flag("--cluster-domain", default="cluster.local", help="the zone of the cluster's names"),
    Flag("--bind-address", "strings", ("0.0.0.0",), "addresses to listen on, all with the same port"),
    Flag("--port", "int", 53, "UDP and TCP port to listen on; 0 takes a free one"),
    Flag("--ttl", "int", 30, "seconds that clients may keep an answer about the cluster, 0 to 3600"),
    Flag("--resolv-conf", default="/etc/resolv.conf", help="where to find the servers for all other names"),
    Flag("--upstream", "strings", help="servers for all other names, instead of those of --resolv-conf"),
    Flag("--ready-address", default="127.0.0.1", help="address to serve /health and /ready on"),
    Flag("--ready-port", "int", 0, "port to serve /health and /ready on (CoreDNS: 8181), 0 for none"),
    Flag("--v", "int", 0, "log verbosity", short="-v"),
)

_DOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_MAX_RESOLV_CONF = 1 << 16
MAX_TTL = 3600


def settings(flags: dict[str, Any]) -> DnsSettings:
    from wherry.dns.dns import DnsSettings
    from wherry.dns.forward import Upstream

    domain = flags["cluster_domain"].strip(".").lower()
    if not _DOMAIN.fullmatch(domain) or len(domain) > 253:
        raise UsageError(f'--cluster-domain: "{flags["cluster_domain"]}" is not a domain name')
    for flag in ("port", "ready_port"):
        if not 0 <= flags[flag] <= 65_535:
            raise UsageError(f"--{flag.replace('_', '-')}: {flags[flag]} is not a port")
    if not 0 <= flags["ttl"] <= MAX_TTL:
        raise UsageError(f"--ttl: must be between 0 and {MAX_TTL}")
    addresses = tuple(_address("--bind-address", each) for each in flags["bind_address"])
    if not addresses:
        raise UsageError("--bind-address is needed")
    upstreams = tuple(Upstream(_address("--upstream", each)) for each in flags["upstream"])
    return DnsSettings(
        cluster_domain=domain,
        addresses=addresses,
        port=flags["port"],
        ttl=flags["ttl"],
        upstreams=upstreams or _from_file(flags["resolv_conf"]),
        ready_address=_address("--ready-address", flags["ready_address"]),
        ready_port=flags["ready_port"],
    )


async def serve(flags: dict[str, Any], ready: Callable[[], None]) -> None:
    """Serves until cancelled."""
    from wherry.client.connect import client_from_kubeconfig
    from wherry.client.kubeconfig import KubeconfigError
    from wherry.dns.dns import Dns

    chosen = settings(flags)
    if not flags["kubeconfig"]:
        raise UsageError("--kubeconfig is needed")
    try:
        client = client_from_kubeconfig(flags["kubeconfig"], user_agent="dns")
    except KubeconfigError as error:
        raise UsageError(f"--kubeconfig: {error}") from error
    env = Env(rng=random.Random(int.from_bytes(os.urandom(16), "big")))
    try:
        await Dns(client, env, chosen).run(ready)
    except OSError as error:
        where = f"{','.join(chosen.addresses)} port {chosen.port}"
        raise UsageError(f"failed to listen on {where}: {error.strerror or error}") from error


def _address(flag: str, text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError as error:
        raise UsageError(f"{flag}: {error}") from error


def _from_file(path: str) -> tuple[Any, ...]:
    """The upstreams of a resolv.conf. Without the file, or without a server in it, only the cluster's
    names are answered: that is said, and no reason not to start."""
    from wherry.dns.forward import read_resolv_conf

    try:
        with Path(path).open(encoding="utf-8", errors="replace") as file:
            found = read_resolv_conf(file.read(_MAX_RESOLV_CONF))
    except OSError as error:
        log.warning("only the cluster's names are answered: %s", error)
        return ()
    if not found:
        log.warning("only the cluster's names are answered: no nameserver in %s", path)
    return tuple(found)
