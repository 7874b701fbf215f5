from __future__ import annotations

from wherry.apiserver.patch.compare import all_fields, compare
from wherry.apiserver.patch.types import typed

POD = typed("io.k8s.api.core.v1.Pod")
META = typed("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta")


def test_what_is_added_has_every_node() -> None:
    changes = compare({}, {"labels": {"a": "b"}}, META)
    assert changes == ({"f:labels": {".": {}, "f:a": {}}}, {}, {})


def test_what_was_there_from_the_start_is_not_added_itself() -> None:
    changes = compare({"spec": {"containers": None}}, {"spec": {"containers": [{"name": "a"}]}}, POD)
    inner = {'k:{"name":"a"}': {".": {}, "f:name": {}}}
    assert changes.added == {"f:spec": {"f:containers": inner}}


def test_changed_leaves() -> None:
    before = {"spec": {"containers": [{"name": "a", "image": "1", "args": ["x"]}], "nodeName": "n"}}
    after = {"spec": {"containers": [{"name": "a", "image": "2", "args": ["y"]}], "nodeName": "n"}}
    changes = compare(before, after, POD)
    leaf = {'k:{"name":"a"}': {"f:image": {}, "f:args": {}}}
    assert changes == ({}, {"f:spec": {"f:containers": leaf}}, {})


def test_what_is_removed_goes_with_all_below() -> None:
    changes = compare({"labels": {"a": "b"}, "finalizers": ["x", "y"]}, {"finalizers": ["y"]}, META)
    assert changes.removed == {"f:labels": {".": {}, "f:a": {}}, "f:finalizers": {'v:"x"': {}}}
    assert not changes.touched


def test_items_are_found_by_key_not_by_place() -> None:
    a, b = {"name": "a"}, {"name": "b"}
    assert not any(compare({"spec": {"containers": [a, b]}}, {"spec": {"containers": [b, a]}}, POD))


def test_a_key_that_is_left_out_is_its_default() -> None:
    before = {"spec": {"containers": [{"name": "a", "ports": [{"containerPort": 1}]}]}}
    after = {"spec": {"containers": [{"name": "a", "ports": [{"containerPort": 1, "protocol": "TCP"}]}]}}
    added = compare(before, after, POD).added["f:spec"]["f:containers"]['k:{"name":"a"}']
    assert added == {"f:ports": {'k:{"containerPort":1,"protocol":"TCP"}': {"f:protocol": {}}}}


def test_empty_things_are_leaves() -> None:
    assert all_fields({"securityContext": {}}, POD.child("spec")) == {".": {}, "f:securityContext": {}}
