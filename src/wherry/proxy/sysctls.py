"""Kernel settings that Services need. What cannot be set is said and gone past: it may be set already,
or a network plugin may do without."""

from __future__ import annotations

import logging
from pathlib import Path

log = logging.getLogger("wherry.proxy")

_ROOT = Path("/proc/sys")


def wanted(*, localhost_node_ports: bool) -> dict[str, str]:
    """Paths under /proc/sys and their values."""
    needed = {
        "net/ipv4/ip_forward": "1",
        # Pod to Service to pod on one bridge: the bridge must show its packets to the rules.
        "net/bridge/bridge-nf-call-iptables": "1",
    }
    if localhost_node_ports:
        needed["net/ipv4/conf/all/route_localnet"] = "1"
    return needed


def apply(needed: dict[str, str], root: Path = _ROOT) -> list[str]:
    """Sets what differs; returns what could not be set."""
    failed = []
    for name, value in needed.items():
        path = root / name
        try:
            if path.read_text().strip() != value:
                path.write_text(value)
        except OSError as error:
            failed.append(f"{name.replace('/', '.')}={value}: {error.strerror}")
    for text in failed:
        log.warning("sysctl %s", text)
    return failed
