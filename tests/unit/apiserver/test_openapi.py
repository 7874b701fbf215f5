"""OpenAPI documents: what kubectl reads from them."""

from __future__ import annotations

import gzip
import json
import re
from typing import Any

import pytest

from wherry.api.scheme import builtin
from wherry.apiserver.openapi import OpenApi
from wherry.http.messages import Request, Response

OPENAPI = OpenApi(builtin(), "v1.37.0")


def ask(path: str, query: str = "", **headers: str) -> Response:
    return OPENAPI.answer(path, Request("GET", "/openapi/" + path, query, headers))


def document(name: str) -> Any:
    return json.loads(ask(f"v3/{name}").body)


def test_index_names_a_document_per_group_version() -> None:
    paths = json.loads(ask("v3").body)["paths"]
    assert {"api", "api/v1", "apis", "apis/apps", "apis/apps/v1"} <= paths.keys()
    assert re.fullmatch(
        r"/openapi/v3/apis/apps/v1\?hash=[0-9A-F]{128}", paths["apis/apps/v1"]["serverRelativeURL"]
    )


def test_patch_takes_dry_run_and_field_validation() -> None:
    patch = document("apis/apps/v1")["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"][
        "patch"
    ]
    assert {"dryRun", "fieldValidation", "fieldManager", "force"} == {p["name"] for p in patch["parameters"]}
    assert patch["x-kubernetes-group-version-kind"] == {
        "group": "apps",
        "kind": "Deployment",
        "version": "v1",
    }
    assert "application/apply-patch+yaml" in patch["requestBody"]["content"]


def test_schemas_are_complete() -> None:
    for name in ("api/v1", "apis/apps/v1", "apis/batch/v1"):
        made = document(name)
        schemas = made["components"]["schemas"]
        for target in re.findall(r'"\$ref": ?"#/components/schemas/([^"]+)"', json.dumps(made)):
            assert target in schemas, target


def test_pod_spec_has_types_and_texts() -> None:
    schemas = document("api/v1")["components"]["schemas"]
    spec = schemas["io.k8s.api.core.v1.PodSpec"]
    assert spec["required"] == ["containers"]
    assert spec["properties"]["nodeName"]["type"] == "string"
    assert spec["properties"]["nodeName"]["description"].startswith("NodeName")
    assert schemas["io.k8s.apimachinery.pkg.util.intstr.IntOrString"]["format"] == "int-or-string"
    assert schemas["io.k8s.api.core.v1.Pod"]["x-kubernetes-group-version-kind"][0]["kind"] == "Pod"


def test_hash_etag_and_gzip() -> None:
    url = json.loads(ask("v3").body)["paths"]["apis/batch/v1"]["serverRelativeURL"]
    digest = url.partition("hash=")[2]
    response = ask("v3/apis/batch/v1", f"hash={digest}", **{"accept-encoding": "gzip"})
    headers = dict(response.headers)
    assert "immutable" in headers["Cache-Control"]
    assert json.loads(gzip.decompress(response.body))["openapi"] == "3.0.0"
    assert ask("v3/apis/batch/v1", **{"if-none-match": headers["ETag"]}).status == 304
    assert ask("v3/apis/nope/v1").status == 404


def test_version_two() -> None:
    swagger = json.loads(ask("v2").body)
    assert swagger["swagger"] == "2.0"
    assert swagger["security"] == [{"BearerToken": []}]
    strategy = swagger["definitions"]["io.k8s.api.apps.v1.DeploymentSpec"]["properties"]["strategy"]
    assert strategy["$ref"] == "#/definitions/io.k8s.api.apps.v1.DeploymentStrategy"
    item = swagger["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]
    assert item["get"]["produces"] == ["application/json", "application/yaml"]
    assert [p["name"] for p in item["parameters"]] == ["name", "namespace", "pretty"]
    names = [p["name"] for p in item["patch"]["parameters"]]
    assert names == ["body", "dryRun", "fieldManager", "fieldValidation", "force"]
    for target in re.findall(r'"#/definitions/([^"]+)"', json.dumps(swagger)):
        assert target in swagger["definitions"], target


def test_version_two_comes_without_defaults_and_one_word_enums() -> None:
    definitions = json.loads(ask("v2").body)["definitions"]
    assert "default" not in definitions["io.k8s.api.core.v1.ContainerPort"]["properties"]["protocol"]
    assert "enum" not in definitions["io.k8s.api.core.v1.Pod"]["properties"]["kind"]


@pytest.mark.parametrize(
    "accept",
    [
        "application/com.github.proto-openapi.spec.v2@v1.0+protobuf",
        "application/com.github.proto-openapi.spec.v2.v1.0+protobuf",
        "text/plain, application/com.github.proto-openapi.spec.v2.v1.0+protobuf;q=0.5",
    ],
)
def test_version_two_in_protobuf(accept: str) -> None:
    response = ask("v2", accept=accept)
    assert response.content_type == "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
    etag = dict(response.headers)["ETag"]
    assert ask("v2", **{"accept": accept, "if-none-match": etag}).status == 304
    packed = ask("v2", **{"accept": accept, "accept-encoding": "gzip"})
    assert gzip.decompress(packed.body) == response.body


def test_version_two_is_not_to_be_had_as_text() -> None:
    assert ask("v2", accept="text/plain").status == 406
