from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.apiserver.patch import typedvalue
from wherry.apiserver.patch.typedvalue import TypedError, field_set, merge, remove
from wherry.apiserver.patch.types import typed

SPEC = typed("io.k8s.api.core.v1.PodSpec")
META = typed("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta")


def test_the_fields_of_a_configuration() -> None:
    assert field_set({"labels": {"a": "b"}, "finalizers": ["x"]}, META) == {
        "f:labels": {"f:a": {}},
        "f:finalizers": {'v:"x"': {}},
    }
    assert field_set({"containers": [{"name": "a", "image": "b"}], "tolerations": [{}]}, SPEC) == {
        "f:containers": {'k:{"name":"a"}': {".": {}, "f:name": {}, "f:image": {}}},
        "f:tolerations": {},
    }


def test_empty_lists_of_items_set_nothing_and_empty_maps_do() -> None:
    assert field_set({"finalizers": [], "labels": {}}, META) == {"f:labels": {}}


@pytest.mark.parametrize(
    ("items", "why"),
    [
        ([{"image": "x"}], "omits key field"),
        ([{"name": "a"}, {"name": "a"}], "duplicate entries"),
        ([5], "non-map elements"),
    ],
)
def test_lists_that_make_no_sense(items: Any, why: str) -> None:
    with pytest.raises(TypedError, match=why):
        field_set({"containers": items}, SPEC)


def test_merging_keeps_what_the_configuration_does_not_say() -> None:
    live = {"containers": [{"name": "a", "image": "1", "tty": True}], "nodeName": "n"}
    config = {"containers": [{"name": "a", "image": "2"}]}
    merged = merge(live, config, SPEC)
    assert merged == {"containers": [{"name": "a", "image": "2", "tty": True}], "nodeName": "n"}


@pytest.mark.parametrize(
    ("live", "config", "result"),
    [
        ("ab", "ba", "ba"),
        ("ab", "c", "abc"),
        ("abc", "cb", "acb"),
        ("abcd", "db", "acdb"),
        ("", "ab", "ab"),
        ("axb", "ab", "axb"),
    ],
)
def test_the_order_of_merged_items(live: str, config: str, result: str) -> None:
    merged = merge({"finalizers": list(live)}, {"finalizers": list(config)}, META)
    assert "".join(merged["finalizers"]) == result


NAMES = st.lists(st.sampled_from("abcdef"), unique=True, max_size=6)


@given(NAMES, NAMES)
def test_merged_lists_unite_and_keep_the_applied_order(live: list[str], config: list[str]) -> None:
    merged = merge({"finalizers": live}, {"finalizers": config}, META)["finalizers"]
    assert sorted(merged) == sorted({*live, *config})
    assert [n for n in merged if n in config] == config


def test_removing() -> None:
    value = {"containers": [{"name": "a", "image": "1"}, {"name": "b"}], "nodeName": "n"}
    fields = {"f:containers": {'k:{"name":"b"}': {}, 'k:{"name":"a"}': {"f:image": {}}}}
    assert remove(value, fields, SPEC) == {"containers": [{"name": "a"}], "nodeName": "n"}
    assert remove({"labels": {"a": "b"}}, {"f:labels": {"f:a": {}}}, META) == {"labels": None}


def test_named_fields_become_members() -> None:
    named = typedvalue.with_named_fields({"f:spec": {"f:nodeName": {}}}, typed("io.k8s.api.core.v1.Pod"))
    assert named == {"f:spec": {".": {}, "f:nodeName": {}}}
    labels = typedvalue.with_named_fields({"f:labels": {"f:a": {}}}, META)
    assert labels == {"f:labels": {".": {}, "f:a": {}}}
