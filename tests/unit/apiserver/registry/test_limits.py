from __future__ import annotations

from wherry.apiserver.registry.limits import FIELDS, limited


def test_only_the_named_fields_change() -> None:
    old = {
        "metadata": {"name": "n"},
        "spec": {"finalizers": ["kubernetes"], "x": 1},
        "status": {"phase": "A"},
    }
    new = {"metadata": {"name": "n", "labels": {}}, "spec": {"x": 2}, "status": {"phase": "B"}}
    found = limited(new, old, FIELDS["namespaces", "finalize"])
    assert found == {"metadata": new["metadata"], "spec": {"x": 1}, "status": {"phase": "A"}}
    assert old["spec"]["finalizers"] == ["kubernetes"]


def test_items_are_matched_by_name() -> None:
    old = {"metadata": {}, "spec": {"containers": [{"name": "a", "image": "1"}, {"name": "b", "image": "1"}]}}
    given = [{"name": "b", "image": "2", "resources": {"limits": {"cpu": "1"}}}, {"name": "c"}]
    found = limited({"metadata": {}, "spec": {"containers": given}}, old, FIELDS["pods", "resize"])
    assert found["spec"]["containers"] == [
        {"name": "a", "image": "1"},
        {"name": "b", "image": "1", "resources": {"limits": {"cpu": "1"}}},
    ]
