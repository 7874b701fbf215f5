from __future__ import annotations

from typing import Any

import pytest

from wherry.api.errors import ApiError

from .room import JSON_PATCH, MERGE, Room, run

SETS = "/apis/apps/v1/namespaces/default/replicasets"


async def made(room: Room, replicas: int = 2) -> Any:
    selector = {"matchLabels": {"a": "b"}, "matchExpressions": [{"key": "z", "operator": "Exists"}]}
    template = {
        "metadata": {"labels": {"a": "b", "z": "y"}},
        "spec": {"containers": [{"name": "c", "image": "i"}]},
    }
    spec = {"replicas": replicas, "selector": selector, "template": template}
    return await room.post(SETS, {"metadata": {"name": "r"}, "spec": spec})


def test_what_it_shows() -> None:
    async def body(room: Room) -> None:
        obj = await made(room)
        scale = await room.get(f"{SETS}/r/scale")
        assert (scale["kind"], scale["apiVersion"]) == ("Scale", "autoscaling/v1")
        assert scale["metadata"]["uid"] == obj["metadata"]["uid"]
        assert scale["spec"] == {"replicas": 2}
        assert scale["status"] == {"replicas": 0, "selector": "a=b,z"}

    run(body)


def test_as_a_table_it_has_columns_of_its_own() -> None:
    async def body(room: Room) -> None:
        await made(room)
        table = "application/json;as=Table;v=v1;g=meta.k8s.io"
        found = await room.get(f"{SETS}/r/scale", accept=table)
        assert [column["name"] for column in found["columnDefinitions"]] == [
            "Name",
            "Desired",
            "Available",
            "Age",
        ]
        assert found["rows"][0]["cells"][:3] == ["r", 2, 0]

    run(body)


def test_setting_the_count() -> None:
    async def body(room: Room) -> None:
        await made(room)
        assert (await room.patch(f"{SETS}/r/scale", {"spec": {"replicas": 5}}, MERGE))["spec"] == {
            "replicas": 5
        }
        found = await room.get(f"{SETS}/r")
        assert found["spec"]["replicas"] == 5
        assert found["metadata"]["generation"] == 2
        entry = next(e for e in found["metadata"]["managedFields"] if e.get("subresource") == "scale")
        assert entry["fieldsV1"] == {"f:spec": {"f:replicas": {}}}
        scale = await room.get(f"{SETS}/r/scale")
        scale["spec"] = {"replicas": 0}
        assert (await room.put(f"{SETS}/r/scale", scale))["spec"] == {}
        change = [{"op": "add", "path": "/spec/replicas", "value": 3}]
        assert (await room.patch(f"{SETS}/r/scale", change, JSON_PATCH))["spec"] == {"replicas": 3}

    run(body)


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (
            {"spec": {"replicas": -1}},
            422,
            'Scale.autoscaling "r" is invalid: spec.replicas: Invalid value: -1',
        ),
        (
            {"spec": {"replicas": "x"}},
            422,
            "cannot unmarshal string into Go struct field ScaleSpec.spec.replicas",
        ),
        ({"metadata": {"resourceVersion": "1"}}, 409, "the object has been modified"),
        ({"metadata": {"name": "s"}}, 400, "does not match the name on the URL"),
    ],
)
def test_refused(change: dict[str, Any], code: int, words: str) -> None:
    async def body(room: Room) -> None:
        await made(room)
        with pytest.raises(ApiError) as caught:
            await room.patch(f"{SETS}/r/scale", change, MERGE)
        assert caught.value.code == code
        assert words in caught.value.message

    run(body)


def test_kinds_that_have_none() -> None:
    async def body(room: Room) -> None:
        with pytest.raises(ApiError, match="could not find the requested resource"):
            await room.get("/apis/apps/v1/namespaces/default/daemonsets/d/scale")

    run(body)
