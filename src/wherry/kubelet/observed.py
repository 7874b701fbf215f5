"""What a worker knows of its pod's containers: the last look at them, and what they said at their end.

A runtime reports an exit a moment before it shows it, so a look after a reported exit waits for both
to agree.
"""

from __future__ import annotations

import asyncio
from typing import Any

from wherry.kubelet.deps import Deps
from wherry.kubelet.podspec import find_container
from wherry.kubelet.view import EMPTY, PodView

_EXIT_LAG = (0.0, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8)
_KEPT_RUNS = 2


class Observed:
    def __init__(self, deps: Deps, uid: str) -> None:
        self.view: PodView = EMPTY
        self.messages: dict[str, str] = {}
        """Termination messages by container id."""
        self._deps = deps
        self._uid = uid
        self._exited: set[str] = set()

    def exited(self, container_id: str) -> None:
        """The runtime says that a container has ended."""
        self._exited.add(container_id)

    async def look(self, pod: Any) -> None:
        exited, self._exited = self._exited, set()
        for lag in _EXIT_LAG:
            await asyncio.sleep(lag)
            self.view = await self._deps.viewer.read(self._uid)
            if not any(run.id in exited for run in self.view.running()):
                break
        for run in self.view.all():
            found = find_container(pod, run.name)
            if run.state == "exited" and run.id not in self.messages and found is not None:
                self.messages[run.id] = await self._deps.host.termination_message(pod, found[1], run)

    async def tidy(self) -> None:
        """Of each container the runs before the previous one go, and old sandboxes that hold nothing."""
        runtime = self._deps.runtime
        held = set()
        for runs in self.view.containers.values():
            held |= {run.sandbox_id for run in runs[:_KEPT_RUNS]}
            for run in runs[_KEPT_RUNS:]:
                await runtime.remove_container(run.id)
                self._deps.viewer.forget_container(run.id)
                self.messages.pop(run.id, None)
        for sandbox in self.view.sandboxes[1:]:
            if sandbox.id not in held:
                await runtime.remove_sandbox(sandbox.id)
