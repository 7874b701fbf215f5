from __future__ import annotations

from typing import Any

import pytest

from wherry.api.errors import ApiError

from .room import APPLY, MERGE, Room, run


def config(data: dict[str, str] | None = None, **metadata: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", **metadata}}
    return found if data is None else {**found, "data": data}


async def apply(room: Room, manager: str, obj: dict[str, Any], more: str = "") -> Any:
    return await room.patch(f"configmaps/a?fieldManager={manager}{more}", obj, APPLY)


def owners(obj: Any) -> dict[tuple[str, str], Any]:
    return {(e["manager"], e["operation"]): e["fieldsV1"] for e in obj["metadata"]["managedFields"]}


def test_it_makes_what_is_not_there() -> None:
    async def body(room: Room) -> None:
        made = await room.ask("PATCH configmaps/a?fieldManager=me", config({"k": "v"}), content_type=APPLY)
        assert made.status == 201
        found = await room.get("configmaps/a")
        assert owners(found) == {("me", "Apply"): {"f:data": {"f:k": {}}}}
        again = await room.ask("PATCH configmaps/a?fieldManager=me", config({"k": "v"}), content_type=APPLY)
        assert again.status == 200
        assert room.store.revision == 2

    run(body)


def test_yaml_is_taken() -> None:
    async def body(room: Room) -> None:
        text = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {k: v}\n"
        assert (await room.patch("configmaps/a?fieldManager=me", text, APPLY))["data"] == {"k": "v"}

    run(body)


def test_conflicts_name_who_has_it() -> None:
    async def body(room: Room) -> None:
        await apply(room, "me", config({"k": "v", "l": "w"}))
        await room.patch("configmaps/a?fieldManager=up", {"data": {"m": "x"}}, MERGE)
        with pytest.raises(ApiError) as caught:
            await apply(room, "you", config({"k": "other"}))
        assert caught.value.message == 'Apply failed with 1 conflict: conflict with "me": .data.k'
        with pytest.raises(ApiError) as caught:
            await apply(room, "you", config({"k": "other", "m": "other"}))
        assert caught.value.message == (
            'Apply failed with 2 conflicts: conflicts with "me":\n- .data.k\n'
            'conflicts with "up" using v1:\n- .data.m'
        )
        assert caught.value.details == {
            "causes": [
                {"reason": "FieldManagerConflict", "message": 'conflict with "me"', "field": ".data.k"},
                {
                    "reason": "FieldManagerConflict",
                    "message": 'conflict with "up" using v1',
                    "field": ".data.m",
                },
            ]
        }
        done = await apply(room, "you", config({"k": "other"}), "&force=true")
        assert owners(done)["me", "Apply"] == {"f:data": {"f:l": {}}}

    run(body)


def test_kubectl_takes_over_from_its_client_side() -> None:
    async def body(room: Room) -> None:
        last = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"k":"v"}}'
        note = {"kubectl.kubernetes.io/last-applied-configuration": last}
        await room.post(
            "configmaps", {"metadata": {"name": "a", "annotations": note}, "data": {"k": "v", "l": "w"}}
        )
        done = await apply(room, "kubectl", config({"k": "other"}))
        assert done["data"] == {"k": "other", "l": "w"}
        assert (
            '"k":"other"'
            in done["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"]
        )
        with pytest.raises(ApiError, match="conflict with"):
            await apply(room, "kubectl", config({"k": "other", "l": "other"}))

    run(body)


def test_objects_from_before_managed_fields() -> None:
    async def body(room: Room) -> None:
        await room.post("configmaps", {"metadata": {"name": "a"}, "data": {"k": "v"}})
        await room.put("configmaps/a", {"metadata": {"name": "a", "managedFields": [{}]}, "data": {"k": "w"}})
        done = await apply(room, "me", config({"l": "x"}))
        assert owners(done)["before-first-apply", "Update"] == {"f:data": {".": {}, "f:k": {}}}

    run(body)


def test_status_is_applied_apart() -> None:
    async def body(room: Room) -> None:
        await room.post(
            "pods", {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
        )
        status = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "p"},
            "status": {"phase": "Running"},
        }
        done = await room.patch("pods/p/status?fieldManager=kubelet", status, APPLY)
        assert done["status"]["phase"] == "Running"
        assert done["spec"]["containers"][0]["name"] == "c"
        assert owners(done)["kubelet", "Apply"] == {"f:status": {"f:phase": {}}}

    run(body)


@pytest.mark.parametrize(
    ("obj", "words"),
    [
        ({"kind": "ConfigMap", "metadata": {"name": "a"}}, "invalid object type: /, Kind=ConfigMap"),
        ({**config(), "kind": "Secret"}, "invalid object type: /v1, Kind=Secret"),
        (config(managedFields=[]), "metadata.managedFields must be nil"),
        ({**config(), "metadata": {"name": "b"}}, "does not match the name on the URL"),
        ({**config(), "metadata": {}}, "name must be provided"),
        ({**config(), "nonsense": 1}, ".nonsense: field not declared in schema"),
        ([1], "error decoding YAML"),
    ],
)
def test_refused(obj: Any, words: str) -> None:
    async def body(room: Room) -> None:
        with pytest.raises(ApiError) as caught:
            await apply(room, "me", obj)
        assert words in caught.value.message
        assert caught.value.code == 400

    run(body)


def test_lists_with_twice_the_same() -> None:
    async def body(room: Room) -> None:
        twice = [{"name": "c", "image": "i"}, {"name": "c", "image": "j"}]
        obj = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": twice}}
        with pytest.raises(ApiError, match="duplicate entries for key"):
            await room.patch("pods/p?fieldManager=me", obj, APPLY)

    run(body)
