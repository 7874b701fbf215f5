"""Discovery documents: both forms, caching, negotiation."""

from __future__ import annotations

import json
from typing import Any

import pytest

from wherry.api.errors import ApiError
from wherry.api.scheme import Resource, Scheme, builtin
from wherry.apiserver.discovery import Discovery
from wherry.http.messages import Request, Response

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"


def ask(
    path: str, accept: str = "application/json", discovery: Discovery | None = None, **headers: str
) -> Response:
    found = (discovery or Discovery(builtin(), "192.0.2.1:6443")).answer(
        path, Request("GET", path, headers={"accept": accept, **headers})
    )
    assert found is not None
    return found


def loaded(path: str, accept: str = "application/json") -> Any:
    return json.loads(ask(path, accept).body)


def test_groups() -> None:
    assert loaded("/api") == {
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": "192.0.2.1:6443"}],
    }
    groups = {group["name"]: group for group in loaded("/apis")["groups"]}
    assert groups["autoscaling"]["preferredVersion"]["version"] == "v2"
    assert "" not in groups
    apps = loaded("/apis/apps")
    assert (apps["kind"], apps["apiVersion"], apps["name"]) == ("APIGroup", "v1", "apps")


def test_resource_lists() -> None:
    core = {entry["name"]: entry for entry in loaded("/api/v1")["resources"]}
    assert core["pods"]["shortNames"] == ["po"]
    assert core["pods"]["storageVersionHash"] == "xPOwRZ+Yhw8="
    assert core["pods/log"]["kind"] == "Pod"
    assert core["serviceaccounts/token"]["group"] == "authentication.k8s.io"
    apps = loaded("/apis/apps/v1")
    assert apps["groupVersion"] == "apps/v1"
    assert apps["apiVersion"] == "v1"


def test_aggregated() -> None:
    response = ask("/apis", AGGREGATED)
    assert response.content_type == "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    document = json.loads(response.body)
    assert document["apiVersion"] == "apidiscovery.k8s.io/v2"
    apps = next(item for item in document["items"] if item["metadata"]["name"] == "apps")
    deployments = next(r for r in apps["versions"][0]["resources"] if r["resource"] == "deployments")
    assert deployments["responseKind"] == {"group": "", "version": "", "kind": "Deployment"}
    assert {sub["subresource"] for sub in deployments["subresources"]} == {"scale", "status"}
    assert json.loads(ask("/api", AGGREGATED).body)["items"][0]["metadata"] == {}


def test_etag() -> None:
    discovery = Discovery(builtin())
    first = ask("/apis", AGGREGATED, discovery)
    etag = dict(first.headers)["ETag"]
    again = ask("/apis", AGGREGATED, discovery, **{"if-none-match": etag})
    assert (again.status, again.body) == (304, b"")


def test_plain_json_asked_for_first_wins() -> None:
    assert loaded("/apis", "application/json," + AGGREGATED)["kind"] == "APIGroupList"


def test_yaml_and_refusals() -> None:
    assert ask("/api", "application/yaml").body.startswith(b"kind: APIVersions")
    with pytest.raises(ApiError) as refused:
        ask("/api", "text/html")
    assert refused.value.reason == "NotAcceptable"
    assert Discovery(builtin()).answer("/apis/nope", Request("GET", "/apis/nope")) is None


def test_a_changed_scheme_shows_after_invalidate() -> None:
    scheme = Scheme(builtin().all())
    discovery = Discovery(scheme)
    ask("/apis", discovery=discovery)
    scheme.add(Resource("x.example", "v1", "things", "Thing", True, "thing", ("get", "list")))
    discovery.invalidate()
    assert json.loads(ask("/apis/x.example/v1", discovery=discovery).body)["resources"][0]["kind"] == "Thing"
