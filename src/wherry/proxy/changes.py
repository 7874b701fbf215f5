"""Services and EndpointSlices as the informers tell of them, and which Services need new rules.

Level-triggered: only the newest objects are kept, and the keys touched since `take`. A slice that
changes its Service touches both.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from wherry.proxy.rules import Rule, compile_port
from wherry.proxy.services import SERVICE_NAME, Port, endpoints, ports
from wherry.proxy.topology import reach

Event: TypeAlias = Literal["added", "modified", "deleted"]


@dataclass(slots=True)
class Changes:
    """`node` is this node's name: its endpoints are the local ones."""

    node: str
    version: int = 4
    services: dict[str, Any] = field(default_factory=dict)
    slices: dict[str, dict[str, Any]] = field(default_factory=dict)
    _touched: dict[str, None] = field(default_factory=dict)
    _health: dict[str, dict[int, int]] = field(default_factory=dict)

    def on_service(self, event: Event, old: Any | None, new: Any | None) -> None:
        about = new if new is not None else old
        if about is None:
            return
        key = f"{about.metadata.namespace}/{about.metadata.name}"
        if event == "deleted" or new is None:
            self.services.pop(key, None)
        else:
            self.services[key] = new
        self._touched[key] = None

    def on_slice(self, event: Event, old: Any | None, new: Any | None) -> None:
        if old is not None:
            self._drop(old)
        if event != "deleted" and new is not None:
            key = _service_of(new)
            self.slices.setdefault(key, {})[new.metadata.name] = new
            self._touched[key] = None

    def take(self) -> list[str]:
        """The Services touched since the last call, in order of touch."""
        touched = list(self._touched)
        self._touched.clear()
        return touched

    @property
    def pending(self) -> bool:
        return bool(self._touched)

    def rules_of(self, key: str) -> list[Rule]:
        """The rules of one Service as things stand (and, noted beside, its health check ports)."""
        self._health.pop(key, None)
        found: list[Rule] = []
        for port, behind in self._ports(key):
            found += compile_port(port, behind)
            if port.health_port:
                known = self._health.setdefault(key, {})
                local = len(reach(port, behind).local or ())
                known[port.health_port] = max(known.get(port.health_port, 0), local)
        return found

    def health_ports(self) -> dict[int, tuple[str, int]]:
        """For load balancers under a Local policy: {port: (service, endpoints on this node)}."""
        return {port: (key, count) for key, counts in self._health.items() for port, count in counts.items()}

    def _ports(self, key: str) -> list[tuple[Port, Any]]:
        service = self.services.get(key)
        if service is None:
            return []
        behind = [each for _, each in sorted(self.slices.get(key, {}).items())]
        return [
            (port, endpoints(behind, port, self.node, version=self.version))
            for port in ports(service, version=self.version)
        ]

    def _drop(self, old: Any) -> None:
        key = _service_of(old)
        of_service = self.slices.get(key, {})
        of_service.pop(old.metadata.name, None)
        if not of_service:
            self.slices.pop(key, None)
        self._touched[key] = None


def _service_of(slice_: Any) -> str:
    return f"{slice_.metadata.namespace}/{slice_.metadata.labels.get(SERVICE_NAME, '')}"
