"""Server-side apply: who owns what after it, and what becomes of the object."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.apiserver.patch import fieldsets
from wherry.apiserver.patch.apply import Applied, Conflicts, Manager, apply
from wherry.apiserver.patch.types import typed

CONFIG_MAP = typed("io.k8s.api.core.v1.ConfigMap")
POD = typed("io.k8s.api.core.v1.Pod")


def data(**values: str) -> dict[str, Any]:
    return {"data": values} if values else {}


def owned(applied: Applied) -> dict[str, list[str]]:
    return {m.key: [p[-1][2:] for p in fieldsets.leaves(m.fields)] for m in applied.managers}


def test_a_configuration_is_owned() -> None:
    done = apply({}, data(a="1"), CONFIG_MAP, [], "me")
    assert done.value == data(a="1")
    assert owned(done) == {"me": ["a"]}


def test_what_is_no_longer_applied_goes() -> None:
    first = apply({}, data(a="1", b="2"), CONFIG_MAP, [], "me")
    done = apply(first.value, data(a="1"), CONFIG_MAP, first.managers, "me")
    assert done.value == data(a="1")


def test_the_last_field_takes_its_stanza_along() -> None:
    first = apply({}, data(a="1"), CONFIG_MAP, [], "me")
    assert apply(first.value, {}, CONFIG_MAP, first.managers, "me").value == {}


def test_shared_values_are_no_conflict_and_stay_when_one_leaves() -> None:
    first = apply({}, data(a="1"), CONFIG_MAP, [], "me")
    both = apply(first.value, data(a="1"), CONFIG_MAP, first.managers, "you")
    assert owned(both) == {"me": ["a"], "you": ["a"]}
    done = apply(both.value, {}, CONFIG_MAP, both.managers, "you")
    assert done.value == data(a="1")
    assert owned(done) == {"me": ["a"]}


def test_another_value_is_a_conflict_unless_forced() -> None:
    first = apply({}, data(a="1", b="1"), CONFIG_MAP, [], "me")
    with pytest.raises(Conflicts) as caught:
        apply(first.value, data(a="2"), CONFIG_MAP, first.managers, "you")
    assert [(c.key, fieldsets.show(c.path)) for c in caught.value.found] == [("me", ".data.a")]
    done = apply(first.value, data(a="2"), CONFIG_MAP, first.managers, "you", force=True)
    assert done.value == data(a="2", b="1")
    assert owned(done) == {"me": ["b"], "you": ["a"]}


def test_what_an_updater_set_is_not_taken_away() -> None:
    updater = Manager("updater", {"f:data": {".": {}, "f:a": {}}})
    mine = Manager("me", {"f:data": {"f:b": {}}})
    done = apply(data(a="1", b="2"), {}, CONFIG_MAP, [updater, mine], "me")
    assert done.value == data(a="1")
    assert owned(done) == {"updater": ["a"]}


def test_items_of_lists() -> None:
    live = {"spec": {"containers": [{"name": "a", "image": "1"}, {"name": "b", "image": "1"}]}}
    mine = Manager(
        "me", {"f:spec": {"f:containers": {'k:{"name":"b"}': {".": {}, "f:name": {}, "f:image": {}}}}}
    )
    config = {"spec": {"containers": [{"name": "c", "image": "1"}]}}
    done = apply(live, config, POD, [mine], "me")
    assert [c["name"] for c in done.value["spec"]["containers"]] == ["a", "c"]


KEYS = "abc"
CONFIGS = st.dictionaries(st.sampled_from(KEYS), st.sampled_from("12"), max_size=3)
STEPS = st.lists(st.tuples(st.sampled_from(["me", "you", "them"]), CONFIGS), min_size=1, max_size=6)


@given(STEPS)
def test_ownership_over_any_course_of_forced_applies(steps: list[tuple[str, dict[str, str]]]) -> None:
    value: dict[str, Any] = {}
    managers: list[Manager] = []
    latest: dict[str, dict[str, str]] = {}
    for who, config in steps:
        done = apply(value, data(**config), CONFIG_MAP, managers, who, force=True)
        value, managers, latest[who] = done.value, done.managers, config
        found = owned(done)
        present = value.get("data", {})
        # The configuration holds, and its manager owns just it.
        assert all(present[k] == v for k, v in config.items())
        assert sorted(found.get(who, [])) == sorted(config)
        # Everything there is owned, and owners only own what they last applied, as they applied it.
        assert {k for keys in found.values() for k in keys} == set(present)
        for manager, keys in found.items():
            assert all(latest[manager].get(k) == present[k] for k in keys)


@given(STEPS)
def test_applying_again_changes_nothing(steps: list[tuple[str, dict[str, str]]]) -> None:
    value: dict[str, Any] = {}
    managers: list[Manager] = []
    for who, config in steps:
        done = apply(value, data(**config), CONFIG_MAP, managers, who, force=True)
        again = apply(done.value, data(**config), CONFIG_MAP, done.managers, who)
        assert again.value == done.value
        assert owned(again) == owned(done)
        value, managers = done.value, done.managers
