from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from memory_api import MemoryApi, client, env

from wherry.api import schema
from wherry.client.events import EventRecorder
from wherry.testing import loop as virtual

POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web", "namespace": "default", "uid": "u1", "resourceVersion": "7"},
}


def events(api: MemoryApi) -> list[dict[str, Any]]:
    return [obj for path, obj in api.objects.items() if "/events/" in path]


async def recording(api: MemoryApi) -> tuple[EventRecorder, asyncio.Task[None]]:
    recorder = EventRecorder(client(api), env(), "kubelet", "n1")
    return recorder, asyncio.create_task(recorder.run())


async def stopped(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])


def test_an_event_has_upstreams_fields() -> None:
    async def main() -> None:
        api = MemoryApi()
        recorder, task = await recording(api)
        typed = schema.convert(schema.struct_type("v1", "Pod"), POD)
        recorder.event(typed, "Normal", "Pulled", "got it", field_path="spec.containers{c}")
        await virtual.settle()
        (found,) = events(api)
        name = found["metadata"].pop("name")
        assert name.startswith("web.18") and len(name) == len("web.") + 16
        found["metadata"].pop("resourceVersion")
        assert found == {
            "kind": "Event",
            "apiVersion": "v1",
            "metadata": {"namespace": "default"},
            "involvedObject": {
                "kind": "Pod",
                "namespace": "default",
                "name": "web",
                "uid": "u1",
                "apiVersion": "v1",
                "resourceVersion": "7",
                "fieldPath": "spec.containers{c}",
            },
            "reason": "Pulled",
            "message": "got it",
            "type": "Normal",
            "source": {"component": "kubelet", "host": "n1"},
            "firstTimestamp": "2026-01-01T00:00:00Z",
            "lastTimestamp": "2026-01-01T00:00:00Z",
            "count": 1,
            "eventTime": None,
            "reportingComponent": "kubelet",
            "reportingInstance": "n1",
        }
        await stopped(task)

    virtual.run(main())


def test_plain_objects_and_references_do_too() -> None:
    async def main() -> None:
        api = MemoryApi()
        recorder, task = await recording(api)
        recorder.event(POD, "Normal", "A", "a")
        recorder.event({"kind": "Node", "name": "n1", "uid": "n1"}, "Normal", "B", "b")
        await virtual.settle()
        first, second = events(api)
        assert first["involvedObject"]["name"] == "web"
        assert second["involvedObject"] == {"kind": "Node", "name": "n1", "uid": "n1"}
        assert second["metadata"]["namespace"] == "default"
        await stopped(task)

    virtual.run(main())


def test_a_repeat_is_counted_up_and_made_anew_when_gone() -> None:
    async def main() -> None:
        api = MemoryApi()
        recorder, task = await recording(api)
        recorder.event(POD, "Warning", "BackOff", "again")
        await virtual.advance(60)
        recorder.event(POD, "Warning", "BackOff", "again")
        await virtual.settle()
        (found,) = events(api)
        assert found["count"] == 2
        assert found["firstTimestamp"] == "2026-01-01T00:00:00Z"
        assert found["lastTimestamp"] == "2026-01-01T00:01:00Z"
        api.remove(f"/api/v1/namespaces/default/events/{found['metadata']['name']}")
        recorder.event(POD, "Warning", "BackOff", "again")
        await virtual.settle()
        assert [one["count"] for one in events(api)] == [3]
        await stopped(task)

    virtual.run(main())


def test_events_wait_for_a_server_that_is_away() -> None:
    async def main() -> None:
        api = MemoryApi()
        recorder, task = await recording(api)
        api.stop()
        recorder.event(POD, "Normal", "A", "a")
        await virtual.advance(25)
        api.down = False
        await virtual.advance(10)
        assert len(events(api)) == 1
        await stopped(task)

    virtual.run(main())


def test_a_full_queue_drops_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        recorder = EventRecorder(client(MemoryApi()), env(), "kubelet")
        for number in range(1001):
            recorder.event(POD, "Normal", "A", str(number))

    with caplog.at_level(logging.WARNING):
        virtual.run(main())
    assert len(caplog.records) == 1 and '"1000"' in caplog.text
