"""When an object goes at once, when it is marked, and when it is left as it is."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from wherry.api.scheme import resource
from wherry.apiserver.registry import entry
from wherry.apiserver.registry.deletion import decide, ends_with
from wherry.apiserver.registry.options import DeleteOptions
from wherry.apiserver.registry.served import Served
from wherry.apiserver.registry.strategy import Strategy
from wherry.apiserver.registry.watchcache import Layout, WatchCache

NOW = 1_800_000_000.0


def served(name: str, **strategy: Any) -> Served:
    return Served(resource(name), Strategy(**strategy), WatchCache(Layout(b"/x/", entry.head("v1", "X"))))


MAPS = served("configmaps")
PODS = served("pods", graceful=lambda pod, asked: 30 if asked is None else asked, generation=True)
SPACES = served("namespaces")


def obj(**metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": "a", **metadata}}


def test_plain_objects_go_at_once() -> None:
    assert decide(MAPS, obj(), DeleteOptions(), NOW).action == "remove"


def test_finalizers_hold() -> None:
    found = decide(MAPS, obj(finalizers=["a/b"], generation=2), DeleteOptions(), NOW)
    assert found.action == "mark"
    assert found.obj["metadata"] == {
        "name": "a",
        "finalizers": ["a/b"],
        "generation": 3,
        "deletionTimestamp": "2027-01-15T08:00:00Z",
        "deletionGracePeriodSeconds": 0,
    }
    again = decide(MAPS, dict(found.obj), DeleteOptions(), NOW + 60)
    assert again.obj["metadata"]["deletionTimestamp"] == "2027-01-15T08:00:00Z"


@pytest.mark.parametrize(
    ("options", "default", "have", "wanted"),
    [
        (DeleteOptions(propagationPolicy="Orphan"), "background", [], ["orphan"]),
        (DeleteOptions(propagationPolicy="Foreground"), "background", [], ["foregroundDeletion"]),
        (DeleteOptions(propagationPolicy="Background"), "background", ["orphan"], []),
        (DeleteOptions(orphanDependents=True), "background", [], ["orphan"]),
        (DeleteOptions(orphanDependents=False), "orphan", [], []),
        (DeleteOptions(), "orphan", [], ["orphan"]),
        (DeleteOptions(), "background", ["foregroundDeletion"], ["foregroundDeletion"]),
        (
            DeleteOptions(propagationPolicy="Foreground"),
            "background",
            ["a/b", "orphan"],
            ["a/b", "foregroundDeletion"],
        ),
    ],
)
def test_propagation(options: DeleteOptions, default: str, have: list[str], wanted: list[str]) -> None:
    kind = dataclasses.replace(MAPS, strategy=Strategy(default_propagation=default))  # type: ignore[arg-type]
    found = decide(kind, obj(finalizers=have) if have else obj(), options, NOW)
    assert found.obj["metadata"].get("finalizers", []) == wanted
    assert found.action == ("mark" if wanted else "remove")


def test_a_pod_is_given_its_time() -> None:
    found = decide(PODS, obj(generation=1), DeleteOptions(), NOW)
    assert found.action == "mark"
    assert found.obj["metadata"]["deletionGracePeriodSeconds"] == 30
    assert found.obj["metadata"]["deletionTimestamp"] == "2027-01-15T08:00:30Z"
    assert found.obj["metadata"]["generation"] == 2


def test_the_time_can_be_cut_short_but_not_made_longer() -> None:
    marked = decide(PODS, obj(), DeleteOptions(), NOW).obj
    assert decide(PODS, marked, DeleteOptions(), NOW).action == "pending"
    assert decide(PODS, marked, DeleteOptions(gracePeriodSeconds=60), NOW).action == "pending"
    shorter = decide(PODS, marked, DeleteOptions(gracePeriodSeconds=5), NOW + 20)
    assert shorter.action == "mark"
    assert shorter.obj["metadata"]["deletionTimestamp"] == "2027-01-15T08:00:05Z"
    assert decide(PODS, shorter.obj, DeleteOptions(gracePeriodSeconds=0), NOW).action == "remove"


def test_a_pod_with_finalizers_stays_marked() -> None:
    found = decide(PODS, obj(finalizers=["a/b"]), DeleteOptions(gracePeriodSeconds=0), NOW)
    assert found.action == "mark"
    assert found.obj["metadata"]["deletionGracePeriodSeconds"] == 0


def test_namespaces_go_when_they_are_empty() -> None:
    space = {**obj(), "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}}
    found = decide(SPACES, space, DeleteOptions(), NOW)
    assert found.action == "mark"
    assert found.obj["status"]["phase"] == "Terminating"
    assert decide(SPACES, found.obj, DeleteOptions(), NOW).action == "pending"
    found.obj["spec"]["finalizers"] = []
    assert decide(SPACES, found.obj, DeleteOptions(), NOW).action == "remove"


def test_an_update_that_lets_go() -> None:
    marked = obj(deletionTimestamp="t", finalizers=["a/b"])
    assert ends_with(MAPS, obj(deletionTimestamp="t"), marked)
    assert not ends_with(MAPS, marked, marked)
    assert not ends_with(MAPS, obj(), obj(finalizers=["a/b"]))
    assert not ends_with(PODS, obj(), obj(deletionTimestamp="t", deletionGracePeriodSeconds=30))
    held = {**obj(), "spec": {"finalizers": ["kubernetes"]}}
    assert not ends_with(SPACES, held, obj(deletionTimestamp="t"))
