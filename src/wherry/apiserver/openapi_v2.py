"""The same API in version 2's words ("swagger"), in pieces so that it is never whole in memory. Pure.

kubectl reads it for what is not served by a group version: the fields of a `v1` List on the client's
side. Older clients and Helm plugins read nothing else. Bodies are parameters here, media types belong
to an operation, and defaults are left out, as upstream leaves them out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

from wherry.api.scheme import Resource
from wherry.apiserver import openapi_paths, openapi_schemas

Value: TypeAlias = Any
"""A part of the document as JSON values."""

_METHODS = ("get", "put", "post", "delete", "options", "head", "patch")
_KEPT = ("description", "operationId", "tags", "x-kubernetes-action", "x-kubernetes-group-version-kind")


def frame(version: str, security: Value) -> dict[str, Value]:
    """The document without its paths and definitions."""
    return {
        "swagger": "2.0",
        "info": {"title": "Kubernetes", "version": version},
        "securityDefinitions": security,
        "security": [{name: []} for name in security],
    }


def path_items(resources: list[Resource]) -> Iterator[tuple[str, Value]]:
    """Every URL pattern and what can be done there."""
    for resource in resources:
        for path, item in openapi_paths.paths(resource).items():
            operations = {method: _operation(item[method]) for method in _METHODS if method in item}
            yield path, operations | {"parameters": [_parameter(entry) for entry in item["parameters"]]}


def definitions(names: list[str]) -> Iterator[tuple[str, Value]]:
    """The definitions named and all they refer to."""
    for name in openapi_schemas.closure(names):
        yield name, openapi_schemas.component(name, "v2")


def _operation(operation: Value) -> Value:
    body = operation.get("requestBody", {})
    answers = operation["responses"]
    parameters = [_parameter(entry) for entry in operation.get("parameters", ())]
    if body:
        parameters.insert(0, _body(body))
    made = {key: operation[key] for key in _KEPT}
    made |= {
        "consumes": list(body.get("content", ("*/*",))),
        "produces": list(answers["200"]["content"]),
        "schemes": ["https"],
        "responses": {code: _response(answer) for code, answer in answers.items()},
    }
    return made | {"parameters": parameters} if parameters else made


def _body(body: Value) -> Value:
    schema = next(iter(body["content"].values()))["schema"]
    made = {"name": "body", "in": "body", "schema": _turned(schema)}
    return made | {"required": True} if body.get("required") else made


def _response(answer: Value) -> Value:
    made = {"description": answer["description"]}
    if "content" in answer:
        made["schema"] = _turned(next(iter(answer["content"].values()))["schema"])
    return made


def _parameter(parameter: Value) -> Value:
    made = dict(parameter)
    return made | made.pop("schema")


def _turned(schema: Value) -> Value:
    """A reference or a plain type; components are elsewhere here."""
    if "$ref" in schema:
        return openapi_schemas.reference(schema["$ref"].rsplit("/", 1)[-1], "v2")
    return schema
