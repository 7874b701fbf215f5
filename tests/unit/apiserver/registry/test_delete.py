from __future__ import annotations

from typing import Any

import pytest

from wherry.api.errors import ApiError

from .room import Room, config_map, pod, run


def test_it_says_what_is_gone() -> None:
    async def body(room: Room) -> None:
        made = await room.post("configmaps", config_map("a"))
        assert await room.delete("configmaps/a") == {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Success",
            "details": {"name": "a", "kind": "configmaps", "uid": made["metadata"]["uid"]},
        }
        with pytest.raises(ApiError, match='configmaps "a" not found'):
            await room.delete("configmaps/a")

    run(body)


def test_some_kinds_give_the_object_back() -> None:
    async def body(room: Room) -> None:
        await room.post("serviceaccounts", {"metadata": {"name": "s"}})
        assert (await room.delete("serviceaccounts/s"))["kind"] == "ServiceAccount"

    run(body)


def test_a_running_pod_is_marked_first() -> None:
    async def body(room: Room) -> None:
        await room.post("pods", pod("p", "node"))
        marked = await room.delete("pods/p?gracePeriodSeconds=7")
        assert marked["metadata"]["deletionGracePeriodSeconds"] == 7
        assert await room.get("pods/p") == marked
        gone = await room.delete("pods/p", {"gracePeriodSeconds": 0})
        assert gone["metadata"]["deletionGracePeriodSeconds"] == 0
        with pytest.raises(ApiError, match="not found"):
            await room.get("pods/p")

    run(body)


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ({"preconditions": {"uid": "x"}}, 409, "the UID in the precondition (x) does not match"),
        ({"preconditions": {"resourceVersion": "x"}}, 409, "The object might have been modified"),
        ({"gracePeriodSeconds": "x"}, 400, "Go struct field DeleteOptions.gracePeriodSeconds of type int64"),
        (b"zzz", 400, "invalid character 'z' looking for beginning of value"),
        ({"kind": "Pod", "apiVersion": "v1"}, 400, 'no kind "Pod" is registered for version "v1"'),
        ({"propagationPolicy": "X"}, 422, 'Unsupported value: "X"'),
    ],
)
def test_refused(options: Any, code: int, words: str) -> None:
    async def body(room: Room) -> None:
        await room.post("configmaps", config_map("a"))
        with pytest.raises(ApiError) as caught:
            await room.delete("configmaps/a", options)
        assert caught.value.code == code
        assert words in caught.value.message
        await room.get("configmaps/a")

    run(body)


def test_propagation_waits_for_the_garbage_collector() -> None:
    async def body(room: Room) -> None:
        await room.post("configmaps", config_map("a"))
        answer = await room.ask("DELETE configmaps/a", {"propagationPolicy": "Foreground"})
        assert answer.status == 202
        found = await room.get("configmaps/a")
        assert found["metadata"]["finalizers"] == ["foregroundDeletion"]

    run(body)


def test_a_dry_run_deletes_nothing() -> None:
    async def body(room: Room) -> None:
        await room.post("configmaps", config_map("a"))
        assert (await room.delete("configmaps/a?dryRun=All"))["status"] == "Success"
        await room.get("configmaps/a")

    run(body)


def test_a_collection() -> None:
    async def body(room: Room) -> None:
        for name, label in (("a", "x"), ("b", "x"), ("c", "y")):
            await room.post("configmaps", config_map(name, labels={"l": label}))
        gone = await room.delete("configmaps?labelSelector=l=x")
        assert [o["metadata"]["name"] for o in gone["items"]] == ["a", "b"]
        left = await room.get("configmaps")
        assert [o["metadata"]["name"] for o in left["items"]] == ["c"]

    run(body)
