from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from wherry.client.cache import ObjectCache


def make(namespace: str, name: str, labels: list[str]) -> dict[str, Any]:
    return {"metadata": {"namespace": namespace, "name": name}, "labels": labels}


@given(
    st.lists(
        st.tuples(
            st.booleans(), st.sampled_from("xy"), st.sampled_from("abc"), st.lists(st.sampled_from("123"))
        )
    )
)
def test_indices_are_what_a_search_would_find(steps: list[tuple[bool, str, str, list[str]]]) -> None:
    cache = ObjectCache()
    cache.add_index("label", lambda obj: obj["labels"])
    held: dict[tuple[str, str], Any] = {}
    for put, namespace, name, labels in steps:
        obj = make(namespace, name, labels)
        if put:
            assert cache.put(obj) is held.get((namespace, name))
            held[namespace, name] = obj
        else:
            assert cache.remove(obj) is held.pop((namespace, name), None)
        for label in "123":
            found = cache.by_index("label", label)
            assert len(found) == sum(label in one["labels"] for one in held.values())
            assert all(one is held[one["metadata"]["namespace"], one["metadata"]["name"]] for one in found)
        assert len(cache.list()) == len(held) == len(cache.list("x")) + len(cache.list("y"))
        assert all(cache.get(name, space) is one for (space, name), one in held.items())


def test_an_index_added_late_knows_what_is_there() -> None:
    cache = ObjectCache()
    cache.put(make("x", "a", ["1"]))
    cache.add_index("label", lambda obj: obj["labels"])
    assert [one["metadata"]["name"] for one in cache.by_index("label", "1")] == ["a"]
