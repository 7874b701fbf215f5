from __future__ import annotations

import asyncio
from typing import Any

from wherry.api.errors import not_found
from wherry.client.workqueue import WorkQueue
from wherry.kubelet.statuswriter import StatusWriter, difference

from .kit import pod


def condition(state: str, **more: str) -> dict[str, str]:
    return {"type": "Ready", "status": state, **more}


def test_only_what_changed_is_sent() -> None:
    old = {"phase": "Pending", "hostIP": "1", "containerStatuses": []}
    assert difference(old, {**old, "phase": "Running"}) == {"phase": "Running"}
    assert difference(old, old) == {}


def test_conditions_lose_their_reason() -> None:
    old = {"conditions": [condition("False", reason="x", message="y"), {"type": "A", "status": "True"}]}
    new = {"conditions": [condition("True"), {"type": "A", "status": "True"}]}
    assert difference(old, new) == {"conditions": [{"reason": None, "message": None, **condition("True")}]}


def test_addresses_that_went_are_named() -> None:
    old = {"podIP": "1", "podIPs": [{"ip": "1"}]}
    new = {"podIP": "2", "podIPs": [{"ip": "2"}]}
    assert difference(old, new)["podIPs"] == [{"ip": "2"}, {"$patch": "delete", "ip": "1"}]
    assert difference({"reason": "x"}, {}) == {"reason": None}


class Server:
    """Takes status patches, slowly."""

    def __init__(self) -> None:
        self.patches: list[dict[str, Any]] = []
        self.gone = False

    async def patch(self, res: Any, name: str, patch: dict[str, Any], *_: Any, **__: Any) -> None:
        await asyncio.sleep(0)
        if self.gone:
            raise not_found("", "pods", name)
        self.patches.append(patch)


def written(body: Any, server: Server) -> None:
    async def main() -> None:
        writer = StatusWriter(server, WorkQueue())  # type: ignore[arg-type]
        task = asyncio.create_task(writer.run())
        try:
            await body(writer)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())


def test_the_newest_status_wins_and_flush_waits_for_it() -> None:
    server = Server()

    async def body(writer: StatusWriter) -> None:
        for number in range(5):
            writer.set(pod(), {"phase": "Running", "message": str(number)})
        await writer.flush("u1")

    written(body, server)
    assert len(server.patches) <= 2
    assert server.patches[-1]["status"]["message"] == "4" and server.patches[-1]["metadata"] == {"uid": "u1"}


def test_the_same_status_is_not_sent_twice() -> None:
    server = Server()

    async def body(writer: StatusWriter) -> None:
        for _ in range(3):
            writer.set(pod(), {"phase": "Running"})
            await writer.flush("u1")

    written(body, server)
    assert len(server.patches) == 1


def test_what_others_changed_is_set_right() -> None:
    server = Server()

    async def body(writer: StatusWriter) -> None:
        writer.set(pod(), {"phase": "Running", "conditions": [condition("True")]})
        await writer.flush("u1")
        writer.observe("u1", pod(status={"phase": "Running", "conditions": [condition("True")]}))
        assert len(server.patches) == 1
        writer.observe("u1", pod(status={"phase": "Running", "conditions": [condition("False")]}))
        await writer.flush("u1")

    written(body, server)
    assert len(server.patches) == 2 and server.patches[1]["status"]["conditions"][0]["status"] == "True"


def test_a_pod_that_is_gone_holds_nobody_up() -> None:
    server = Server()
    server.gone = True

    async def body(writer: StatusWriter) -> None:
        writer.set(pod(), {"phase": "Running"})
        await writer.flush("u1")
        writer.forget("u1")
        assert writer.current("u1") is None

    written(body, server)
