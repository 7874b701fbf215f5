"""The waist between the kubelet and whatever runs containers.

`Runtime` is four small protocols together, so that a part that only executes commands can ask for
`Sessions` alone. Every call raises `RuntimeFault` when the runtime refuses or fails. Stopping and
removing what is not there succeeds. Listings may be a moment old; statuses are not.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from wherry.cri.types import (
    Auth,
    ContainerConfig,
    ContainerStatus,
    ContainerUsage,
    Event,
    ExecResult,
    Image,
    Resources,
    RuntimeInfo,
    Sandbox,
    SandboxConfig,
    Snapshot,
)


class Sandboxes(Protocol):
    async def run_sandbox(self, config: SandboxConfig, handler: str = "") -> str:
        """Makes and starts a sandbox with its network; its id."""

    async def stop_sandbox(self, sandbox_id: str) -> None:
        """Kills what runs in it and takes its network down. Idempotent."""

    async def remove_sandbox(self, sandbox_id: str) -> None:
        """Removes it and its containers. Idempotent."""

    async def sandbox_status(self, sandbox_id: str) -> Sandbox:
        """With addresses; RuntimeFault NOT_FOUND when there is none."""


class Containers(Protocol):
    async def create_container(
        self, sandbox_id: str, config: ContainerConfig, sandbox: SandboxConfig
    ) -> str: ...

    async def start_container(self, container_id: str) -> None: ...

    async def stop_container(self, container_id: str, grace: float) -> None:
        """Its stop signal, and SIGKILL `grace` seconds later; returns when it has ended. Idempotent."""

    async def remove_container(self, container_id: str) -> None: ...

    async def container_status(self, container_id: str) -> ContainerStatus: ...

    async def update_container(self, container_id: str, resources: Resources) -> None: ...

    async def reopen_log(self, container_id: str) -> None: ...


class Sessions(Protocol):
    async def exec(self, container_id: str, command: Sequence[str], timeout: float) -> ExecResult:
        """Runs a command to its end. RuntimeFault DEADLINE_EXCEEDED when it takes longer."""

    async def exec_url(
        self, container_id: str, command: Sequence[str], *, stdin: bool, stdout: bool, stderr: bool, tty: bool
    ) -> str: ...

    async def attach_url(
        self, container_id: str, *, stdin: bool, stdout: bool, stderr: bool, tty: bool
    ) -> str: ...

    async def port_forward_url(self, sandbox_id: str, ports: Sequence[int]) -> str: ...


class Images(Protocol):
    async def pull_image(self, image: str, auth: Auth | None, sandbox: SandboxConfig | None) -> str:
        """Fetches an image; its reference in the runtime."""

    async def image_status(self, image: str) -> Image | None: ...

    async def list_images(self) -> list[Image]: ...

    async def remove_image(self, image: str) -> None: ...


class Runtime(Sandboxes, Containers, Sessions, Images, Protocol):
    async def info(self) -> RuntimeInfo:
        """Which runtime it is and whether it and its network can take pods."""

    async def snapshot(self, pod_uid: str = "") -> Snapshot:
        """All sandboxes and containers, or those of one pod."""

    async def usage(self) -> list[ContainerUsage]: ...

    def events(self) -> AsyncIterator[Event]:
        """Ends of containers as they happen; never ends by itself. It begins with `lost`, and says
        `lost` again whenever it had to reconnect: the reader then looks for itself."""

    async def close(self) -> None: ...
