from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.apiserver.registry import strict, wiretypes

POD = "io.k8s.api.core.v1.Pod"
CONFIG_MAP = "io.k8s.api.core.v1.ConfigMap"


def inspected(text: str, definition: str | None = POD) -> tuple[Any, strict.Findings]:
    return strict.inspect(strict.pairs(text), definition)


def test_nulls_become_what_go_makes_of_them() -> None:
    obj, found = inspected('{"metadata":{"labels":null,"finalizers":[null]},"data":{"a":null}}', CONFIG_MAP)
    assert obj == {"metadata": {"finalizers": [""]}, "data": {"a": ""}}
    assert not found.fields and not found.mismatch


def test_unknown_and_duplicate_fields_in_document_order() -> None:
    _, found = inspected(
        '{"x":1,"metadata":{"name":"a","name":"b","y":2},"spec":{"containers":[{"z":3,"env":[{"q":1}]}]}}'
    )
    assert found.fields == [
        'unknown field "x"',
        'duplicate field "metadata.name"',
        'unknown field "metadata.y"',
        'unknown field "spec.containers[0].z"',
        'unknown field "spec.containers[0].env[0].q"',
    ]


def test_the_last_duplicate_counts() -> None:
    obj, _ = inspected('{"data":{"a":"1","a":"2"}}', CONFIG_MAP)
    assert obj == {"data": {"a": "2"}}


def test_open_values_keep_nulls() -> None:
    text = '{"data":{"a":null,"b":[null],"c":1,"c":2}}'
    obj, found = inspected(text, "io.k8s.api.apps.v1.ControllerRevision")
    assert obj == {"data": {"a": None, "b": [None], "c": 2}}
    assert found.fields == ['duplicate field "data.c"']


def test_kinds_without_schema() -> None:
    obj, found = inspected('{"a":{"b":1,"b":2}}', None)
    assert obj == {"a": {"b": 2}}
    assert found.fields == ['duplicate field "a.b"']


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ('"x"', "cannot unmarshal string into Go struct field Pod.spec of type v1.PodSpec"),
        ('{"containers":"x"}', "string into Go struct field PodSpec.spec.containers of type []v1.Container"),
        (
            '{"containers":[{"name":5}]}',
            "number into Go struct field Container.spec.containers.name of type string",
        ),
        ('{"hostNetwork":"x"}', "string into Go struct field PodSpec.spec.hostNetwork of type bool"),
        ('{"priority":"x"}', "string into Go struct field PodSpec.spec.priority of type int32"),
        ('{"priority":1.5}', "number 1.5 into Go struct field PodSpec.spec.priority of type int32"),
        (
            '{"priority":4294967296}',
            "number 4294967296 into Go struct field PodSpec.spec.priority of type int32",
        ),
        (
            '{"nodeSelector":[]}',
            "array into Go struct field PodSpec.spec.nodeSelector of type map[string]string",
        ),
        ('{"nodeSelector":{"a":true}}', "bool into Go struct field PodSpec.spec.nodeSelector of type string"),
        ('{"overhead":{"cpu":"x"}}', "quantities must match the regular expression"),
    ],
)
def test_wrong_types_in_gos_words(spec: str, words: str) -> None:
    _, found = inspected('{"spec":' + spec + "}")
    assert words in found.mismatch


def test_times_and_bytes() -> None:
    _, found = inspected('{"metadata":{"creationTimestamp":"yesterday"}}')
    assert found.mismatch.startswith('parsing time "yesterday" as "2006-01-02T15:04:05Z07:00"')
    _, found = inspected('{"data":{"a":"***"}}', "io.k8s.api.core.v1.Secret")
    assert found.mismatch == "illegal base64 data at input byte 0"


VALUES = st.recursive(
    st.booleans() | st.integers(-9, 9) | st.sampled_from(["x", "1", "a/b"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                ["name", "metadata", "spec", "containers", "labels", "image", "ports", "nonsense"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["metadata", "spec", "status", "nonsense"]), VALUES, max_size=3))
def test_the_fast_check_and_the_slow_walk_agree(obj: dict[str, Any]) -> None:
    body = json.dumps(obj).encode()
    _, found = strict.inspect(strict.pairs(body), POD)
    try:
        wiretypes.checker(POD).decode(body)
        fine = True
    except ValueError:
        fine = False
    assert fine == (not found.fields and not found.mismatch)
