"""The OpenAPI v2 document in protobuf, read back by a reader that knows nothing of its tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from wherry.apiserver import openapi_protobuf


def fields(data: bytes) -> Iterator[tuple[int, Any]]:
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        key = varint()
        if key & 7 == 0:
            yield key >> 3, varint()
        elif key & 7 == 1:
            yield key >> 3, data[at : at + 8]
            at += 8
        else:
            length = varint()
            yield key >> 3, data[at : at + length]
            at += length


def tree(data: bytes) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    for number, value in fields(data):
        found.setdefault(number, []).append(value)
    return found


def test_document_has_its_parts_in_gnostics_fields() -> None:
    frame = {
        "swagger": "2.0",
        "info": {"title": "Kubernetes", "version": "v1"},
        "security": [{"BearerToken": []}],
        "securityDefinitions": {"BearerToken": {"type": "apiKey", "name": "authorization", "in": "header"}},
    }
    document = tree(openapi_protobuf.document(frame, [("/a", {})], [("A", {"type": "object"})]))
    assert document[1] == [b"2.0"]
    assert tree(document[2][0]) == {1: [b"Kubernetes"], 2: [b"v1"]}
    path = tree(tree(document[8][0])[2][0])
    assert path == {1: [b"/a"], 2: [b""]}
    definition = tree(tree(document[9][0])[1][0])
    assert definition[1] == [b"A"]
    assert tree(tree(definition[2][0])[22][0]) == {1: [b"object"]}
    security = tree(tree(document[13][0])[1][0])
    assert tree(tree(security[2][0])[2][0]) == {1: [b"apiKey"], 2: [b"authorization"], 3: [b"header"]}


def test_schema() -> None:
    schema = tree(
        openapi_protobuf.SCHEMA(
            {
                "description": "text",
                "type": "object",
                "required": ["a", "b"],
                "properties": {"a": {"$ref": "#/definitions/A"}, "b": {"type": "array", "items": {}}},
                "additionalProperties": {"type": "string"},
                "maximum": 1.5,
                "enum": ["x", ""],
                "x-kubernetes-group-version-kind": [{"group": "", "kind": "A", "version": "v1"}],
                "unknown": 1,
            }
        )
    )
    assert sorted(schema) == [4, 7, 19, 20, 21, 22, 25, 31]
    assert schema[19] == [b"a", b"b"]
    properties = [tree(entry) for entry in tree(schema[25][0])[1]]
    assert [entry[1] for entry in properties] == [[b"a"], [b"b"]]
    assert tree(properties[0][2][0]) == {1: [b"#/definitions/A"]}
    assert [yaml.safe_load(tree(value)[2][0]) for value in schema[20]] == ["x", ""]
    extension = tree(schema[31][0])
    assert extension[1] == [b"x-kubernetes-group-version-kind"]
    assert tree(extension[2][0])[2] == [b'- group: ""\n  kind: A\n  version: v1\n']


def test_parameters_lie_in_their_layers() -> None:
    item = {
        "patch": {
            "operationId": "patchA",
            "parameters": [
                {"name": "body", "in": "body", "required": True, "schema": {"$ref": "#/definitions/P"}},
                {"name": "dryRun", "in": "query", "type": "string", "uniqueItems": True},
            ],
            "responses": {"200": {"description": "OK", "schema": {"type": "string"}}},
            "x-kubernetes-action": "patch",
        },
        "parameters": [{"name": "name", "in": "path", "type": "string", "required": True}],
    }
    made = tree(openapi_protobuf.PATH_ITEM(item))
    operation = tree(made[8][0])
    body = tree(tree(tree(operation[8][0])[1][0])[1][0])
    assert (body[2], body[3], body[4]) == ([b"body"], [b"body"], [1])
    query = tree(tree(tree(tree(operation[8][1])[1][0])[2][0])[3][0])
    assert (query[2], query[4], query[6], query[20]) == ([b"query"], [b"dryRun"], [b"string"], [1])
    path = tree(tree(tree(tree(made[9][0])[1][0])[2][0])[4][0])
    assert (path[1], path[4]) == ([1], [b"name"])
    response = tree(tree(operation[9][0])[1][0])
    assert response[1] == [b"200"]
    assert tree(tree(response[2][0])[1][0])[1] == [b"OK"]
    assert tree(operation[13][0])[1] == [b"x-kubernetes-action"]


TEXT = st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"])) | st.sampled_from(["🎈", "é"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_extensions_are_yaml_of_the_same_value(value: Any) -> None:
    assert yaml.safe_load(tree(openapi_protobuf.any_value(value))[2][0]) == value


@pytest.mark.parametrize(
    "word", ["true", "No", "null", "~", "1", "1e3", "a: b", "- a", "#", "a #b", " a", "'", "*"]
)
def test_words_that_mean_something_in_yaml_are_quoted(word: str) -> None:
    assert yaml.safe_load(tree(openapi_protobuf.any_value(word))[2][0]) == word
