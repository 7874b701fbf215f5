"""Probes: startup, readiness and liveness of running containers, each a task of its own.

`PodProbes` belongs to one pod's worker. It follows the containers that run (`update`), keeps results
by container id, and wakes the worker when one changes. A container whose startup or liveness probe
has failed for good is in `failing` until its end; nothing is probed before startup has succeeded.
Upstream: `kubelet/prober`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from typing import Any, Literal, Protocol

import msgspec

from wherry.clock import Clock
from wherry.cri.types import ContainerStatus
from wherry.kubelet.actions import Probed
from wherry.kubelet.podspec import Kind, containers
from wherry.kubelet.view import PodView

log = logging.getLogger("wherry.kubelet")

ProbeKind = Literal["startup", "readiness", "liveness"]
_KINDS: tuple[ProbeKind, ...] = ("startup", "readiness", "liveness")


class Outcome(msgspec.Struct, frozen=True):
    """`unknown` is a probe that could not be made; it counts as neither."""

    result: Literal["success", "failure", "unknown"]
    message: str = ""


class Prober(Protocol):
    async def probe(self, pod: Any, container: Any, run: ContainerStatus, probe: Any, ip: str) -> Outcome:
        """Makes one probe. Takes at most the probe's timeout."""


class _Subject(msgspec.Struct, frozen=True):
    kind: Kind
    container: Any
    run: ContainerStatus


Unhealthy = Callable[[Kind, str, str], None]
"""Records a failure: (container kind, container name, message)."""


class PodProbes:
    def __init__(
        self, pod: Any, prober: Prober, clock: Clock, wake: Callable[[], None], unhealthy: Unhealthy
    ) -> None:
        self.pod = pod
        self._prober = prober
        self._clock = clock
        self._wake = wake
        self._unhealthy = unhealthy
        self._ip = ""
        self._tasks: dict[tuple[str, ProbeKind], asyncio.Task[None]] = {}
        self._ready: dict[str, bool] = {}
        self._startup: dict[str, asyncio.Event] = {}
        self._failing: dict[str, Literal["liveness", "startup"]] = {}
        self._ending = False

    # --- what the worker asks

    def probed(self, view: PodView) -> Probed:
        return Probed(self._failing, frozenset(run.id for run in view.running() if not self.started(run.id)))

    def started(self, container_id: str) -> bool:
        event = self._startup.get(container_id)
        return event is None or event.is_set()

    def ready(self, container_id: str) -> bool:
        return self._ready.get(container_id, True)

    # --- what the worker says

    def update(self, pod: Any, view: PodView) -> None:
        """Probes what runs and no longer what doesn't."""
        self.pod = pod
        self._ip = view.ips[0] if view.ips else ""
        subjects = list(_subjects(pod, view))
        alive = {subject.run.id for subject in subjects}
        for key in [key for key in self._tasks if key[0] not in alive]:
            self._tasks.pop(key).cancel()
        for known in (self._ready, self._startup, self._failing):
            for container_id in [i for i in known if i not in alive]:
                del known[container_id]
        for subject in subjects:
            self._watch(subject)

    def end(self) -> None:
        """The pod is being stopped: only readiness still matters."""
        self._ending = True
        self._failing.clear()
        for key in [key for key in self._tasks if key[1] != "readiness"]:
            self._tasks.pop(key).cancel()

    async def close(self) -> None:
        tasks = list(self._tasks.values())
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _watch(self, subject: _Subject) -> None:
        container, run = subject.container, subject.run
        if container.startupProbe and run.id not in self._startup:
            self._startup[run.id] = asyncio.Event()
            if _reported(self.pod, run, "started"):
                self._startup[run.id].set()
        if container.readinessProbe and run.id not in self._ready:
            self._ready[run.id] = _reported(self.pod, run, "ready")
        for kind in _KINDS:
            probe = getattr(container, f"{kind}Probe")
            if probe is None or (run.id, kind) in self._tasks or (self._ending and kind != "readiness"):
                continue
            self._tasks[run.id, kind] = asyncio.create_task(
                self._loop(kind, probe, subject), name=f"{kind} probe of {run.name}"
            )

    async def _loop(self, kind: ProbeKind, probe: Any, subject: _Subject) -> None:
        run = subject.run
        period = max(1, probe.periodSeconds or 10)
        delay = run.started_at + (probe.initialDelaySeconds or 0) - self._clock.time()
        await asyncio.sleep(max(0.0, delay))
        if kind == "startup" and self.started(run.id):
            return
        if kind != "startup" and run.id in self._startup:
            await self._startup[run.id].wait()
        loop = asyncio.get_running_loop()
        streak, last = 0, ""
        while True:
            due = loop.time() + period
            outcome = await self._prober.probe(self.pod, subject.container, run, probe, self._ip)
            if outcome.result == "failure":
                message = f"{kind.capitalize()} probe failed: {outcome.message}"
                self._unhealthy(subject.kind, run.name, message)
            elif outcome.result == "unknown":
                message = (
                    f"{kind.capitalize()} probe errored and resulted in unknown state: {outcome.message}"
                )
                self._unhealthy(subject.kind, run.name, message)
            if outcome.result != "unknown":
                streak = streak + 1 if outcome.result == last else 1
                last = outcome.result
                if self._settle(kind, probe, run.id, last == "success", streak):
                    return
            await asyncio.sleep(max(0.0, due - loop.time()))

    def _settle(self, kind: ProbeKind, probe: Any, container_id: str, good: bool, streak: int) -> bool:
        """Takes one more equal result into account; True when there is nothing left to probe."""
        threshold = (probe.successThreshold or 1) if good else (probe.failureThreshold or 3)
        if streak < threshold:
            return False
        if kind == "readiness":
            if self._ready.get(container_id) != good:
                self._ready[container_id] = good
                self._wake()
            return False
        if not good:
            self._failing[container_id] = kind
            self._wake()
            return True
        if kind == "startup":
            self._startup[container_id].set()
            self._wake()
            return True
        return False


def _subjects(pod: Any, view: PodView) -> Iterator[_Subject]:
    for kind, container in containers(pod):
        if kind == "ephemeral":
            continue
        run = view.latest(container.name)
        if run is not None and run.state == "running":
            yield _Subject(kind, container, run)


def _reported(pod: Any, run: ContainerStatus, what: Literal["ready", "started"]) -> bool:
    """A kubelet that restarts goes on with what it had said of the same container."""
    for status in (*pod.status.containerStatuses, *pod.status.initContainerStatuses):
        if status.containerID and status.containerID.endswith(run.id):
            return bool(getattr(status, what))
    return False
