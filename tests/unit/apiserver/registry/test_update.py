from __future__ import annotations

import asyncio
from typing import Any

import pytest

from wherry.api.errors import ApiError

from .room import MERGE, Room, config_map, pod, run


def test_a_put_replaces() -> None:
    async def body(room: Room) -> None:
        made = await room.post("configmaps", config_map("a", {"k": "v"}, labels={"x": "y"}))
        done = await room.put("configmaps/a", config_map("a", {"l": "w"}))
        assert done["data"] == {"l": "w"}
        assert "labels" not in done["metadata"]
        assert done["metadata"]["uid"] == made["metadata"]["uid"]
        assert int(done["metadata"]["resourceVersion"]) > int(made["metadata"]["resourceVersion"])
        assert await room.get("configmaps/a") == done

    run(body)


def test_no_change_is_no_write() -> None:
    async def body(room: Room) -> None:
        made = await room.post("configmaps", config_map("a"))
        assert await room.put("configmaps/a", config_map("a")) == made
        assert room.store.revision == 2

    run(body)


def test_the_version_must_be_the_last() -> None:
    async def body(room: Room) -> None:
        made = await room.post("configmaps", config_map("a"))
        made["data"] = {"k": "1"}
        await room.put("configmaps/a", made)
        with pytest.raises(ApiError, match="the object has been modified"):
            await room.put("configmaps/a", {**made, "data": {"k": "2"}})

    run(body)


@pytest.mark.parametrize(
    ("obj", "words"),
    [
        (config_map("b"), "the name of the object (b) does not match the name on the URL (a)"),
        ({"data": {}}, "was undeterminable: name must be provided"),
        (config_map("a", namespace="other"), "does not match the namespace sent on the request"),
        (config_map("a", uid="other"), "Precondition failed: UID in precondition: other"),
        (config_map("a", labels={"a b": ""}), "metadata.labels: Invalid value"),
        (config_map("a", deletionTimestamp="2020-01-01T00:00:00Z"), "field is immutable"),
    ],
)
def test_refused(obj: dict[str, Any], words: str) -> None:
    async def body(room: Room) -> None:
        await room.post("configmaps", config_map("a"))
        with pytest.raises(ApiError) as caught:
            await room.put("configmaps/a", obj)
        assert words in caught.value.message

    run(body)


def test_what_is_not_there() -> None:
    async def body(room: Room) -> None:
        with pytest.raises(ApiError, match='configmaps "a" not found'):
            await room.put("configmaps/a", config_map("a"))
        leases = "/apis/coordination.k8s.io/v1/namespaces/default/leases"
        made = await room.ask(
            f"PUT {leases}/l", {"metadata": {"name": "l"}, "spec": {"holderIdentity": "me"}}
        )
        assert made.status == 201

    run(body)


def test_status_and_the_rest_are_apart() -> None:
    async def body(room: Room) -> None:
        await room.post("pods", pod("p"))
        main = await room.patch("pods/p", {"status": {"phase": "Failed"}, "metadata": {"labels": {"x": "y"}}})
        assert main["status"]["phase"] == "Pending"
        assert main["metadata"]["labels"] == {"x": "y"}
        status = await room.patch(
            "pods/p/status", {"status": {"phase": "Running"}, "spec": {"nodeName": "n"}}
        )
        assert status["status"]["phase"] == "Running"
        assert "nodeName" not in status["spec"]
        assert status["metadata"]["generation"] == 1
        assert (await room.get("pods/p/status"))["status"]["phase"] == "Running"

    run(body)


def test_generation_counts_changes_of_the_spec() -> None:
    async def body(room: Room) -> None:
        deployments = "/apis/apps/v1/namespaces/default/deployments"
        template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
        spec = {"selector": {"matchLabels": {"a": "b"}}, "template": template}
        await room.post(deployments, {"metadata": {"name": "d"}, "spec": spec})
        generations = [
            (await room.patch(f"{deployments}/d", change))["metadata"]["generation"]
            for change in (
                {"metadata": {"labels": {"x": "y"}}},
                {"spec": {"replicas": 3}},
                {"spec": {"replicas": 3}},
                {"spec": {"paused": True}},
            )
        ]
        assert generations == [1, 2, 2, 3]
        status = await room.patch(
            f"{deployments}/d/status", {"status": {"replicas": 3, "observedGeneration": 3}}
        )
        assert status["metadata"]["generation"] == 3

    run(body)


def test_the_last_finalizer_lets_go() -> None:
    async def body(room: Room) -> None:
        await room.post("configmaps", config_map("a", finalizers=["a.b/c"]))
        assert (await room.delete("configmaps/a"))["metadata"]["deletionTimestamp"]
        with pytest.raises(ApiError, match="no new finalizers can be added"):
            await room.patch("configmaps/a", {"metadata": {"finalizers": ["a.b/c", "a.b/d"]}})
        gone = await room.patch("configmaps/a", {"metadata": {"finalizers": None}})
        assert gone["metadata"]["name"] == "a"
        with pytest.raises(ApiError, match="not found"):
            await room.get("configmaps/a")

    run(body)


def test_a_namespace_goes_through_finalize() -> None:
    async def body(room: Room) -> None:
        await room.post("/api/v1/namespaces", {"metadata": {"name": "ns"}})
        left = await room.delete("/api/v1/namespaces/ns")
        assert left["status"]["phase"] == "Terminating"
        ignored = await room.put("/api/v1/namespaces/ns/finalize", {**left, "status": {"phase": "X"}})
        assert ignored["status"]["phase"] == "Terminating"
        left["spec"]["finalizers"] = []
        await room.put("/api/v1/namespaces/ns/finalize", left)
        with pytest.raises(ApiError, match="not found"):
            await room.get("/api/v1/namespaces/ns")

    run(body)


def test_changes_side_by_side_are_all_made() -> None:
    async def body(room: Room) -> None:
        await room.post("configmaps", config_map("a", {}))
        changes = [room.patch("configmaps/a", {"data": {f"k{n}": "v"}}, MERGE) for n in range(20)]
        await asyncio.gather(*changes)
        assert len((await room.get("configmaps/a"))["data"]) == 21

    run(body)


def test_a_dry_run_changes_nothing() -> None:
    async def body(room: Room) -> None:
        made = await room.post("configmaps", config_map("a"))
        shown = await room.put("configmaps/a?dryRun=All", config_map("a", {"k": "other"}))
        assert shown["data"] == {"k": "other"}
        assert shown["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]
        assert await room.get("configmaps/a") == made

    run(body)
