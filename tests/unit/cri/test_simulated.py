from __future__ import annotations

import asyncio
import random

import pytest

from wherry.cri.simulated import EXIT_CODE, RUN_SECONDS, SimulatedRuntime
from wherry.cri.types import ContainerConfig, Event, RuntimeFault, SandboxConfig
from wherry.testing import VirtualClock
from wherry.testing import run as run_virtually

BOX = SandboxConfig(name="p", namespace="default", uid="u1")


async def started(runtime: SimulatedRuntime, **annotations: str) -> str:
    sandbox = await runtime.run_sandbox(BOX)
    config = ContainerConfig(name="c", image="x", annotations=annotations)
    container = await runtime.create_container(sandbox, config, BOX)
    await runtime.start_container(container)
    return container


def simulated() -> SimulatedRuntime:
    return SimulatedRuntime(VirtualClock(), random.Random(1))


def test_a_container_ends_by_itself_when_told() -> None:
    async def body() -> None:
        runtime = simulated()
        events = runtime.events()
        assert await anext(events) == Event("lost")
        container = await started(runtime, **{RUN_SECONDS: "3600", EXIT_CODE: "3"})
        began = asyncio.get_running_loop().time()
        assert await anext(events) == Event("exited", container)
        assert asyncio.get_running_loop().time() - began == pytest.approx(3600)
        status = await runtime.container_status(container)
        assert (status.state, status.exit_code, status.reason) == ("exited", 3, "Error")
        assert status.finished_at - status.started_at == pytest.approx(3600)

    run_virtually(body(), autojump=True)


def test_scripted_end_and_streams() -> None:
    async def body() -> None:
        runtime = simulated()
        container = await started(runtime)
        runtime.end(container, 0)
        assert (await runtime.container_status(container)).reason == "Completed"
        with pytest.raises(RuntimeFault, match="no streams"):
            await runtime.exec_url(container, ["x"], stdin=False, stdout=True, stderr=False, tty=False)
        with pytest.raises(RuntimeFault, match="not running"):
            await runtime.exec(container, ["x"], 1)

    run_virtually(body(), autojump=True)


def test_the_same_seed_gives_the_same_ids() -> None:
    async def body() -> str:
        return await started(simulated())

    assert run_virtually(body(), autojump=True) == run_virtually(body(), autojump=True)
