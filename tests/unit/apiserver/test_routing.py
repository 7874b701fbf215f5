"""RequestInfo as upstream's factory makes it (cases from its own table, and more)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.apiserver.attributes import RequestInfo
from wherry.apiserver.routing import BadPath, parse

# request -> verb, group/version, namespace, resource/subresource, name
CASES = [
    ("GET /api/v1/namespaces", "list v1 - namespaces -"),
    ("GET /api/v1/namespaces/other", "get v1 other namespaces other"),
    ("GET /api/v1/namespaces/other/pods", "list v1 other pods -"),
    ("GET /api/v1/namespaces/other/pods/foo", "get v1 other pods foo"),
    ("HEAD /api/v1/namespaces/other/pods/foo", "get v1 other pods foo"),
    ("GET /api/v1/pods", "list v1 - pods -"),
    ("GET /api/v1/pods?watch=true", "watch v1 - pods -"),
    ("GET /api/v1/pods?watch=false", "list v1 - pods -"),
    ("GET /api/v1/pods?watch=0", "list v1 - pods -"),
    ("GET /api/v1/pods?watch=", "watch v1 - pods -"),
    ("GET /api/v1/pods?watch", "watch v1 - pods -"),
    ("GET /api/v1/pods?watch=false&watch=true", "list v1 - pods -"),
    ("GET /api/v1/watch/pods", "watch v1 - pods -"),
    ("GET /api/v1/watch/namespaces/other/pods", "watch v1 other pods -"),
    ("GET /api/v1/watch/namespaces/other/pods/x", "watch v1 other pods x"),
    ("GET /api/v1/namespaces/other/pods/foo/log", "get v1 other pods/log foo"),
    ("POST /api/v1/namespaces/o/pods/foo/exec?command=ls", "create v1 o pods/exec foo"),
    ("PUT /api/v1/namespaces/other/finalize", "update v1 other namespaces/finalize other"),
    ("PATCH /api/v1/namespaces/other/status", "patch v1 other namespaces/status other"),
    ("DELETE /api/v1/namespaces/other/pods", "deletecollection v1 other pods -"),
    ("DELETE /api/v1/namespaces/other/pods/foo", "delete v1 other pods foo"),
    ("POST /api/v1/namespaces/other/pods", "create v1 other pods -"),
    ("GET /apis/apps/v1/deployments", "list apps/v1 - deployments -"),
    ("GET /apis/apps/v1/namespaces/n/deployments/d/scale", "get apps/v1 n deployments/scale d"),
    ("GET /api/v1/nodes/n/proxy/a/b", "get v1 - nodes/proxy n"),
    ("GET /api/v1/proxy/namespaces/o/pods/foo", "proxy v1 o pods foo"),
    ("GET /api/v1/pods?fieldSelector=metadata.name%3Dfoo", "list v1 - pods foo"),
    ("GET /api/v1/pods?fieldSelector=metadata.name==foo&watch=1", "watch v1 - pods foo"),
    ("GET /api/v1/pods?fieldSelector=metadata.name!=foo", "list v1 - pods -"),
    ("GET /api/v1/pods?fieldSelector=a=b,metadata.name=foo", "list v1 - pods foo"),
    ("GET /api/v1/pods?fieldSelector=metadata.name=..", "list v1 - pods -"),
    (
        "GET /apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode",
        "get rbac.authorization.k8s.io/v1 - clusterroles system:node",
    ),
    ("TRACE /api/v1/pods", "- v1 - pods -"),
]


@pytest.mark.parametrize(("request_line", "expected"), CASES)
def test_resources(request_line: str, expected: str) -> None:
    method, _, target = request_line.partition(" ")
    path, _, query = target.partition("?")
    info = parse(method, path, query)
    assert info.is_resource
    version = f"{info.group}/{info.version}" if info.group else info.version
    resource = f"{info.resource}/{info.subresource}" if info.subresource else info.resource
    found = (info.verb, version, info.namespace, resource, info.name)
    assert " ".join(part or "-" for part in found) == expected


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/api",
        "/api/v1",
        "/apis",
        "/apis/apps",
        "/apis/apps/v1",
        "/healthz",
        "/version/",
        "/foo/bar/baz",
        "",
    ],
)
def test_everything_else(path: str) -> None:
    assert parse("GET", path) == RequestInfo("get", path)


@pytest.mark.parametrize("path", ["/api/v1/watch", "/apis/apps/v1/watch", "/api/v1/proxy"])
def test_special_verb_without_a_resource(path: str) -> None:
    with pytest.raises(BadPath):
        parse("GET", path)


NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True).filter(
    lambda text: text not in ("watch", "proxy", "namespaces", "status", "finalize")
)


@given(NAMES, NAMES, NAMES, st.sampled_from(["", "status2", "scale"]), st.booleans())
def test_a_path_made_of_parts_gives_the_parts(
    ns: str, resource: str, name: str, sub: str, grouped: bool
) -> None:
    root = "/apis/g.example/v1" if grouped else "/api/v1"
    path = f"{root}/namespaces/{ns}/{resource}/{name}" + (f"/{sub}" if sub else "")
    info = parse("GET", path)
    assert (info.namespace, info.resource, info.name, info.subresource) == (ns, resource, name, sub)
    assert info.group == ("g.example" if grouped else "")


@given(st.sampled_from(["GET", "POST", "DELETE", "X"]), st.text(max_size=60), st.text(max_size=60))
def test_any_text_is_routed_or_refused(method: str, path: str, query: str) -> None:
    try:
        info = parse(method, "/" + path, query)
    except BadPath:
        return
    assert info.is_resource == bool(info.version)


def test_long_paths_are_not_kept() -> None:
    from wherry.apiserver import routing

    before = routing._parse_cached.cache_info().currsize
    parse("GET", "/api/v1/pods/" + "x" * 1000)
    assert routing._parse_cached.cache_info().currsize == before
