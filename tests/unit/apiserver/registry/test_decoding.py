from __future__ import annotations

from typing import Any

import pytest

from wherry.api.errors import ApiError
from wherry.api.scheme import builtin
from wherry.apiserver.registry import decoding
from wherry.apiserver.registry.decoding import Wanted

MAP = Wanted("v1", "ConfigMap", "io.k8s.api.core.v1.ConfigMap")


def decode(
    body: bytes | str, media: str = "application/json", validation: Any = ""
) -> tuple[Any, tuple[str, ...]]:
    data = body.encode() if isinstance(body, str) else body
    return decoding.decode(data, media, MAP, builtin(), validation)


def refused(body: bytes | str, media: str = "application/json", validation: Any = "") -> str:
    with pytest.raises(ApiError) as caught:
        decode(body, media, validation)
    return caught.value.message


def test_kind_and_version_are_filled_in() -> None:
    obj, warnings = decode('{"data":{"a":"b"}}')
    assert obj == {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {}, "data": {"a": "b"}}
    assert warnings == ()


def test_yaml() -> None:
    assert decode("data:\n  a: b\n", "application/yaml")[0]["data"] == {"a": "b"}
    assert decode('{"data":{"a":"b"}}', "application/json; charset=utf-8")[0]["data"] == {"a": "b"}


def test_validation_directives() -> None:
    body = '{"data":{"a":"1","a":"2"},"nonsense":1}'
    assert decode(body, validation="Ignore") == (decode(body)[0], ())
    assert decode(body)[1] == ('duplicate field "data.a"', 'unknown field "nonsense"')
    assert refused(body, validation="Strict") == (
        'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: '
        'duplicate field "data.a", unknown field "nonsense"'
    )
    assert "nonsense" not in decode(body)[0]


def test_unusual_spellings_are_no_duplicates() -> None:
    assert decode('{ "data" : {"\\u0061":"\\/"} }') == decode('{"data":{"a":"/"}}')


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("", "unexpected end of JSON input (<empty>)"),
        ("hello", "invalid character 'h' looking for beginning of value (68656c6c6f)"),
        ('{"a":1', 'unexpected end of JSON input ({"a":1)'),
        ('{"a" 1}', "invalid character '1' after object key"),
        ('{"a":1 "b"}', "invalid character '\"' after object key:value pair"),
        ("{a:1}", "invalid character 'a' looking for beginning of object key string"),
        ("{} x", "invalid character 'x' after top-level value"),
        ('{"a":"\n"}', "in string literal"),
        ("[]", "cannot unmarshal array into Go value"),
        ('{"kind":5}', "cannot unmarshal number into Go struct field .kind of type string"),
        (
            '{"kind":"Secret","apiVersion":"v1"}',
            "converting (v1.Secret) to (core.ConfigMap): unknown conversion",
        ),
        ('{"kind":"Foo"}', 'no kind "Foo" is registered for version "v1"'),
        (
            '{"metadata":5}',
            "cannot unmarshal number into Go struct field ConfigMap.metadata of type v1.ObjectMeta",
        ),
        ('{"data":{"a":1e400}}', "ConfigMap"),
    ],
)
def test_refused(body: str, words: str) -> None:
    assert words in refused(body)


def test_other_forms_and_sizes() -> None:
    assert "unknown format" in refused("{}", "text/plain")
    assert refused(b" " * (decoding.MAX_BODY + 1)) == "Request entity too large: limit is 3145728"


def test_versions_of_the_same_kind() -> None:
    wanted = Wanted("autoscaling/v2", "HorizontalPodAutoscaler", None)
    with pytest.raises(ApiError, match="does not match the expected API version"):
        body = b'{"kind":"HorizontalPodAutoscaler","apiVersion":"autoscaling/v1"}'
        decoding.decode(body, "", wanted, builtin())
