"""What the kubelet relies on from a runtime: the same for the simulated one and for a real one."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from wherry.clock import RealClock
from wherry.cri.runtime import Runtime
from wherry.cri.simulated import RUN_SECONDS, SimulatedRuntime
from wherry.cri.types import POD_UID, ContainerConfig, Event, RuntimeFault, SandboxConfig

from .machine import Machine

Open = Callable[[], Any]


@pytest.fixture(scope="module")
def alone(machine: Machine) -> Iterator[Machine]:
    """Without its kubelet, which would take what is made here for leftovers."""
    machine.kill("kubelet")
    yield machine
    machine.start_kubelet()


@pytest.fixture(params=["simulated", pytest.param("real", marks=pytest.mark.root)])
def opened(request: pytest.FixtureRequest) -> Open:
    """Opens a runtime inside a running loop."""
    if request.param == "simulated":

        @asynccontextmanager
        async def simulated() -> AsyncIterator[tuple[Runtime, SandboxConfig]]:
            runtime = SimulatedRuntime(RealClock(), random.Random(1))
            yield (
                runtime,
                SandboxConfig(name="box", namespace="tests", uid="u-sim", labels={POD_UID: "u-sim"}),
            )
            await runtime.close()

        return simulated
    machine: Machine = request.getfixturevalue("alone")

    @asynccontextmanager
    async def real() -> AsyncIterator[tuple[Runtime, SandboxConfig]]:
        from wherry.cri.grpc import GrpcRuntime

        runtime = GrpcRuntime(f"unix://{machine.socket}")
        uid = f"u-{request.node.name.split('[')[0]}"
        logs = machine.inside / "run" / uid
        logs.mkdir()
        yield (
            runtime,
            SandboxConfig(
                name="box",
                namespace="tests",
                uid=uid,
                labels={POD_UID: uid},
                log_directory=f"/run/{uid}",
                cgroup_parent=f"{machine.cgroup}/contract",
            ),
        )
        await runtime.close()

    return real


def check(opened: Open, body: Callable[[Runtime, SandboxConfig], Awaitable[None]]) -> None:
    async def main() -> None:
        async with asyncio.timeout(30), opened() as (runtime, config):
            try:
                await body(runtime, config)
            finally:
                for sandbox in (await runtime.snapshot(config.uid)).sandboxes:
                    await runtime.stop_sandbox(sandbox.id)
                    await runtime.remove_sandbox(sandbox.id)

    asyncio.run(main())


def container(config: SandboxConfig, *command: str, **annotations: str) -> ContainerConfig:
    return ContainerConfig(
        name="c",
        image="docker.io/library/busybox:latest",
        command=command,
        labels=config.labels,
        annotations=annotations,
        log_path="c.log",
    )


async def running(
    runtime: Runtime, config: SandboxConfig, *command: str, **annotations: str
) -> tuple[str, str]:
    box = await runtime.run_sandbox(config)
    made = await runtime.create_container(box, container(config, *command, **annotations), config)
    await runtime.start_container(made)
    return box, made


def test_it_says_what_it_is(opened: Open) -> None:
    async def body(runtime: Runtime, config: SandboxConfig) -> None:
        info = await runtime.info()
        assert info.ready and info.network_ready and info.name and info.version[0].isdigit()

    check(opened, body)


def test_the_life_of_a_container(opened: Open) -> None:
    async def body(runtime: Runtime, config: SandboxConfig) -> None:
        box = await runtime.run_sandbox(config)
        sandbox = await runtime.sandbox_status(box)
        assert sandbox.state == "ready" and len(sandbox.ips) == 1 and sandbox.uid == config.uid
        made = await runtime.create_container(box, container(config, "sleep", "1000"), config)
        assert (await runtime.container_status(made)).state == "created"
        await runtime.start_container(made)
        status = await runtime.container_status(made)
        assert status.state == "running" and status.started_at >= status.created_at > 1e9
        await runtime.stop_container(made, 0)
        status = await runtime.container_status(made)
        assert (status.state, status.exit_code, status.reason) == ("exited", 137, "Error")
        assert status.finished_at >= status.started_at
        await runtime.remove_container(made)
        assert (await runtime.snapshot(config.uid)).containers == ()

    check(opened, body)


def test_a_snapshot_shows_one_pod_or_all_newest_first(opened: Open) -> None:
    async def body(runtime: Runtime, config: SandboxConfig) -> None:
        first, made = await running(runtime, config, "sleep", "1000")
        second = await runtime.run_sandbox(msgspec.structs.replace(config, attempt=1))
        one = await runtime.snapshot(config.uid)
        assert [s.id for s in one.sandboxes] == [second, first]
        assert [(c.id, c.sandbox_id, c.state, c.pod_uid) for c in one.containers] == [
            (made, first, "running", config.uid)
        ]
        everything = await runtime.snapshot()
        assert {first, second} <= {s.id for s in everything.sandboxes}
        assert (await runtime.snapshot("nobody")).sandboxes == ()

    check(opened, body)


def test_the_end_of_a_container_is_told(opened: Open) -> None:
    async def body(runtime: Runtime, config: SandboxConfig) -> None:
        heard: asyncio.Queue[Event] = asyncio.Queue()

        async def listen() -> None:
            async for event in runtime.events():
                heard.put_nowait(event)

        listening = asyncio.create_task(listen())
        assert await heard.get() == Event("lost")
        await asyncio.sleep(0.3)  # a stream is open some time after it was asked for
        _, made = await running(runtime, config, "true", **{RUN_SECONDS: "0.01"})
        while (event := await heard.get()).container_id != made:
            continue
        listening.cancel()
        assert event.kind == "exited"
        for _ in range(100):  # the runtime may take a moment to know what it has told
            status = await runtime.container_status(made)
            if status.state == "exited":
                break
            await asyncio.sleep(0.02)
        assert (status.state, status.exit_code, status.reason) == ("exited", 0, "Completed")

    check(opened, body)


def test_a_stopped_sandbox_holds_nothing_that_runs(opened: Open) -> None:
    async def body(runtime: Runtime, config: SandboxConfig) -> None:
        box, made = await running(runtime, config, "sleep", "1000")
        await runtime.stop_sandbox(box)
        assert (await runtime.container_status(made)).state == "exited"
        assert (await runtime.sandbox_status(box)).state == "notready"
        await runtime.remove_sandbox(box)
        with pytest.raises(RuntimeFault) as caught:
            await runtime.container_status(made)
        assert caught.value.code == "NOT_FOUND"

    check(opened, body)


def test_stopping_and_removing_may_be_repeated(opened: Open) -> None:
    async def body(runtime: Runtime, config: SandboxConfig) -> None:
        box, made = await running(runtime, config, "sleep", "1000")
        for _ in range(2):
            await runtime.stop_container(made, 0)
        for _ in range(2):
            await runtime.remove_container(made)
        for _ in range(2):
            await runtime.stop_sandbox(box)
        for _ in range(2):
            await runtime.remove_sandbox(box)

    check(opened, body)


def test_commands_run_in_containers(opened: Open) -> None:
    async def body(runtime: Runtime, config: SandboxConfig) -> None:
        _, made = await running(runtime, config, "sleep", "1000")
        assert (await runtime.exec(made, ["true"], 5)).exit_code == 0
        await runtime.stop_container(made, 0)
        with pytest.raises(RuntimeFault):
            await runtime.exec(made, ["true"], 5)

    check(opened, body)


def test_an_image_is_found_by_its_name(opened: Open) -> None:
    async def body(runtime: Runtime, config: SandboxConfig) -> None:
        found = await runtime.image_status("busybox")
        assert found is not None and found.id

    check(opened, body)
