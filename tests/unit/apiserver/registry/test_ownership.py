from __future__ import annotations

from typing import Any

from wherry.api.schema import definition_name
from wherry.api.scheme import resource
from wherry.apiserver.registry import entry, ownership
from wherry.apiserver.registry.served import Served
from wherry.apiserver.registry.strategy import Strategy
from wherry.apiserver.registry.watchcache import Layout, WatchCache

NOW = 1_800_000_000.0
TIME = "2027-01-15T08:00:00Z"


def served(name: str, **strategy: Any) -> Served:
    res = resource(name)
    cache = WatchCache(Layout(b"/x/", entry.head("v1", "X")))
    return Served(res, Strategy(**strategy), cache, None, definition_name(res.api_version, res.kind))


MAPS = served("configmaps", has_status=False)
DEPLOYMENTS = served("deployments.apps")


def owners(obj: dict[str, Any]) -> dict[str, Any]:
    return {e["manager"]: e["fieldsV1"] for e in obj["metadata"].get("managedFields", [])}


def test_a_create_owns_what_it_brings() -> None:
    obj = {"metadata": {"name": "a", "labels": {"x": "y"}}, "data": {"k": "v"}}
    ownership.created(MAPS, obj, "me", NOW)
    assert obj["metadata"]["managedFields"] == [
        {
            "manager": "me",
            "operation": "Update",
            "apiVersion": "v1",
            "time": TIME,
            "fieldsType": "FieldsV1",
            "fieldsV1": {
                "f:data": {".": {}, "f:k": {}},
                "f:metadata": {"f:labels": {".": {}, "f:x": {}}},
            },
        }
    ]


def test_stanzas_go_always_writes_are_nobodys() -> None:
    obj = {
        "metadata": {},
        "spec": {"replicas": 1, "template": {"spec": {"containers": [{"name": "c"}]}}},
        "status": {"x": 1},
    }
    ownership.created(DEPLOYMENTS, obj, "me", NOW)
    containers = {"f:containers": {'k:{"name":"c"}': {".": {}, "f:name": {}}}}
    assert owners(obj) == {"me": {"f:spec": {"f:replicas": {}, "f:template": {"f:spec": containers}}}}


def changed(old: dict[str, Any], **data: str) -> dict[str, Any]:
    metadata = {k: v for k, v in old["metadata"].items() if k != "managedFields"}
    return {"metadata": metadata, "data": data}


def first() -> dict[str, Any]:
    obj: dict[str, Any] = {"metadata": {"name": "a"}, "data": {"k": "v", "l": "w"}}
    ownership.created(MAPS, obj, "me", NOW)
    return obj


def test_an_update_takes_what_it_changes() -> None:
    old = first()
    new = changed(old, k="other", l="w", m="x")
    ownership.updated(MAPS, new, old, "you", NOW + 60)
    assert owners(new) == {
        "me": {"f:data": {".": {}, "f:l": {}}},
        "you": {"f:data": {"f:k": {}, "f:m": {}}},
    }


def test_what_is_removed_nobody_owns() -> None:
    old = first()
    new = changed(old, l="w")
    ownership.updated(MAPS, new, old, "you", NOW + 60)
    assert owners(new) == {"me": {"f:data": {".": {}, "f:l": {}}}}
    assert new["metadata"]["managedFields"][0]["time"] == TIME


def test_no_change_leaves_everything() -> None:
    old = first()
    new = changed(old, k="v", l="w")
    ownership.updated(MAPS, new, old, "you", NOW + 60)
    assert new == old


def test_untracked_objects_stay_so_and_tracking_can_be_reset() -> None:
    old = {"metadata": {"name": "a"}, "data": {"k": "v"}}
    new = changed(old, k="w")
    ownership.updated(MAPS, new, old, "you", NOW)
    assert "managedFields" not in new["metadata"]
    tracked = first()
    reset = changed(tracked, k="w")
    reset["metadata"]["managedFields"] = [{}]
    ownership.updated(MAPS, reset, tracked, "you", NOW)
    assert "managedFields" not in reset["metadata"]


def test_managed_fields_of_the_request_count_when_they_are_sound() -> None:
    old = first()
    given = changed(old, k="v", l="w")
    given["metadata"]["managedFields"] = [{**old["metadata"]["managedFields"][0], "manager": "renamed"}]
    ownership.updated(MAPS, given, old, "you", NOW)
    assert list(owners(given)) == ["renamed"]
    broken = changed(old, k="v", l="w")
    broken["metadata"]["managedFields"] = [{"manager": "x", "operation": "Nonsense"}]
    ownership.updated(MAPS, broken, old, "you", NOW)
    assert list(owners(broken)) == ["me"]


def test_old_updaters_are_gathered() -> None:
    obj = first()
    for number in range(15):
        new = changed(obj, **{**obj["data"], f"n{number}": "x"})
        ownership.updated(MAPS, new, obj, f"manager-{number:02}", NOW + number)
        obj = new
    entries = obj["metadata"]["managedFields"]
    assert len(entries) == ownership.MAX_UPDATE_MANAGERS
    assert ownership.ANCIENT in owners(obj)
    assert "f:k" in owners(obj)[ownership.ANCIENT]["f:data"]


def test_a_subresource_has_its_own_entry() -> None:
    old = first()
    new = changed(old, k="other", l="w")
    ownership.updated(MAPS, new, old, "me", NOW, "status")
    found = [(e["manager"], e.get("subresource", "")) for e in new["metadata"]["managedFields"]]
    assert found == [("me", ""), ("me", "status")]
