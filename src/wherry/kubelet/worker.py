"""The life of one pod on its node: a loop that looks, decides (`actions.plan`), acts, and reports.

    running --deleted, failed, or nothing left to run--> stopping --all ended--> stopped --gone--> end

Invariants:
- the loop is the only one that acts on this pod, so nothing here is locked;
- it works from the newest spec (`update`) and what the runtime says now, never from an event's
  content; everything that happens only wakes it;
- a step that takes long (a pull, a hook, a stop) is cut short when the pod is deleted meanwhile, or
  its grace period is shortened;
- the pod's API object is deleted only after its containers have ended, its volumes are unmounted, and
  the API server has its last status.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

from wherry.api.errors import ApiError
from wherry.clock import parse_rfc3339, rfc3339
from wherry.cri.types import RuntimeFault
from wherry.kubelet.actions import Plan, plan
from wherry.kubelet.burial import delete_object, forget
from wherry.kubelet.deps import Deps
from wherry.kubelet.host import SetupError
from wherry.kubelet.launch import Launcher, Slot
from wherry.kubelet.observed import Observed
from wherry.kubelet.pace import Pace
from wherry.kubelet.podspec import full_name, grace_period, is_static, is_terminal
from wherry.kubelet.probes import PodProbes
from wherry.kubelet.resources.qos import qos_class
from wherry.kubelet.status import Facts, pod_status
from wherry.kubelet.stopping import stop_failing, stop_pod
from wherry.kubelet.view import PodView

log = logging.getLogger("wherry.kubelet")

_RETRY_FIRST, _RETRY_MOST = 0.5, 120.0
DEADLINE = ("DeadlineExceeded", "Pod was active on the node longer than the specified deadline")

State = Literal["running", "stopping", "stopped"]


class PodWorker:
    def __init__(self, deps: Deps, pod: Any, *, adopt: bool) -> None:
        """`adopt`: the runtime may already hold something of this pod."""
        self.pod = pod
        self.uid: str = pod.metadata.uid
        self.state: State = "running"
        self._deps = deps
        self._read = adopt
        self._silent = is_terminal(pod)  # its last word was said before this kubelet started
        self._gone = False
        self._finished = False
        self._failure: tuple[str, str] | None = None
        self._deleted = False
        self._pace = Pace()
        self._observed = Observed(deps, self.uid)
        self._start_time = pod.status.startTime or rfc3339(deps.clock.time())
        self._launcher = Launcher(deps)
        self.probes = PodProbes(pod, deps.prober, deps.clock, self.wake, self._unhealthy)

    @property
    def view(self) -> PodView:
        """What ran at the last look."""
        return self._observed.view

    # --- what happens from outside

    def wake(self) -> None:
        self._pace.wake()

    def update(self, pod: Any) -> None:
        """A newer version of the pod."""
        before, self.pod = self.pod, pod
        if pod.metadata.deletionTimestamp is not None and (
            before.metadata.deletionTimestamp is None or grace_period(pod) < grace_period(before)
        ):
            self._pace.interrupt()
        if _differ(before, pod):
            self.wake()

    def remove(self) -> None:
        """The pod is no more: whatever runs of it ends."""
        self._gone = True
        if self.state == "running":
            self._pace.interrupt()
        self.wake()

    def fail(self, reason: str, message: str) -> None:
        """Ends the pod for good: evicted, or not admitted."""
        if self._failure is None and self.state == "running":
            self._failure = (reason, message)
            self._pace.interrupt()
            self.wake()

    def exited(self, container_id: str) -> None:
        """The runtime says that a container has ended."""
        self._observed.exited(container_id)
        self.wake()

    def waiting(self, container: str) -> str:
        """The reason why a container doesn't run, "" when there is none."""
        return self._launcher.waiting.get(container, ("", ""))[0]

    # --- the loop

    async def run(self) -> None:
        """Returns when the pod is gone and nothing is left of it."""
        failures = 0
        try:
            while not (self.state == "stopped" and self._gone):
                try:
                    delay = await self._pace.step(self._pass())
                    failures = 0
                except (RuntimeFault, ApiError, OSError, SetupError) as error:
                    log.warning("pod %s: %s", full_name(self.pod), error)
                    delay, failures = _retry(failures), failures + 1
                except Exception:
                    log.exception("pod %s", full_name(self.pod))
                    delay, failures = _retry(failures), failures + 1
                await self._pace.rest(delay)
            await forget(self._deps, self.pod)
        finally:
            await self.probes.close()

    async def _pass(self) -> float | None:
        if self.state == "running" and self._must_stop():
            self.state = "stopping"
        if self.state == "running":
            return await self._sync()
        if self.state == "stopping":
            return await self._stop()
        return await self._bury()

    def _must_stop(self) -> bool:
        if self._past_deadline() == 0:
            self._failure = self._failure or DEADLINE
        leaving = self._gone or self.pod.metadata.deletionTimestamp is not None
        return leaving or self._failure is not None or is_terminal(self.pod)

    def _past_deadline(self) -> float | None:
        """Seconds until the pod has been active too long, 0 when it has, None without a deadline."""
        limit: int | None = self.pod.spec.activeDeadlineSeconds
        if limit is None:
            return None
        return max(0.0, parse_rfc3339(self._start_time) + limit - self._deps.clock.time())

    # --- running

    async def _sync(self) -> float | None:
        await self._look()
        planned = plan(self.pod, self.view, self.probes.probed(self.view))
        if planned.finished:
            self._finished, self.state = True, "stopping"
            return 0.0
        self.report()
        if planned.stop_sandboxes:
            await stop_pod(self._deps, self.pod, self.view, grace_period(self.pod))
            await self._stop_sandboxes()
            return 0.0
        if planned.stop:
            await stop_failing(self._deps, self.pod, self.view, planned.stop)
            return 0.0
        wait = self._past_deadline()
        if planned.new_sandbox or planned.start:
            due = await self._launch(planned)
            wait = due if wait is None else wait if due is None else min(due, wait)
        else:
            await self._observed.tidy()
        return wait

    async def _look(self) -> None:
        if not self._read:  # new here: there is nothing to see yet
            self._read = True
            return
        await self._observed.look(self.pod)
        self.probes.update(self.pod, self.view)

    async def _launch(self, planned: Plan) -> float | None:
        """Carries out the starts of a plan; seconds to the next thing that is due, 0 to go on at once."""
        waits = [self._launcher.crash_wait(self.pod, start) for start in planned.start]
        due = [start for start, wait in zip(planned.start, waits, strict=True) if wait <= 0]
        later = [wait for wait in waits if wait > 0]
        if due or planned.new_sandbox:
            async with self._announcing():
                await self._deps.host.prepare(self.pod)
            async with Slot(self._deps) as slot:
                if planned.new_sandbox:
                    await self._new_sandbox(planned.attempt)
                for start in due:
                    delay = await self._launcher.start(self.pod, start, self.view, slot)
                    later.append(0.0 if delay is None else delay)
        if 0.0 not in later:
            self.report()
        return min(later, default=0.0)

    async def _new_sandbox(self, attempt: int) -> None:
        await self._stop_sandboxes()
        async with self._announcing():
            await self._launcher.new_sandbox(self.pod, attempt)
        await self._observed.look(self.pod)

    @asynccontextmanager
    async def _announcing(self) -> AsyncIterator[None]:
        """A pod that can't be set up says so in an event."""
        try:
            yield
        except SetupError as error:
            self._deps.events.event(self.pod, "Warning", error.reason, error.message)
            raise

    async def _stop_sandboxes(self) -> None:
        for sandbox in self.view.sandboxes:
            await self._deps.runtime.stop_sandbox(sandbox.id)

    # --- stopping

    async def _stop(self) -> float | None:
        if self._read:
            await self._look()
        self.probes.end()
        self.report()
        if self.view.running():
            grace = 1 if self._failure else grace_period(self.pod)
            await stop_pod(self._deps, self.pod, self.view, grace)
        await self._stop_sandboxes()
        if self.view.sandboxes:
            await self._observed.look(self.pod)
        await self.probes.close()
        self._finished = True
        self.report()
        await self._deps.host.release(self.pod)
        self.state = "stopped"
        return 0.0

    async def _bury(self) -> float | None:
        """Stopped: what is left is to let go of the API object once it is to be deleted."""
        meta = self.pod.metadata
        if meta.deletionTimestamp is None or self._gone or self._deleted or is_static(self.pod):
            return None
        await delete_object(self._deps, self.pod)
        self._deleted = True
        return None

    # --- reporting

    def report(self) -> None:
        """Hands the status as it is now to the writer."""
        if self._silent or self._gone:
            return
        running = [run for run in self.view.running() if run.id not in self._launcher.hooked]
        facts = Facts(
            now=self._deps.clock.time(),
            view=self.view,
            waiting=self._launcher.waiting,
            ready={run.id for run in running if self.probes.ready(run.id)},
            started={run.id for run in running if self.probes.started(run.id)},
            messages=self._observed.messages,
            runtime=self._deps.runtime_name,
            host_ips=self._deps.host.addresses(self.pod),
            qos=qos_class(self.pod),
            start_time=self._start_time,
            finished=self._finished,
            failure=self._failure,
        )
        self._deps.writer.set(self.pod, pod_status(self.pod, facts))

    def _unhealthy(self, kind: Any, name: str, message: str) -> None:
        self._deps.container_event(self.pod, kind, name, "Warning", "Unhealthy", message)


def _differ(before: Any, after: Any) -> bool:
    """Whether a newer version is worth a look: what this kubelet has written itself is not."""
    old, new = before.metadata, after.metadata
    return (
        before.spec != after.spec
        or old.deletionTimestamp != new.deletionTimestamp
        or old.deletionGracePeriodSeconds != new.deletionGracePeriodSeconds
        or old.labels != new.labels
        or old.annotations != new.annotations
        or (bool(after.spec.readinessGates) and before.status.conditions != after.status.conditions)
    )


def _retry(failures: int) -> float:
    return float(min(_RETRY_FIRST * 2**failures, _RETRY_MOST))
