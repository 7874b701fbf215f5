"""What the workers of a node share."""

from __future__ import annotations

import asyncio
from typing import Any, Literal, Protocol

import msgspec

from wherry.client.rest import Client
from wherry.clock import Clock
from wherry.cri.runtime import Runtime
from wherry.kubelet.backoff import Backoff
from wherry.kubelet.host import Host
from wherry.kubelet.images import ImagePuller
from wherry.kubelet.podspec import Kind, field_path
from wherry.kubelet.probes import Prober
from wherry.kubelet.statuswriter import StatusWriter
from wherry.kubelet.view import Viewer

PARALLEL_STARTS = 4
"""More pod starts at once only make each of them slower."""


class Events(Protocol):
    def event(
        self,
        obj: Any,
        type: Literal["Normal", "Warning"],
        reason: str,
        message: str,
        *,
        field_path: str = "",
    ) -> None:
        """Records an event (`wherry.client.events.EventRecorder`)."""


class Hooks(Protocol):
    async def run(self, pod: Any, container: Any, container_id: str, handler: Any, ip: str) -> str:
        """Runs a lifecycle handler to its end; what went wrong, "" when nothing."""


class Deps(msgspec.Struct):
    client: Client
    clock: Clock
    runtime: Runtime
    runtime_name: str
    host: Host
    events: Events
    writer: StatusWriter
    images: ImagePuller
    viewer: Viewer
    prober: Prober
    hooks: Hooks
    backoff: Backoff
    starts: asyncio.Semaphore

    def container_event(
        self,
        pod: Any,
        kind: Kind,
        name: str,
        type_: Literal["Normal", "Warning"],
        reason: str,
        message: str,
    ) -> None:
        self.events.event(pod, type_, reason, message, field_path=field_path(kind, name))
