from __future__ import annotations

import asyncio
import random
from typing import Any

from wherry.cri.simulated import SimulatedRuntime
from wherry.cri.types import POD_UID, ContainerConfig, RuntimeFault, SandboxConfig, Snapshot
from wherry.kubelet.pleg import Pleg
from wherry.testing import VirtualClock
from wherry.testing import run as run_virtually


class Flaky(SimulatedRuntime):
    down = False

    async def snapshot(self, pod_uid: str = "") -> Snapshot:
        if self.down:
            raise RuntimeFault("UNAVAILABLE", "down")
        return await super().snapshot(pod_uid)


def watched(body: Any) -> tuple[list[str], list[list[str]]]:
    ended: list[str] = []
    changes: list[list[str]] = []

    async def main() -> None:
        runtime = Flaky(VirtualClock(), random.Random(1))
        pleg = Pleg(runtime, ended.append, lambda snapshot, uids: changes.append(uids))
        task = asyncio.create_task(pleg.run())
        await asyncio.sleep(1)
        changes.clear()
        await body(runtime, pleg)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run_virtually(main(), autojump=True)
    return ended, changes


async def started(runtime: SimulatedRuntime, uid: str) -> str:
    config = SandboxConfig(name="p", namespace="d", uid=uid)
    box = await runtime.run_sandbox(config)
    container = ContainerConfig(name="c", image="x", labels={POD_UID: uid})
    made = await runtime.create_container(box, container, config)
    await runtime.start_container(made)
    return made


def test_an_end_is_told_at_once() -> None:
    async def body(runtime: Flaky, pleg: Pleg) -> None:
        made = await started(runtime, "u1")
        runtime.end(made, 1)
        await asyncio.sleep(0.001)

    ended, _ = watched(body)
    assert len(ended) == 1


def test_a_relist_names_the_pods_that_changed() -> None:
    async def body(runtime: Flaky, pleg: Pleg) -> None:
        await started(runtime, "u1")
        await asyncio.sleep(10)
        await started(runtime, "u2")
        await asyncio.sleep(20)

    assert watched(body)[1] == [["u1"], ["u2"], []]


def test_after_an_outage_everyone_looks_again() -> None:
    async def body(runtime: Flaky, pleg: Pleg) -> None:
        await started(runtime, "u1")
        await asyncio.sleep(10)
        runtime.down = True
        await asyncio.sleep(400)
        assert not pleg.healthy()
        runtime.down = False
        await asyncio.sleep(10)
        assert pleg.healthy()

    assert watched(body)[1] == [["u1"], ["u1"]]
