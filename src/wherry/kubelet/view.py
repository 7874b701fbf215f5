"""What the runtime holds of one pod, read in as few calls as it takes.

An exited container never changes, so its status is kept; addresses belong to a sandbox for life.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import msgspec

from wherry.cri.runtime import Runtime
from wherry.cri.types import Container, ContainerStatus, RuntimeFault, Sandbox


class PodView(msgspec.Struct, frozen=True):
    """Sandboxes and the runs of each container by name, newest first."""

    sandboxes: tuple[Sandbox, ...] = ()
    containers: Mapping[str, tuple[ContainerStatus, ...]] = msgspec.field(default_factory=dict)

    @property
    def sandbox(self) -> Sandbox | None:
        """The newest one when it is alive."""
        newest = self.sandboxes[0] if self.sandboxes else None
        return newest if newest is not None and newest.state == "ready" else None

    @property
    def ips(self) -> tuple[str, ...]:
        return self.sandboxes[0].ips if self.sandboxes else ()

    def latest(self, name: str) -> ContainerStatus | None:
        runs = self.containers.get(name)
        return runs[0] if runs else None

    def current(self, name: str) -> ContainerStatus | None:
        """The latest run inside the newest sandbox."""
        latest = self.latest(name)
        if latest is None or not self.sandboxes or latest.sandbox_id != self.sandboxes[0].id:
            return None
        return latest

    def previous(self, name: str) -> ContainerStatus | None:
        """The run before the latest, when it has ended."""
        runs = self.containers.get(name, ())
        return runs[1] if len(runs) > 1 and runs[1].state == "exited" else None

    def running(self) -> list[ContainerStatus]:
        return [run for runs in self.containers.values() for run in runs if run.state == "running"]

    def all(self) -> list[ContainerStatus]:
        return [run for runs in self.containers.values() for run in runs]


EMPTY = PodView()


class Viewer:
    """Reads pods from the runtime; remembers what can't change."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._ended: dict[str, ContainerStatus] = {}
        self._ips: dict[str, tuple[str, ...]] = {}
        self._owners: dict[str, str] = {}

    def owner(self, container_id: str) -> str:
        """The uid of the pod a container or sandbox was last seen in, "" when it is unknown."""
        return self._owners.get(container_id, "")

    def note(self, container_id: str, uid: str) -> None:
        """A container was made: its end may be reported before anyone has looked."""
        self._owners[container_id] = uid

    async def read(self, uid: str) -> PodView:
        snapshot = await self._runtime.snapshot(uid)
        sandboxes = [await self._with_ips(sandbox) for sandbox in snapshot.sandboxes]
        statuses = await asyncio.gather(*(self._status(container) for container in snapshot.containers))
        runs: dict[str, list[ContainerStatus]] = {}
        for status in statuses:
            if status is not None:
                runs.setdefault(status.name, []).append(status)
        for container in snapshot.containers:
            self._owners[container.id] = uid
        for sandbox in sandboxes:
            self._owners[sandbox.id] = uid
        ordered = {name: tuple(sorted(found, key=_age, reverse=True)) for name, found in runs.items()}
        return PodView(tuple(sorted(sandboxes, key=lambda s: s.attempt, reverse=True)), ordered)

    def forget(self, uid: str) -> None:
        gone = [key for key, owner in self._owners.items() if owner == uid]
        for key in gone:
            self._drop(key)

    def forget_container(self, container_id: str) -> None:
        self._drop(container_id)

    def _drop(self, key: str) -> None:
        self._owners.pop(key, None)
        self._ended.pop(key, None)
        self._ips.pop(key, None)

    async def _with_ips(self, sandbox: Sandbox) -> Sandbox:
        ips = self._ips.get(sandbox.id)
        if ips is None:
            try:
                ips = (await self._runtime.sandbox_status(sandbox.id)).ips
            except RuntimeFault as fault:
                if fault.code != "NOT_FOUND":
                    raise
                return sandbox
            if ips:
                self._ips[sandbox.id] = ips
        return msgspec.structs.replace(sandbox, ips=ips)

    async def _status(self, container: Container) -> ContainerStatus | None:
        known = self._ended.get(container.id)
        if known is not None:
            return known
        try:
            status = await self._runtime.container_status(container.id)
        except RuntimeFault as fault:
            if fault.code != "NOT_FOUND":
                raise
            return None  # removed between the listing and now
        status = msgspec.structs.replace(status, sandbox_id=container.sandbox_id)
        if status.state == "exited":
            self._ended[container.id] = status
        return status


def _age(status: ContainerStatus) -> tuple[int, float]:
    return status.attempt, status.created_at
