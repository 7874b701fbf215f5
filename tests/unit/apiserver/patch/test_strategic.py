from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.apiserver.patch import strategic
from wherry.apiserver.patch.strategic import StrategicError

POD = "io.k8s.api.core.v1.Pod"
DEPLOYMENT = "io.k8s.api.apps.v1.Deployment"


def patched(document: dict[str, Any], patch: dict[str, Any], definition: str = POD) -> dict[str, Any]:
    before, asked = copy.deepcopy(document), copy.deepcopy(patch)
    result = strategic.apply(document, patch, definition)
    assert (document, patch) == (before, asked)
    return result


def containers(*items: Any) -> dict[str, Any]:
    return {"spec": {"containers": list(items)}}


A, B, C = ({"name": n, "image": n} for n in "abc")


def test_items_merge_by_their_key() -> None:
    change = containers({"name": "b", "image": "new"})
    assert patched(containers(A, B), change) == containers(A, {"name": "b", "image": "new"})


def test_new_items_come_first() -> None:
    assert patched(containers(A), containers(C)) == containers(C, A)


def test_an_item_is_deleted() -> None:
    assert patched(containers(A, B), containers({"name": "a", "$patch": "delete"})) == containers(B)


def test_a_list_is_replaced() -> None:
    assert patched(containers(A, B), containers({"$patch": "replace"}, C)) == containers(C)


def test_lists_without_a_strategy_are_replaced() -> None:
    before = containers({**A, "args": ["1", "2"]})
    assert patched(before, containers({"name": "a", "args": ["3"]})) == containers({**A, "args": ["3"]})


def test_the_order_of_items() -> None:
    change = {"spec": {"$setElementOrder/containers": [{"name": "c"}, {"name": "a"}], "containers": [C]}}
    assert patched(containers(A, B), change) == containers(C, A, B)


def test_an_order_alone_reorders() -> None:
    change = {"spec": {"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}]}}
    assert patched(containers(A, B), change) == containers(B, A)


def test_items_the_order_does_not_name_keep_their_place() -> None:
    change = {"spec": {"$setElementOrder/containers": [{"name": "a"}, {"name": "c"}]}}
    assert patched(containers(A, B, C), change) == containers(A, B, C)


def test_an_order_that_does_not_name_the_patch() -> None:
    change = {"spec": {"$setElementOrder/containers": [{"name": "a"}], "containers": [C]}}
    with pytest.raises(StrategicError, match="setElementOrder"):
        strategic.apply(containers(A), change, POD)


def test_scalars_are_united_and_taken_out() -> None:
    before = {"metadata": {"finalizers": ["a", "b"]}}
    assert patched(before, {"metadata": {"finalizers": ["b", "c"]}})["metadata"]["finalizers"] == [
        "a",
        "b",
        "c",
    ]
    less = {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"]}}
    assert patched(before, less) == {"metadata": {"finalizers": ["b"]}}


def test_scalars_deleted_and_ordered_at_once() -> None:
    change = {
        "metadata": {
            "$deleteFromPrimitiveList/finalizers": ["a"],
            "$setElementOrder/finalizers": ["c", "b"],
            "finalizers": ["c"],
        }
    }
    assert patched({"metadata": {"finalizers": ["a", "b"]}}, change)["metadata"]["finalizers"] == ["c", "b"]


def test_maps() -> None:
    before = {"metadata": {"labels": {"a": "1", "b": "2"}}}
    assert patched(before, {"metadata": {"labels": {"a": None}}}) == {"metadata": {"labels": {"b": "2"}}}
    replaced = {"metadata": {"labels": {"$patch": "replace", "c": "3"}}}
    assert patched(before, replaced) == {"metadata": {"labels": {"c": "3"}}}
    assert patched(before, {"metadata": {"labels": {"$patch": "delete"}}}) == {"metadata": {"labels": {}}}
    assert (
        patched(before, {"metadata": {"labels": {"$patch": "merge", "c": "3"}}})["metadata"]["labels"]["c"]
        == "3"
    )


def test_retained_keys() -> None:
    before = {"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}}
    change = {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}
    assert patched(before, change, DEPLOYMENT) == {"spec": {"strategy": {"type": "Recreate"}}}
    bad = {"spec": {"strategy": {"$retainKeys": ["type"], "rollingUpdate": {}}}}
    with pytest.raises(StrategicError, match="retainKeys"):
        strategic.apply(before, bad, DEPLOYMENT)


def test_volumes_keep_only_the_named_source() -> None:
    before = {"spec": {"volumes": [{"name": "v", "emptyDir": {}}]}}
    change = {
        "spec": {"volumes": [{"name": "v", "$retainKeys": ["name", "hostPath"], "hostPath": {"path": "/x"}}]}
    }
    assert patched(before, change) == {"spec": {"volumes": [{"name": "v", "hostPath": {"path": "/x"}}]}}


def test_nested_lists_merge_by_their_own_keys() -> None:
    port = {"containerPort": 80, "protocol": "TCP"}
    before = containers({**A, "ports": [port]})
    change = containers({"name": "a", "ports": [{"containerPort": 81}]})
    assert patched(before, change) == containers({**A, "ports": [{"containerPort": 81}, port]})


@pytest.mark.parametrize(
    "change",
    [
        containers({"image": "no name"}),
        containers({"$patch": "delete"}),
        containers({"name": "a", "$patch": "nonsense"}),
        {"metadata": {"labels": {"$patch": "nonsense"}}},
        containers(5),
        containers({"name": "a", "$patch": "merge"}),
        {"spec": {"$setElementOrder/containers": 5, "containers": [A]}},
    ],
)
def test_refused(change: dict[str, Any]) -> None:
    with pytest.raises(StrategicError):
        strategic.apply({"metadata": {"labels": {"a": "b"}}, **containers(A)}, change, POD)


NAMES = st.lists(st.sampled_from("abcdef"), unique=True, max_size=5)


@given(NAMES, NAMES)
def test_an_order_of_all_is_the_order(have: list[str], order: list[str]) -> None:
    change = {"spec": {"$setElementOrder/containers": [{"name": n} for n in order]}}
    after = strategic.apply(containers(*({"name": n} for n in have)), change, POD)["spec"]["containers"]
    names = [item["name"] for item in after]
    assert sorted(names) == sorted(have)
    assert [n for n in names if n in order] == [n for n in order if n in have]
    assert [n for n in names if n not in order] == [n for n in have if n not in order]


@given(NAMES, NAMES)
def test_merging_unites_and_is_idempotent(have: list[str], more: list[str]) -> None:
    change = containers(*({"name": n, "image": "new"} for n in more))
    once = strategic.apply(containers(*({"name": n} for n in have)), change, POD)
    assert {item["name"] for item in once["spec"]["containers"]} == {*have, *more}
    assert strategic.apply(once, change, POD) == once
