"""Which endpoints a packet may go to, by where it comes from (`pkg/proxy/topology.go`).

Ready endpoints; when there are none, those still serving while they terminate. Under a Local policy
the same among this node's own. Topology hints are not looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from wherry.proxy.services import Endpoint, Port

Backend: TypeAlias = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Reach:
    """`everywhere`: all usable; `internal` for cluster IPs; `local` for traffic from outside, or None
    when its policy is Cluster.."""

    everywhere: tuple[Backend, ...]
    internal: tuple[Backend, ...]
    local: tuple[Backend, ...] | None


def reach(port: Port, endpoints: Sequence[Endpoint]) -> Reach:
    everywhere = _usable(endpoints)
    own = _usable([e for e in endpoints if e.local])
    return Reach(
        everywhere,
        own if port.internal_local else everywhere,
        own if port.external_local else None,
    )


def _usable(endpoints: Sequence[Endpoint]) -> tuple[Backend, ...]:
    ready = tuple((e.ip, e.port) for e in endpoints if e.ready)
    return ready or tuple((e.ip, e.port) for e in endpoints if e.serving)
