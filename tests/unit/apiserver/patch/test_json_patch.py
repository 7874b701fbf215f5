"""RFC 6902 by its own examples, and what must hold of any patch."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.apiserver.patch import json_patch
from wherry.apiserver.patch.json_patch import PatchError, PatchFormatError, PatchTooLarge


def op(kind: str, path: str, **rest: Any) -> dict[str, Any]:
    return {"op": kind, "path": path, **rest}


@pytest.mark.parametrize(
    ("document", "operation", "result"),
    [
        ({"foo": "bar"}, op("add", "/baz", value="qux"), {"foo": "bar", "baz": "qux"}),
        ({"foo": ["bar", "baz"]}, op("add", "/foo/1", value="qux"), {"foo": ["bar", "qux", "baz"]}),
        ({"foo": ["bar"]}, op("add", "/foo/-", value=["abc"]), {"foo": ["bar", ["abc"]]}),
        ({"baz": "qux", "foo": "bar"}, op("remove", "/baz"), {"foo": "bar"}),
        ({"foo": ["bar", "qux", "baz"]}, op("remove", "/foo/1"), {"foo": ["bar", "baz"]}),
        ({"baz": "qux"}, op("replace", "/baz", value="boo"), {"baz": "boo"}),
        ({"baz": "qux"}, op("replace", "/new", value="boo"), {"baz": "qux", "new": "boo"}),
        ({"a": [1, 2]}, op("replace", "/a/0", value=3), {"a": [3, 2]}),
        ({"a": {"b": 1}, "c": {}}, op("move", "/c/d", **{"from": "/a/b"}), {"a": {}, "c": {"d": 1}}),
        (
            {"foo": ["all", "grass", "cows"]},
            op("move", "/foo/2", **{"from": "/foo/0"}),
            {"foo": ["grass", "cows", "all"]},
        ),
        ({"a": {"b": [1]}}, op("copy", "/c", **{"from": "/a/b"}), {"a": {"b": [1]}, "c": [1]}),
        ({"/": 9, "~1": 10}, op("test", "/~01", value=10), {"/": 9, "~1": 10}),
        ({"a/b": 1}, op("remove", "/a~1b"), {}),
        ({"foo": None}, op("test", "/foo", value=None), {"foo": None}),
        ({}, op("test", "/gone", value=None), {}),
        ({"foo": 1}, op("add", "", value={"bar": 2}), {"bar": 2}),
    ],
)
def test_examples(document: Any, operation: dict[str, Any], result: Any) -> None:
    before = copy.deepcopy(document)
    assert json_patch.apply(document, [operation]) == result
    assert document == before


@pytest.mark.parametrize(
    "operation",
    [
        op("remove", "/gone"),
        op("add", "/gone/b", value=1),
        op("add", "/list/9", value=1),
        op("add", "/list/x", value=1),
        op("add", "/list/01", value=1),
        op("replace", "/list/9", value=1),
        op("test", "/a", value="1"),
        op("test", "/a", value=True),
        op("move", "/x", **{"from": "/gone"}),
        op("move", "/map/inner/x", **{"from": "/map/inner"}),
        op("nonsense", "/a"),
        op("add", "a", value=1),
        {"op": "add", "path": "/a"},
        {"op": "add", "value": 1},
        {"op": 5},
    ],
)
def test_refused(operation: dict[str, Any]) -> None:
    with pytest.raises(PatchError):
        json_patch.apply({"a": 1, "list": [1], "map": {"inner": {}}}, [operation])


def test_a_failing_patch_changes_nothing() -> None:
    document = {"a": 1}
    with pytest.raises(PatchError):
        json_patch.apply(document, [op("add", "/b", value=2), op("remove", "/gone")])
    assert document == {"a": 1}


def test_limits() -> None:
    with pytest.raises(PatchFormatError, match="10000"):
        json_patch.check([op("test", "/a", value=1)] * 10_001)
    double = op("copy", "/a/-", **{"from": "/a"})
    with pytest.raises(PatchTooLarge, match="accumulated size"):
        json_patch.apply({"a": ["x" * 1000]}, [double] * 40)


@pytest.mark.parametrize(("patch", "kind"), [({}, "object"), ("x", "string"), ([[]], "array")])
def test_what_is_no_patch(patch: Any, kind: str) -> None:
    with pytest.raises(PatchFormatError, match=f"cannot unmarshal {kind}"):
        json_patch.check(patch)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def pointers(value: Any, path: str = "") -> list[str]:
    found = [path]
    if isinstance(value, dict):
        for key, child in value.items():
            found += pointers(child, f"{path}/{key.replace('~', '~0').replace('/', '~1')}")
    if isinstance(value, list):
        for number, child in enumerate(value):
            found += pointers(child, f"{path}/{number}")
    return found


@given(st.dictionaries(st.text(max_size=3), JSON, max_size=4), JSON, st.data())
def test_replacing_makes_the_test_hold(document: Any, value: Any, data: st.DataObject) -> None:
    where = data.draw(st.sampled_from(pointers(document)))
    done = json_patch.apply(document, [op("replace", where, value=value), op("test", where, value=value)])
    assert done is not document


@given(st.dictionaries(st.text(max_size=3), JSON, min_size=1, max_size=4), st.data())
def test_removing_and_adding_again_changes_nothing(document: Any, data: st.DataObject) -> None:
    where = data.draw(st.sampled_from(pointers(document)[1:]))
    moved = json_patch.apply({"d": document}, [op("copy", "/e", **{"from": f"/d{where}"})])
    steps = [op("remove", f"/d{where}"), op("add", f"/d{where}", value=moved["e"])]
    assert json_patch.apply({"d": document}, steps) == {"d": document}
