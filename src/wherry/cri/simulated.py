"""A container runtime without containers: the same interface, on the event loop's clock alone.

Containers start after `start_seconds` and run until they are stopped, or for as long as their
configuration's annotations say:

    wherry.dev/run-seconds: "1.5"    the container ends by itself after that time
    wherry.dev/exit-code: "3"        with this code (0 if not given)

Every image is present. Nothing here uses a thread, a socket or a clock of its own, so on a virtual
loop it is as fast as the events are processed, and the same way every time.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence

import msgspec

from wherry.clock import Clock
from wherry.cri.types import (
    Auth,
    Container,
    ContainerConfig,
    ContainerStatus,
    ContainerUsage,
    Event,
    ExecResult,
    Image,
    Resources,
    RuntimeFault,
    RuntimeInfo,
    Sandbox,
    SandboxConfig,
    Snapshot,
)

RUN_SECONDS = "wherry.dev/run-seconds"
EXIT_CODE = "wherry.dev/exit-code"
TERMINATED, KILLED = 143, 137

Addresses = Callable[[SandboxConfig], tuple[str, ...]]
Exec = Callable[[ContainerStatus, Sequence[str]], ExecResult]


class _Sandbox(msgspec.Struct):
    sandbox: Sandbox
    containers: list[str] = msgspec.field(default_factory=list)


class _Container(msgspec.Struct):
    status: ContainerStatus
    config: ContainerConfig
    timer: asyncio.TimerHandle | None = None


def _no_address(config: SandboxConfig) -> tuple[str, ...]:
    return ("192.0.2.10",)


def _succeed(status: ContainerStatus, command: Sequence[str]) -> ExecResult:
    return ExecResult(0)


class _NoStreams:
    async def exec_url(
        self, container_id: str, command: Sequence[str], *, stdin: bool, stdout: bool, stderr: bool, tty: bool
    ) -> str:
        raise _no_streams()

    async def attach_url(
        self, container_id: str, *, stdin: bool, stdout: bool, stderr: bool, tty: bool
    ) -> str:
        raise _no_streams()

    async def port_forward_url(self, sandbox_id: str, ports: Sequence[int]) -> str:
        raise _no_streams()


class _EveryImage:
    """Whatever is asked for is there."""

    async def pull_image(self, image: str, auth: Auth | None, sandbox: SandboxConfig | None) -> str:
        return image

    async def image_status(self, image: str) -> Image | None:
        return Image(image, tags=(image,))

    async def list_images(self) -> list[Image]:
        return []

    async def remove_image(self, image: str) -> None:
        """There are none to remove."""


class SimulatedRuntime(_NoStreams, _EveryImage):
    def __init__(
        self,
        clock: Clock,
        rng: random.Random,
        *,
        start_seconds: float = 0.01,
        addresses: Addresses = _no_address,
        execute: Exec = _succeed,
    ) -> None:
        """`addresses` gives a sandbox its addresses, `execute` answers commands (probes, hooks)."""
        self._clock = clock
        self._rng = rng
        self._start_seconds = start_seconds
        self._addresses = addresses
        self._execute = execute
        self._sandboxes: dict[str, _Sandbox] = {}
        self._containers: dict[str, _Container] = {}
        self._pods: dict[str, list[str]] = {}
        self._readers: list[asyncio.Queue[Event]] = []

    async def info(self) -> RuntimeInfo:
        return RuntimeInfo("simulated", "1.0.0", cgroup_driver="cgroupfs")

    async def snapshot(self, pod_uid: str = "") -> Snapshot:
        ids = self._pods.get(pod_uid, []) if pod_uid else list(self._sandboxes)
        sandboxes = [self._sandboxes[id_] for id_ in ids]
        containers = [_listed(self._containers[id_]) for sandbox in sandboxes for id_ in sandbox.containers]
        found = (msgspec.structs.replace(entry.sandbox, ips=()) for entry in reversed(sandboxes))
        return Snapshot(tuple(found), tuple(reversed(containers)))

    async def usage(self) -> list[ContainerUsage]:
        now = self._clock.time()
        return [
            ContainerUsage(id_, entry.status.name, entry.status.labels, now)
            for id_, entry in self._containers.items()
            if entry.status.state == "running"
        ]

    async def events(self) -> AsyncIterator[Event]:
        reader: asyncio.Queue[Event] = asyncio.Queue()
        self._readers.append(reader)
        try:
            yield Event("lost")
            while True:
                yield await reader.get()
        finally:
            self._readers.remove(reader)

    async def close(self) -> None:
        """Ends everything that would still happen by itself."""
        for entry in self._containers.values():
            if entry.timer is not None:
                entry.timer.cancel()

    # --- sandboxes

    async def run_sandbox(self, config: SandboxConfig, handler: str = "") -> str:
        await asyncio.sleep(self._start_seconds)
        host = config.security.namespaces.network == "node"
        id_ = self._new_id()
        sandbox = Sandbox(
            id=id_,
            name=config.name,
            namespace=config.namespace,
            uid=config.uid,
            attempt=config.attempt,
            state="ready",
            created_at=self._clock.time(),
            labels=config.labels,
            annotations=config.annotations,
            ips=() if host else self._addresses(config),
            host_network=host,
        )
        self._sandboxes[id_] = _Sandbox(sandbox)
        self._pods.setdefault(config.uid, []).append(id_)
        return id_

    async def stop_sandbox(self, sandbox_id: str) -> None:
        entry = self._sandboxes.get(sandbox_id)
        if entry is None:
            return
        for id_ in entry.containers:
            self._end(id_, KILLED)
        entry.sandbox = msgspec.structs.replace(entry.sandbox, state="notready")

    async def remove_sandbox(self, sandbox_id: str) -> None:
        await self.stop_sandbox(sandbox_id)
        entry = self._sandboxes.pop(sandbox_id, None)
        if entry is None:
            return
        for id_ in entry.containers:
            del self._containers[id_]
        siblings = self._pods[entry.sandbox.uid]
        siblings.remove(sandbox_id)
        if not siblings:
            del self._pods[entry.sandbox.uid]

    async def sandbox_status(self, sandbox_id: str) -> Sandbox:
        entry = self._sandboxes.get(sandbox_id)
        if entry is None:
            raise RuntimeFault("NOT_FOUND", f'an error occurred when try to find sandbox "{sandbox_id}"')
        return entry.sandbox

    # --- containers

    async def create_container(self, sandbox_id: str, config: ContainerConfig, sandbox: SandboxConfig) -> str:
        owner = self._sandboxes.get(sandbox_id)
        if owner is None or owner.sandbox.state != "ready":
            raise RuntimeFault("NOT_FOUND", f'sandbox "{sandbox_id}" is not running')
        id_ = self._new_id()
        status = ContainerStatus(
            id=id_,
            name=config.name,
            attempt=config.attempt,
            state="created",
            created_at=self._clock.time(),
            sandbox_id=sandbox_id,
            image=config.user_image or config.image,
            image_ref=config.image,
            labels=config.labels,
            annotations=config.annotations,
            log_path=config.log_path,
        )
        self._containers[id_] = _Container(status, config)
        owner.containers.append(id_)
        return id_

    async def start_container(self, container_id: str) -> None:
        await asyncio.sleep(self._start_seconds)
        entry = self._found(container_id)
        if entry.status.state != "created":
            raise RuntimeFault("UNKNOWN", f"container is in {entry.status.state} state")
        entry.status = msgspec.structs.replace(entry.status, state="running", started_at=self._clock.time())
        seconds = entry.config.annotations.get(RUN_SECONDS)
        if seconds is not None:
            code = int(entry.config.annotations.get(EXIT_CODE, "0"))
            loop = asyncio.get_running_loop()
            entry.timer = loop.call_later(float(seconds), self._end, container_id, code)

    async def stop_container(self, container_id: str, grace: float) -> None:
        if container_id in self._containers:
            self._end(container_id, TERMINATED if grace > 0 else KILLED)

    async def remove_container(self, container_id: str) -> None:
        entry = self._containers.pop(container_id, None)
        if entry is not None:
            self._sandboxes[entry.status.sandbox_id].containers.remove(container_id)

    async def container_status(self, container_id: str) -> ContainerStatus:
        return self._found(container_id).status

    async def update_container(self, container_id: str, resources: Resources) -> None:
        entry = self._found(container_id)
        entry.config = msgspec.structs.replace(entry.config, resources=resources)

    async def reopen_log(self, container_id: str) -> None:
        self._found(container_id)

    # --- sessions

    async def exec(self, container_id: str, command: Sequence[str], timeout: float) -> ExecResult:
        entry = self._found(container_id)
        if entry.status.state != "running":
            raise RuntimeFault("UNKNOWN", "container is not running")
        return self._execute(entry.status, command)

    # --- scripting

    def end(self, container_id: str, exit_code: int) -> None:
        """The container's process ends now."""
        self._found(container_id)
        self._end(container_id, exit_code)

    def _end(self, container_id: str, exit_code: int) -> None:
        entry = self._containers[container_id]
        if entry.timer is not None:
            entry.timer.cancel()
            entry.timer = None
        if entry.status.state != "running":
            return
        reason = "Completed" if exit_code == 0 else "Error"
        entry.status = msgspec.structs.replace(
            entry.status,
            state="exited",
            finished_at=self._clock.time(),
            exit_code=exit_code,
            reason=reason,
        )
        for reader in self._readers:
            reader.put_nowait(Event("exited", container_id))

    def _found(self, container_id: str) -> _Container:
        entry = self._containers.get(container_id)
        if entry is None:
            raise RuntimeFault("NOT_FOUND", f'container "{container_id}" is not found')
        return entry

    def _new_id(self) -> str:
        return f"{self._rng.getrandbits(256):064x}"


def _listed(entry: _Container) -> Container:
    status = entry.status
    return Container(
        id=status.id,
        sandbox_id=status.sandbox_id,
        name=status.name,
        attempt=status.attempt,
        state=status.state,
        created_at=status.created_at,
        labels=status.labels,
        annotations=status.annotations,
    )


def _no_streams() -> RuntimeFault:
    return RuntimeFault("UNIMPLEMENTED", "simulated containers have no streams")
