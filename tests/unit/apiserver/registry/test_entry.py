from __future__ import annotations

import json

from wherry.apiserver.registry import entry
from wherry.apiserver.registry.entry import Entry

HEAD = entry.head("v1", "Pod")


def made(name: str, revision: int) -> Entry:
    obj = {
        "spec": {"a": 1},
        "metadata": {"labels": {"x": "y"}, "name": name},
        "kind": "Pod",
        "apiVersion": "v1",
    }
    value = entry.stored_value(obj)
    assert value.startswith(HEAD)
    return Entry(f"ns/{name}", revision, entry.served_value(value, len(HEAD), revision))


def test_the_revision_is_spliced_in() -> None:
    found = made("a", 7)
    assert found.obj["metadata"] == {"resourceVersion": "7", "name": "a", "labels": {"x": "y"}}
    assert json.loads(found.data) == found.decode() == found.obj


def test_another_revision_of_the_same() -> None:
    later = made("a", 7).at(1234, len(HEAD))
    assert later.revision == 1234
    assert later.obj["metadata"]["resourceVersion"] == "1234"
    assert later.obj["spec"] == {"a": 1}


def test_the_stored_value_has_no_revision() -> None:
    assert b"resourceVersion" not in entry.stored_value(made("a", 7).decode())


def test_decode_gives_copies() -> None:
    found = made("a", 7)
    found.decode()["metadata"]["name"] = "changed"
    assert found.obj["metadata"]["name"] == "a"


def test_labels_and_fields() -> None:
    found = made("a", 7)
    assert found.labels == {"x": "y"}
    assert found.fields({"spec.a": lambda obj: str(obj["spec"]["a"])}) == {
        "metadata.name": "a",
        "metadata.namespace": "ns",
        "spec.a": "1",
    }


def test_forms_are_made_once() -> None:
    found, calls = made("a", 7), []
    for _ in range(2):
        assert found.form("f", lambda e: calls.append(e) or "made") == "made"
    assert len(calls) == 1
