"""A supervised process as data, and the state in which it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import msgspec

State = Literal["waiting", "starting", "ready", "failed", "stopped"]


@dataclass(frozen=True, slots=True)
class Service:
    """`needs` are started and ready before it; it stops before they do."""

    name: str
    command: tuple[str, ...]
    needs: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    stop_seconds: float = 10.0


class ServiceStatus(msgspec.Struct):
    name: str
    state: State = "waiting"
    pid: int = 0
    started: float = 0.0
    """Seconds since the epoch."""
    ready_seconds: float = 0.0
    """From its start to its word that it is ready."""
    restarts: int = 0
    exit_code: int | None = None


class SupervisorStatus(msgspec.Struct):
    """What the supervisor writes to `run/status.json` at every change."""

    pid: int
    stopping: bool
    services: list[ServiceStatus]

    def service(self, name: str) -> ServiceStatus | None:
        return next((s for s in self.services if s.name == name), None)
