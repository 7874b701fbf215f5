from __future__ import annotations

import pytest

from wherry.api.errors import ApiError

from .room import Room, pod, run


def test_an_evicted_pod_is_deleted() -> None:
    async def body(room: Room) -> None:
        await room.post("pods", pod("p", "n"))
        answer = await room.ask(
            "POST pods/p/eviction", {"metadata": {"name": "p"}, "deleteOptions": {"gracePeriodSeconds": 3}}
        )
        assert answer.status == 201
        assert (await room.get("pods/p"))["metadata"]["deletionGracePeriodSeconds"] == 3

    run(body)


def test_refused() -> None:
    async def body(room: Room) -> None:
        await room.post("pods", pod("p", "n"))
        with pytest.raises(ApiError, match="name in URL does not match name in Eviction object"):
            await room.post("pods/p/eviction", {})
        with pytest.raises(ApiError, match="UID in the precondition"):
            options = {"preconditions": {"uid": "x"}}
            await room.post("pods/p/eviction", {"metadata": {"name": "p"}, "deleteOptions": options})
        await room.post("pods/p/eviction?dryRun=All", {"metadata": {"name": "p"}})
        assert "deletionTimestamp" not in (await room.get("pods/p"))["metadata"]

    run(body)
