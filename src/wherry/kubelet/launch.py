"""Makes a pod's sandbox and starts its containers, one step at a time.

What keeps a container from starting ends up in `waiting` (by container name) as upstream's waiting
reason, and in an event. The node-wide start slot is held from the sandbox to the last container, but
not while images are pulled.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

from wherry.cri.types import RuntimeFault, SandboxConfig
from wherry.kubelet.actions import Start
from wherry.kubelet.backoff import go_duration
from wherry.kubelet.deps import Deps
from wherry.kubelet.host import ContainerStart, SetupError
from wherry.kubelet.podspec import full_name
from wherry.kubelet.view import PodView

RETRY = 10.0
"""Seconds after which what can't be helped from here is tried again."""


class Slot:
    """A place among the node's parallel starts that can be given back for a while."""

    def __init__(self, deps: Deps) -> None:
        self._starts = deps.starts
        self._held = False

    async def __aenter__(self) -> Slot:
        await self._starts.acquire()
        self._held = True
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._held:
            self._held = False
            self._starts.release()

    @asynccontextmanager
    async def given_back(self) -> AsyncIterator[None]:
        self._held = False
        self._starts.release()
        yield  # if this raises, the slot stays given back
        await self._starts.acquire()
        self._held = True


class Launcher:
    """Belongs to one pod's worker."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps
        self.waiting: dict[str, tuple[str, str]] = {}
        self.hooked: set[str] = set()
        """Ids of containers whose postStart hook is still running."""

    async def new_sandbox(self, pod: Any, attempt: int) -> None:
        config = await self._deps.host.sandbox_config(pod, attempt)
        try:
            await self._deps.runtime.run_sandbox(config, await self._deps.host.runtime_handler(pod))
        except RuntimeFault as fault:
            message = f"Failed to create pod sandbox: {fault.rpc_text}"
            raise SetupError("FailedCreatePodSandBox", message) from fault

    async def start(self, pod: Any, start: Start, view: PodView, slot: Slot) -> float | None:
        """Starts one container. None when it runs, else the seconds after which to try again."""
        name = start.container.name
        if start.last is not None:
            self._deps.backoff.next((pod.metadata.uid, name), self._deps.clock.time())
        try:
            container_id = await self._run(pod, start, view, slot)
        except SetupError as error:
            self.waiting[name] = (error.reason, error.message)
            shown = (
                error.reason
                if error.reason.startswith(("ErrImage", "ImagePull", "Invalid"))
                else error.message
            )
            self._deps.container_event(pod, start.kind, name, "Warning", "Failed", f"Error: {shown}")
            if error.reason == "RunContainerError":
                return 0.0
            if error.reason in ("ErrImagePull", "ImagePullBackOff"):
                return self._deps.images.retry_after(pod, start.container)
            return RETRY
        self.waiting.pop(name, None)
        return await self._post_start(pod, start, container_id, view)

    def crash_wait(self, pod: Any, start: Start) -> float:
        """Seconds a container that has ended must still wait; 0 when it may start."""
        if start.last is None:
            return 0.0
        deps, name = self._deps, start.container.name
        key = (pod.metadata.uid, name)
        left = deps.backoff.remaining(key, start.last.finished_at, deps.clock.time())
        if left <= 0:
            return 0.0
        if self.waiting.get(name, ("",))[0] != "CrashLoopBackOff":
            message = f"Back-off restarting failed container {name} in pod {full_name(pod)}"
            deps.container_event(pod, start.kind, name, "Warning", "BackOff", message)
        delay = go_duration(deps.backoff.delay(key))
        message = f"back-off {delay} restarting failed container={name} pod={full_name(pod)}"
        self.waiting[name] = ("CrashLoopBackOff", message)
        return left

    async def _run(self, pod: Any, start: Start, view: PodView, slot: Slot) -> str:
        deps, container = self._deps, start.container
        assert view.sandbox is not None
        sandbox = await deps.host.sandbox_config(pod, view.sandbox.attempt)
        image = await self._image(pod, start, sandbox, slot)
        wanted = ContainerStart(start.kind, container, start.attempt, _target(start, view))
        config = await deps.host.container_config(pod, wanted, image, view.ips)
        try:
            container_id = await deps.runtime.create_container(view.sandbox.id, config, sandbox)
        except RuntimeFault as fault:
            raise SetupError("CreateContainerError", fault.message) from fault
        deps.viewer.note(container_id, pod.metadata.uid)
        deps.container_event(pod, start.kind, container.name, "Normal", "Created", "Container created")
        if _has_post_start(container):
            self.hooked.add(container_id)
        try:
            await deps.runtime.start_container(container_id)
        except RuntimeFault as fault:
            self.hooked.discard(container_id)
            raise SetupError("RunContainerError", fault.message) from fault
        deps.container_event(pod, start.kind, container.name, "Normal", "Started", "Container started")
        return container_id

    async def _image(self, pod: Any, start: Start, sandbox: SandboxConfig, slot: Slot) -> str:
        """The slot is given back only when there is something to pull."""

        def notify(type_: Literal["Normal", "Warning"], reason: str, message: str) -> None:
            self._deps.container_event(pod, start.kind, start.container.name, type_, reason, message)

        images = self._deps.images
        if await images.present(start.container):
            return await images.ensure(pod, start.container, sandbox, notify)
        async with slot.given_back():
            return await images.ensure(pod, start.container, sandbox, notify)

    async def _post_start(self, pod: Any, start: Start, container_id: str, view: PodView) -> float | None:
        container = start.container
        if not _has_post_start(container):
            return None
        handler = container.lifecycle.postStart
        ip = view.ips[0] if view.ips else ""
        try:
            failure = await self._deps.hooks.run(pod, container, container_id, handler, ip)
        finally:
            self.hooked.discard(container_id)
        if not failure:
            return None
        self._deps.container_event(
            pod, start.kind, container.name, "Warning", "FailedPostStartHook", "PostStartHook failed"
        )
        self.waiting[container.name] = ("PostStartHookError", "PostStartHook failed")
        message = "FailedPostStartHook"
        self._deps.container_event(pod, start.kind, container.name, "Normal", "Killing", message)
        await self._deps.runtime.stop_container(container_id, 2)
        return 0.0


def _target(start: Start, view: PodView) -> str:
    """The id of the container an ephemeral one was started for."""
    name = start.container.targetContainerName if start.kind == "ephemeral" else ""
    if not name:
        return ""
    run = view.latest(name)
    if run is None or run.state != "running":
        raise SetupError("CreateContainerConfigError", f'unable to find target container "{name}"')
    return run.id


def _has_post_start(container: Any) -> bool:
    return container.lifecycle is not None and container.lifecycle.postStart is not None
