from __future__ import annotations

import asyncio
from typing import Any

from memory_api import MemoryApi, client, env

from wherry.client.eventseries import FINISH_SECONDS, SeriesRecorder
from wherry.testing import loop as virtual

POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web", "namespace": "default", "uid": "u1", "resourceVersion": "7"},
}
OTHER = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "big", "namespace": "default", "uid": "u2"}}


def events(api: MemoryApi) -> list[dict[str, Any]]:
    return [obj for path, obj in api.objects.items() if "/events/" in path]


async def recording(api: MemoryApi) -> tuple[SeriesRecorder, asyncio.Task[None]]:
    recorder = SeriesRecorder(client(api), env(), "default-scheduler", "host")
    return recorder, asyncio.create_task(recorder.run())


async def stopped(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])


def test_an_event_has_upstreams_fields() -> None:
    async def main() -> None:
        api = MemoryApi()
        recorder, task = await recording(api)
        recorder.event(POD, "Normal", "Preempted", "Preempting", "gone", related=OTHER)
        await virtual.settle()
        (found,) = events(api)
        assert found["metadata"].pop("name").startswith("web.18")
        found["metadata"].pop("resourceVersion")
        assert found == {
            "kind": "Event",
            "apiVersion": "events.k8s.io/v1",
            "metadata": {"namespace": "default"},
            "eventTime": "2026-01-01T00:00:00.000000Z",
            "reportingController": "default-scheduler",
            "reportingInstance": "default-scheduler-host",
            "action": "Preempting",
            "reason": "Preempted",
            "regarding": {
                "kind": "Pod",
                "namespace": "default",
                "name": "web",
                "uid": "u1",
                "apiVersion": "v1",
                "resourceVersion": "7",
            },
            "related": {
                "kind": "Pod",
                "namespace": "default",
                "name": "big",
                "uid": "u2",
                "apiVersion": "v1",
            },
            "note": "gone",
            "type": "Normal",
        }
        await stopped(task)

    virtual.run(main())


def test_the_same_again_makes_a_series_whose_end_is_written() -> None:
    async def main() -> None:
        api = MemoryApi()
        recorder, task = await recording(api)
        counts = []
        for number in range(4):
            recorder.event(POD, "Warning", "FailedScheduling", "Scheduling", f"note {number}")
            await virtual.settle()
            (found,) = events(api)
            counts.append(found.get("series", {}).get("count"))
        assert counts == [None, 2, 2, 2]
        assert found["note"] == "note 0"
        await asyncio.get_running_loop().advance(2 * FINISH_SECONDS + 1)  # type: ignore[attr-defined]
        (found,) = events(api)
        assert found["series"]["count"] == 4
        recorder.event(POD, "Warning", "FailedScheduling", "Scheduling", "much later")
        await virtual.settle()
        assert len(events(api)) == 2
        await stopped(task)

    virtual.run(main())


def test_a_note_is_no_longer_than_the_server_takes() -> None:
    async def main() -> None:
        api = MemoryApi()
        recorder, task = await recording(api)
        recorder.event(POD, "Warning", "FailedScheduling", "Scheduling", "x" * 2000)
        await virtual.settle()
        (found,) = events(api)
        assert len(found["note"]) == 1024 and found["note"].endswith("x ...")
        await stopped(task)

    virtual.run(main())
