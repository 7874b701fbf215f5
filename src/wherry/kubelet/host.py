"""What a pod needs of the machine beside a container runtime: volumes, files, cgroups, addresses.

The real machine (`wherry.kubelet.machine.host`) and the simulated one implement `Host`; the workers
don't know which they have. Every method may be called again for the same pod and then repairs or
repeats what is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from wherry.cri.types import ContainerConfig, ContainerStatus, SandboxConfig
from wherry.kubelet.podspec import Kind


class SetupError(Exception):
    """A pod or container can't be set up now. `reason` is an event's or a waiting state's reason."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class ContainerStart(msgspec.Struct, frozen=True):
    """One run of a container. `target` is the container whose processes an ephemeral one shall see."""

    kind: Kind
    container: Any
    attempt: int
    target: str = ""


class Host(Protocol):
    def addresses(self, pod: Any) -> Sequence[str]:
        """The node's addresses: one, or one of each family."""

    async def prepare(self, pod: Any) -> None:
        """Folders, cgroup and volumes. SetupError FailedMount and the like."""

    async def refresh(self, pod: Any) -> None:
        """Brings the content of mounted volumes up to date."""

    async def runtime_handler(self, pod: Any) -> str:
        """The runtime's handler that the pod's RuntimeClass names, "" for its default."""

    async def sandbox_config(self, pod: Any, attempt: int) -> SandboxConfig: ...

    async def container_config(
        self, pod: Any, start: ContainerStart, image: str, ips: Sequence[str]
    ) -> ContainerConfig:
        """SetupError CreateContainerConfigError when the pod asks for what isn't there."""

    async def termination_message(self, pod: Any, container: Any, run: ContainerStatus) -> str: ...

    async def resize(self, pod: Any) -> None:
        """The pod's cgroup follows its spec."""

    async def release(self, pod: Any) -> None:
        """Unmounts volumes and removes the cgroup; nothing of the pod runs any more."""

    async def forget(self, uid: str) -> None:
        """Removes what is left of a pod that is gone: folders and logs."""
