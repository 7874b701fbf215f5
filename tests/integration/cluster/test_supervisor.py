"""The supervisor with small real processes."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from wherry.clock import RealClock
from wherry.cluster.service import Service, ServiceStatus
from wherry.cluster.settings import Paths
from wherry.cluster.state import AlreadyRunning, Lock, is_running, read_status
from wherry.cluster.supervisor import Supervisor

CHILD = """
import os, signal, socket, sys, time
sys.stdout.write("start\\n"); sys.stdout.flush()
def bye(*_):
    open(sys.argv[1], "a").write(sys.argv[2] + "\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, bye)
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
while True: time.sleep(60)
"""


def service(name: str, ends: Path, needs: tuple[str, ...] = ()) -> Service:
    return Service(name, (sys.executable, "-S", "-c", CHILD, str(ends), name), needs)


async def until(
    paths: Paths, condition: Callable[[dict[str, ServiceStatus]], bool]
) -> dict[str, ServiceStatus]:
    async with asyncio.timeout(20):
        while True:
            status = read_status(paths)
            services = {s.name: s for s in status.services} if status else {}
            if services and condition(services):
                return services
            await asyncio.sleep(0.01)


def all_ready(services: dict[str, ServiceStatus]) -> bool:
    return all(s.state == "ready" for s in services.values())


def supervised(
    tmp_path: Path, services: list[Service], body: Callable[[Paths, Supervisor], Awaitable[None]]
) -> None:
    async def run() -> None:
        paths = Paths(tmp_path)
        paths.run.mkdir()
        supervisor = Supervisor(paths, services, RealClock())
        async with asyncio.TaskGroup() as group:
            running = group.create_task(supervisor.run())
            await body(paths, supervisor)
            supervisor.stop()
            await running

    asyncio.run(run())


def test_starts_in_order_and_stops_in_reverse(tmp_path: Path) -> None:
    ends = tmp_path / "ends"

    async def body(paths: Paths, supervisor: Supervisor) -> None:
        services = await until(paths, all_ready)
        assert services["first"].started <= services["second"].started <= services["third"].started

    chain = [
        service("third", ends, ("second",)),
        service("second", ends, ("first",)),
        service("first", ends),
    ]
    supervised(tmp_path, chain, body)
    assert ends.read_text().split() == ["third", "second", "first"]
    status = read_status(Paths(tmp_path))
    assert status is not None
    assert {s.state for s in status.services} == {"stopped"}


def test_what_dies_is_back_within_two_seconds(tmp_path: Path) -> None:
    async def body(paths: Paths, supervisor: Supervisor) -> None:
        first = (await until(paths, all_ready))["a"].pid
        os.kill(first, signal.SIGKILL)
        async with asyncio.timeout(2):
            again = await until(paths, lambda s: s["a"].restarts == 1 and s["a"].state == "ready")
        assert again["a"].pid != first

    supervised(tmp_path, [service("a", tmp_path / "ends")], body)


def test_one_service_can_be_stopped_alone(tmp_path: Path) -> None:
    async def body(paths: Paths, supervisor: Supervisor) -> None:
        await until(paths, all_ready)
        await supervisor.stop_service("a")
        services = await until(paths, lambda s: s["a"].state == "stopped")
        assert services["b"].state == "ready"

    supervised(tmp_path, [service("a", tmp_path / "ends"), service("b", tmp_path / "ends")], body)


def test_a_program_that_is_not_there_is_tried_again_without_harm(tmp_path: Path) -> None:
    async def body(paths: Paths, supervisor: Supervisor) -> None:
        services = await until(paths, lambda s: s["missing"].restarts >= 2)
        assert services["missing"].state == "failed"

    supervised(tmp_path, [Service("missing", ("/does/not/exist",))], body)


def test_the_lock_is_single(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    assert not is_running(paths)
    lock = Lock(paths)
    assert is_running(paths)
    with pytest.raises(AlreadyRunning):
        Lock(paths)
    lock.release()
    assert not is_running(paths)
