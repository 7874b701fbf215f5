from __future__ import annotations

from typing import Any

import pytest

from wherry.api import errors
from wherry.api.errors import ApiError
from wherry.api.scheme import Resource
from wherry.apiserver.attributes import Attributes

from .room import Room, config_map, pod, run


def test_what_the_system_fills_in() -> None:
    async def body(room: Room) -> None:
        made = await room.post(
            "configmaps", config_map("a", uid="mine", generation=7, creationTimestamp="2020-01-01T00:00:00Z")
        )
        metadata = made["metadata"]
        assert metadata["namespace"] == "default"
        assert metadata["resourceVersion"] == "2"
        assert metadata["creationTimestamp"] == "2027-01-15T08:00:00Z"
        assert metadata["uid"] != "mine"
        assert "generation" not in metadata
        assert await room.get("configmaps/a") == made

    run(body)


def test_names_are_taken_once() -> None:
    async def body(room: Room) -> None:
        await room.post("configmaps", config_map("a"))
        with pytest.raises(ApiError, match='configmaps "a" already exists'):
            await room.post("configmaps", config_map("a"))
        with pytest.raises(ApiError, match='configmaps "a" already exists'):
            await room.post("configmaps?dryRun=All", config_map("a"))

    run(body)


def test_generated_names_are_tried_again() -> None:
    async def body(room: Room) -> None:
        class Twice:
            """The same five letters twice, then others."""

            letters = "b" * 10 + "c" * 5

            def choice(self, _: Any) -> str:
                letter, self.letters = self.letters[0], self.letters[1:]
                return letter

            def getrandbits(self, n: int) -> int:
                return 1

        room.registry._core.env = type(room.registry._core.env)(room.clock, Twice())  # type: ignore[arg-type]
        first = await room.post("configmaps", {"metadata": {"generateName": "a-"}})
        second = await room.post("configmaps", {"metadata": {"generateName": "a-"}})
        assert [o["metadata"]["name"] for o in (first, second)] == ["a-bbbbb", "a-ccccc"]

    run(body)


def test_a_dry_run_leaves_nothing() -> None:
    async def body(room: Room) -> None:
        made = await room.post("configmaps?dryRun=All", config_map("a"))
        assert "resourceVersion" not in made["metadata"]
        with pytest.raises(ApiError, match="not found"):
            await room.get("configmaps/a")

    run(body)


@pytest.mark.parametrize(
    ("obj", "words"),
    [
        (config_map("a", namespace="other"), "does not match the namespace sent on the request"),
        (config_map("a", resourceVersion="5"), "resourceVersion should not be set on objects to be created"),
        (config_map("A"), 'ConfigMap "A" is invalid: metadata.name: Invalid value'),
        ({"metadata": {}}, "name or generateName is required"),
    ],
)
def test_refused(obj: dict[str, Any], words: str) -> None:
    async def body(room: Room) -> None:
        with pytest.raises(ApiError) as caught:
            await room.post("configmaps", obj)
        assert words in caught.value.message

    run(body)


def test_kinds_with_generation_start_at_one() -> None:
    async def body(room: Room) -> None:
        assert (await room.post("pods", pod("p")))["metadata"]["generation"] == 1

    run(body)


def test_events_go_away_by_themselves() -> None:
    async def body(room: Room) -> None:
        involved = {"involvedObject": {"kind": "Pod", "name": "p", "namespace": "default"}}
        await room.post("events", {"metadata": {"name": "e"}, "reason": "R", "message": "M", **involved})
        found = await room.store.range(_event())
        assert found.kvs[0].lease
        await room.store.lease_revoke(found.kvs[0].lease)
        with pytest.raises(ApiError, match="not found"):
            await room.get("events/e")

    def _event() -> Any:
        from wherry.etcd.types import Range

        return Range(b"/registry/events/default/e")

    run(body)


class Plugin:
    """Sets a label, and refuses objects that ask for it."""

    name = "Plugin"

    def __init__(self) -> None:
        self.outcomes: list[bool] = []

    def handles(self, resource: Resource, subresource: str, operation: str) -> bool:
        return resource.name == "configmaps" and operation == "CREATE"

    async def admit(self, attributes: Attributes) -> Any:
        assert attributes.obj is not None
        attributes.obj["metadata"].setdefault("labels", {})["admitted"] = "yes"
        return self.outcomes.append

    async def validate(self, attributes: Attributes) -> None:
        assert attributes.obj is not None
        if attributes.obj["data"].get("refuse"):
            raise errors.forbidden("", "configmaps", "a", "as it asked")


def test_admission() -> None:
    plugin = Plugin()

    async def body(room: Room) -> None:
        made = await room.post("configmaps", config_map("a"))
        assert made["metadata"]["labels"] == {"admitted": "yes"}
        # What admission sets is nobody's.
        assert made["metadata"]["managedFields"][0]["fieldsV1"] == {"f:data": {".": {}, "f:k": {}}}
        with pytest.raises(ApiError, match="is forbidden: as it asked"):
            await room.post("configmaps", config_map("b", {"refuse": "me"}))
        with pytest.raises(ApiError, match="already exists"):
            await room.post("configmaps", config_map("a"))
        await room.post("configmaps?dryRun=All", config_map("c"))
        assert plugin.outcomes == [True, False, False, False]

    run(body, [plugin])
