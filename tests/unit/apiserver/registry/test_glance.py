from __future__ import annotations

from wherry.apiserver.registry import glance

POD = b'{"kind":"Pod","metadata":{"name":"a","labels":{"x":"y"}},"spec":{"nodeName":"n","containers":[]}}'


def test_labels() -> None:
    assert glance.labels(POD) == {"x": "y"}
    assert glance.labels(b'{"metadata":{}}') == {}
    assert glance.labels(b'{"metadata":{"labels":null}}') == {}


def test_text_at_a_path() -> None:
    assert glance.text_at("spec.nodeName")(POD) == "n"
    assert glance.text_at("spec.hostname")(POD) == ""
    assert glance.text_at("status.phase")(POD) == ""
    assert glance.text_at("kind")(POD) == "Pod"
