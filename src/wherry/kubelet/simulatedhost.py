"""`Host`, probes and hooks of nodes that are not there: addresses and nothing else.

Pods get addresses from their node's `spec.podCIDR`; where there is none yet, from 10.128.0.0/9 by
the node's number. A pod that shall end by itself (restartPolicy Never or OnFailure) runs for a
second and succeeds, unless its annotations `wherry.dev/run-seconds` and `wherry.dev/exit-code` say
otherwise; init containers end at once.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import msgspec

from wherry.api.errors import ApiError
from wherry.api.scheme import resource
from wherry.client.rest import Client
from wherry.cri.simulated import EXIT_CODE, RUN_SECONDS
from wherry.cri.types import (
    CONTAINER_NAME,
    POD_UID,
    ContainerConfig,
    ContainerStatus,
    Namespaces,
    SandboxConfig,
    Security,
)
from wherry.kubelet.host import ContainerStart
from wherry.kubelet.podspec import Kind, host_network, is_sidecar
from wherry.kubelet.probes import Outcome

NODES = resource("nodes")
RUN_DEFAULT = "1"
_HOST = Security(namespaces=Namespaces(network="node"))
_POD = Security()


class SimulatedNode(msgspec.Struct):
    """One node's addresses. `number` counts from 0."""

    name: str
    number: int
    network: ipaddress.IPv4Network | ipaddress.IPv6Network | None = None
    used: dict[str, str] = msgspec.field(default_factory=dict)
    """Pod uid to address."""
    last: int = 1

    @property
    def address(self) -> str:
        return str(ipaddress.IPv4Address("172.16.0.1") + self.number)

    def fallback(self) -> ipaddress.IPv4Network:
        first = ipaddress.IPv4Address("10.128.0.0") + 256 * self.number
        return ipaddress.IPv4Network((first, 24))

    def take(self, uid: str) -> str:
        """An address for a pod; the same one when it asks again."""
        known = self.used.get(uid)
        if known is not None:
            return known
        network = self.network or self.fallback()
        size = min(network.num_addresses - 1, 1 << 16)
        taken = set(self.used.values())
        for offset in _from(self.last + 1, size):
            address = str(network[offset])
            if address not in taken:
                self.last, self.used[uid] = offset, address
                return address
        return ""

    def give_back(self, uid: str) -> None:
        self.used.pop(uid, None)


def _from(first: int, size: int) -> Iterator[int]:
    """Offsets 2..size-1, beginning at `first` and wrapping around."""
    first = first if first < size else 2
    yield from range(first, size)
    yield from range(2, first)


class SimulatedHost:
    def __init__(self, client: Client, nodes: dict[str, SimulatedNode]) -> None:
        self._client = client
        self._nodes = nodes

    def addresses(self, pod: Any) -> Sequence[str]:
        return (self._nodes[pod.spec.nodeName].address,)

    def sandbox_addresses(self, config: SandboxConfig) -> tuple[str, ...]:
        """What `SimulatedRuntime` gives a sandbox."""
        node = self._nodes[config.annotations["node"]]
        return (node.take(config.uid),)

    async def prepare(self, pod: Any) -> None:
        node = self._nodes[pod.spec.nodeName]
        if node.network is not None or host_network(pod):
            return
        try:
            found = await self._client.get(NODES, node.name)
        except ApiError:
            return
        if found.spec.podCIDR:
            node.network = ipaddress.ip_network(found.spec.podCIDR)

    async def refresh(self, pod: Any) -> None:
        """There are no volumes."""

    async def runtime_handler(self, pod: Any) -> str:
        return ""

    async def sandbox_config(self, pod: Any, attempt: int) -> SandboxConfig:
        meta = pod.metadata
        return SandboxConfig(
            name=meta.name,
            namespace=meta.namespace,
            uid=meta.uid,
            attempt=attempt,
            annotations={"node": pod.spec.nodeName},
            security=_HOST if host_network(pod) else _POD,
        )

    async def container_config(
        self, pod: Any, start: ContainerStart, image: str, ips: Sequence[str]
    ) -> ContainerConfig:
        container = start.container
        return ContainerConfig(
            name=container.name,
            image=image,
            user_image=container.image or "",
            attempt=start.attempt,
            labels={POD_UID: pod.metadata.uid, CONTAINER_NAME: container.name},
            annotations=_behaviour(pod, start.kind, container),
        )

    async def termination_message(self, pod: Any, container: Any, run: ContainerStatus) -> str:
        return ""

    async def resize(self, pod: Any) -> None:
        """There is nothing to resize."""

    async def release(self, pod: Any) -> None:
        self._nodes[pod.spec.nodeName].give_back(pod.metadata.uid)

    async def forget(self, uid: str) -> None:
        """Nothing is kept."""


def _behaviour(pod: Any, kind: Kind, container: Any) -> dict[str, str]:
    """Annotations that tell the simulated runtime how long the container runs."""
    if kind == "init":
        return {} if is_sidecar(container) else {RUN_SECONDS: "0"}
    wanted = pod.metadata.annotations
    seconds = wanted.get(RUN_SECONDS)
    if seconds is None and pod.spec.restartPolicy in ("Never", "OnFailure"):
        seconds = RUN_DEFAULT
    if seconds is None or not _is_number(seconds):
        return {}
    code = wanted.get(EXIT_CODE, "0")
    return {RUN_SECONDS: seconds, EXIT_CODE: code if code.isdigit() else "1"}


def _is_number(text: str) -> bool:
    try:
        return 0 <= float(text) < float("inf")
    except ValueError:
        return False


class AlwaysWell:
    """Probes that succeed and hooks that work."""

    async def probe(self, pod: Any, container: Any, run: ContainerStatus, probe: Any, ip: str) -> Outcome:
        return Outcome("success")

    async def run(self, pod: Any, container: Any, container_id: str, handler: Any, ip: str) -> str:
        return ""


class NoEvents:
    """Takes events and forgets them."""

    def event(
        self,
        obj: Any,
        type: Literal["Normal", "Warning"],
        reason: str,
        message: str,
        *,
        field_path: str = "",
    ) -> None:
        """Nothing is recorded."""
