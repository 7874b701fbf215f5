from __future__ import annotations

import random
from typing import Any

import pytest

from wherry.api import validation_text
from wherry.apiserver.registry import objectmeta


def complaints(metadata: dict[str, Any], namespaced: bool = True) -> list[str]:
    found = objectmeta.validate(metadata, namespaced, validation_text.dns_subdomain)
    return [f"{e.path}: {e.body()}" for e in found]


GOOD = {"name": "a", "namespace": "ns"}


def test_generated_names() -> None:
    rng = random.Random(1)
    names = {objectmeta.generated_name("base-", rng) for _ in range(50)}
    assert len(names) == 50
    assert all(n.startswith("base-") and len(n) == 10 for n in names)
    assert len(objectmeta.generated_name("x" * 100, rng)) == 63


def test_good() -> None:
    rich = {"labels": {"a/b": "c"}, "annotations": {"A.b/C": "any thing"}, "finalizers": ["a.b/c", "orphan"]}
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "r", "uid": "u", "controller": True}
    assert not complaints({**GOOD, **rich, "ownerReferences": [owner]})
    assert not complaints({"name": "a"}, namespaced=False)
    assert not complaints({**GOOD, "generateName": "a-"})


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"name": ""}, "metadata.name: Required value: name or generateName is required"),
        ({"name": "A"}, 'metadata.name: Invalid value: "A": a lowercase RFC 1123 subdomain'),
        ({"namespace": ""}, "metadata.namespace: Required value"),
        ({"namespace": "a.b"}, "metadata.namespace: Invalid value"),
        ({"generateName": "A-"}, "metadata.generateName: Invalid value"),
        ({"labels": {"a b": ""}}, 'metadata.labels: Invalid value: "a b": name part must consist of'),
        ({"labels": {"a": "-"}}, 'metadata.labels: Invalid value: "-": a valid label must be'),
        ({"annotations": {"a b": ""}}, "metadata.annotations: Invalid value"),
        ({"annotations": {"a": "x" * 300_000}}, "metadata.annotations: Too long"),
        ({"finalizers": ["nonsense"]}, "metadata.finalizers[0]: Invalid value"),
        ({"finalizers": ["orphan", "foregroundDeletion"]}, "cannot be both set"),
        ({"ownerReferences": [{}]}, "metadata.ownerReferences.uid: Invalid value"),
        ({"generation": -1}, "metadata.generation: Invalid value: -1"),
    ],
)
def test_complaints(metadata: dict[str, Any], words: str) -> None:
    assert any(words in text for text in complaints({**GOOD, **metadata})), complaints({**GOOD, **metadata})


def test_cluster_objects_have_no_namespace() -> None:
    assert complaints(GOOD, namespaced=False) == ["metadata.namespace: Forbidden: not allowed on this type"]


def test_one_controller() -> None:
    owner = {"apiVersion": "v1", "kind": "X", "name": "r", "uid": "u", "controller": True}
    found = complaints({**GOOD, "ownerReferences": [owner, {**owner, "name": "s"}]})
    assert 'Found "true" in references for r and s' in found[0]
    event = {"apiVersion": "v1", "kind": "Event", "name": "e", "uid": "u"}
    assert "is disallowed from being an owner" in complaints({**GOOD, "ownerReferences": [event]})[0]


OLD = {"name": "a", "namespace": "ns", "uid": "u", "creationTimestamp": "t", "generation": 3}


def test_what_an_update_may_leave_out() -> None:
    new: dict[str, Any] = {"name": "a", "creationTimestamp": "other", "generation": 9, "selfLink": "x"}
    objectmeta.carry_over(new, OLD)
    assert new == OLD
    fresh: dict[str, Any] = {"generation": 9}
    objectmeta.carry_over(fresh, {"name": "a"})
    assert fresh == {"name": "a"}


def test_what_an_update_may_not_change() -> None:
    found = objectmeta.validate_update({**OLD, "uid": "v", "deletionTimestamp": "t"}, OLD)
    assert [e.path for e in found] == ["metadata.uid", "metadata.deletionTimestamp"]
    assert {e.detail for e in found} == {"field is immutable"}
    assert not objectmeta.validate_update(OLD, OLD)
    # What is wrong already may stay, a change must be right.
    odd = {**OLD, "labels": {"a b": ""}}
    assert not objectmeta.validate_update(odd, odd)
    assert objectmeta.validate_update(odd, OLD)


def test_no_finalizers_are_added_to_what_is_deleted() -> None:
    old = {**OLD, "deletionTimestamp": "t", "finalizers": ["a/b"]}
    found = objectmeta.validate_update({**old, "finalizers": ["a/b", "a/c"]}, old)
    assert found[0].detail == (
        'no new finalizers can be added if the object is being deleted, found new finalizers []string{"a/c"}'
    )
    assert not objectmeta.validate_update({**old, "finalizers": []}, old)
