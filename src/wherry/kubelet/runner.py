"""All pods of a node (or of many simulated ones): one worker each, fed from whatever source has pods.

`update` and `remove` come from the API server's watch and from the manifest folder alike. What the
runtime holds of pods that nobody has named, once all sources have spoken, is killed: it belongs to
pods deleted while no kubelet was there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from wherry.cri.types import RuntimeFault, Snapshot
from wherry.kubelet.admission import Refusal
from wherry.kubelet.deps import Deps
from wherry.kubelet.host import SetupError
from wherry.kubelet.pleg import RELIST, Pleg
from wherry.kubelet.podspec import full_name, is_terminal
from wherry.kubelet.worker import PodWorker

log = logging.getLogger("wherry.kubelet")


Admit = Callable[[Any, list[Any]], Refusal | None]


class PodRunner:
    def __init__(
        self, deps: Deps, *, relist: float | None = RELIST, admit: Admit = lambda pod, others: None
    ) -> None:
        """`admit` says why a new pod can't run here, given those that do."""
        self.deps = deps
        self._admit = admit
        self.workers: dict[str, PodWorker] = {}
        self.pleg = Pleg(deps.runtime, self._exited, self._changed, relist=relist)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._known: set[str] = set()
        self._orphans: asyncio.Queue[str] = asyncio.Queue(1000)
        self._noted: set[str] = set()
        self._complete = False

    async def adopt(self) -> None:
        """Learns what the runtime already holds. Call it before the first `update`."""
        await self.pleg.look()

    def update(self, pod: Any, *, adopt: bool = False) -> None:
        """A pod is to run here, or has changed. `adopt`: the runtime may hold it already."""
        uid = pod.metadata.uid
        worker = self.workers.get(uid)
        if worker is not None:
            worker.update(pod)
            self.deps.writer.observe(uid, pod)
            return
        adopt = adopt or uid in self._known
        worker = PodWorker(self.deps, pod, adopt=adopt)
        if not adopt and pod.metadata.deletionTimestamp is None and not is_terminal(pod):
            refused = self._admit(pod, [w.pod for w in self.workers.values() if w.state != "stopped"])
            if refused is not None:
                worker.fail(*refused.status)
        self.workers[uid] = worker
        self._tasks[uid] = asyncio.create_task(self._run(worker), name=f"pod {pod.metadata.name}")

    def remove(self, uid: str) -> None:
        worker = self.workers.get(uid)
        if worker is not None:
            worker.remove()

    def drop(self, uid: str) -> None:
        """Stops looking after a pod; what runs of it goes on."""
        task = self._tasks.get(uid)
        if task is not None:
            task.cancel()

    def sources_complete(self) -> None:
        """Every source has named its pods at least once: from now on the unnamed are orphans."""
        self._complete = True
        self._note_orphans(self._known)

    async def run(self) -> None:
        """Until cancelled. Containers keep running when it ends."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.pleg.run())
                group.create_task(self.deps.writer.run())
                group.create_task(self._bury_orphans())
        finally:
            tasks = list(self._tasks.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def refresh(self, worker: PodWorker) -> None:
        """Brings the contents of a pod's volumes up to date."""
        try:
            await self.deps.host.refresh(worker.pod)
        except (SetupError, OSError) as error:
            log.warning("volumes of pod %s: %s", full_name(worker.pod), error)

    async def _run(self, worker: PodWorker) -> None:
        try:
            await worker.run()
        except (RuntimeFault, OSError) as error:
            log.warning("removing what is left of pod %s: %s", worker.uid, error)
        finally:
            self.workers.pop(worker.uid, None)
            self._tasks.pop(worker.uid, None)
            self._known.discard(worker.uid)

    def _exited(self, container_id: str) -> None:
        worker = self.workers.get(self.deps.viewer.owner(container_id))
        if worker is not None:
            worker.exited(container_id)

    def _changed(self, snapshot: Snapshot, uids: list[str]) -> None:
        self._known = {sandbox.uid for sandbox in snapshot.sandboxes}
        for uid in uids:
            worker = self.workers.get(uid)
            if worker is not None:
                worker.wake()
        if self._complete:
            self._note_orphans(self._known)

    def _note_orphans(self, uids: set[str]) -> None:
        for uid in sorted(uids - self.workers.keys() - self._noted):
            if not self._orphans.full():
                self._noted.add(uid)
                self._orphans.put_nowait(uid)

    async def _bury_orphans(self) -> None:
        while True:
            uid = await self._orphans.get()
            self._noted.discard(uid)
            if uid in self.workers:
                continue
            log.info("pod %s is no longer wanted here: removing what runs of it", uid)
            try:
                snapshot = await self.deps.runtime.snapshot(uid)
                for sandbox in snapshot.sandboxes:
                    await self.deps.runtime.stop_sandbox(sandbox.id)
                    await self.deps.runtime.remove_sandbox(sandbox.id)
                await self.deps.host.forget(uid)
            except (RuntimeFault, OSError) as error:
                log.warning("removing pod %s: %s", uid, error)
