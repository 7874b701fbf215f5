"""Requests that are wrong, one row each; what upstream answers to each is in bad_answers.json.

A row is a name, `METHOD target`, a body (an object, or the bytes themselves) and headers. NS stands for
the namespace of these tests and CM for its config maps. `SETUP` is asked first and must succeed.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SPACE = "bad-input"
NS = f"/api/v1/namespaces/{SPACE}"
CM = f"{NS}/configmaps"
DEPLOYMENTS = f"/apis/apps/v1/namespaces/{SPACE}/deployments"

ISSUER = "https://kubernetes.default.svc.cluster.local"
PLACE = {"v": "meta.k8s.io/v1", "rv": 5, "start": "a\0"}
"""Where a list goes on, as continue tokens have it."""

MERGE = {"Content-Type": "application/merge-patch+json"}
JSON_PATCH = {"Content-Type": "application/json-patch+json"}
STRATEGIC = {"Content-Type": "application/strategic-merge-patch+json"}
APPLY = {"Content-Type": "application/apply-patch+yaml"}
YAML = {"Content-Type": "application/yaml"}


@dataclass(frozen=True)
class Row:
    name: str
    line: str
    body: Any = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def method(self) -> str:
        return self.line.partition(" ")[0]

    @property
    def target(self) -> str:
        return self.line.partition(" ")[2]

    @property
    def data(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


def _token(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def config_map(name: str = "x", **more: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, **more}


def pod(name: str = "p", **spec: Any) -> dict[str, Any]:
    containers = [{"name": "c", "image": "i"}]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"containers": containers, "terminationGracePeriodSeconds": 0, "nodeName": "none", **spec},
    }


def deployment(**spec: Any) -> dict[str, Any]:
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "d"},
        "spec": {"replicas": 0, "selector": {"matchLabels": {"a": "b"}}, "template": template, **spec},
    }


SETUP = [
    Row("a namespace", "POST /api/v1/namespaces", {"metadata": {"name": SPACE}}),
    Row("a service account", f"POST {NS}/serviceaccounts", {"metadata": {"name": "default"}}),
    Row("a config map", f"POST {CM}", config_map("here", data={"k": "v"})),
    Row("a pod", f"POST {NS}/pods", pod("here", automountServiceAccountToken=False)),
    Row("a deployment", f"POST {DEPLOYMENTS}", deployment()),
]

BODIES = [
    Row("no body", f"POST {CM}"),
    Row("blanks only", f"POST {CM}", b"  \n "),
    Row("an open object", f"POST {CM}", b"{"),
    Row("text after the object", f"POST {CM}", json.dumps(config_map()).encode() + b"}"),
    Row("not JSON", f"POST {CM}", b"hello"),
    Row("a missing colon", f"POST {CM}", b'{"kind" "ConfigMap"}'),
    Row("a trailing comma", f"POST {CM}", b'{"kind":"ConfigMap",}'),
    Row("a bad escape", f"POST {CM}", b'{"kind":"\\q"}'),
    Row("a newline in a string", f"POST {CM}", b'{"kind":"Config\nMap"}'),
    Row("an array", f"POST {CM}", b"[]"),
    Row("a string", f"POST {CM}", b'"ConfigMap"'),
    Row("a number", f"POST {CM}", b"42"),
    Row("null", f"POST {CM}", b"null"),
    Row("NaN", f"POST {CM}", b'{"metadata":{"name":"x","generation":NaN}}'),
    Row("a byte order mark", f"POST {CM}", b"\xef\xbb\xbf{}"),
    Row("kind is a number", f"POST {CM}", b'{"kind":1,"apiVersion":"v1"}'),
    Row("ten thousand levels", f"POST {CM}", b'{"data":' * 10_001 + b"1" + b"}" * 10_001),
    Row("ten thousand open levels", f"POST {CM}", b"[" * 100_000),
    Row("metadata is a string", f"POST {CM}", {**config_map(), "metadata": "x"}),
    Row("metadata is a list", f"POST {CM}", {**config_map(), "metadata": []}),
    Row("a number for a string", f"POST {CM}", config_map(data={"k": 1})),
    Row("a string for an integer", f"POST {DEPLOYMENTS}", deployment(replicas="three")),
    Row("a fraction for an integer", f"POST {DEPLOYMENTS}", deployment(replicas=1.5)),
    Row("a number beyond 32 bits", f"POST {DEPLOYMENTS}", deployment(replicas=2**40)),
    Row("a number beyond 64 bits", f"POST {DEPLOYMENTS}", deployment(replicas=2**70)),
    Row("a string for a boolean", f"POST {DEPLOYMENTS}", deployment(paused="yes")),
    Row("an object for a list", f"POST {NS}/pods", pod(containers={})),
    Row("a list for an object", f"POST {DEPLOYMENTS}", deployment(selector=[])),
    Row("bad base64", f"POST {NS}/secrets", {"metadata": {"name": "x"}, "data": {"k": "!"}}),
    Row(
        "a bad quantity",
        f"POST {NS}/pods",
        pod(containers=[{"name": "c", "image": "i", "resources": {"limits": {"cpu": "much"}}}]),
    ),
    Row("a bad time", f"POST {CM}", {"metadata": {"name": "x", "deletionTimestamp": "yesterday"}}),
    Row(
        "a fast number of many digits",
        f"POST {CM}",
        b'{"metadata":{"name":"x","generation":' + b"9" * 5000 + b"}}",
    ),
    Row("a huge exponent", f"POST {CM}", b'{"metadata":{"name":"x","generation":1e400}}'),
    Row("another kind", f"POST {CM}", {**config_map(), "kind": "Secret"}),
    Row("an unknown kind", f"POST {CM}", {**config_map(), "kind": "Konfig"}),
    Row("another group", f"POST {CM}", {**config_map(), "apiVersion": "apps/v1"}),
    Row("an unknown version", f"POST {CM}", {**config_map(), "apiVersion": "v7"}),
    Row("a group of nobody", f"POST {CM}", {**config_map(), "apiVersion": "example.com/v1"}),
    Row("an ill-formed version", f"POST {CM}", {**config_map(), "apiVersion": "a/b/c"}),
    Row("a list for an item", f"POST {CM}", {"apiVersion": "v1", "kind": "List", "items": []}),
    Row("broken YAML", f"POST {CM}", b"a: b: c", YAML),
    Row("an open YAML flow", f"POST {CM}", b"{a: [", YAML),
    Row("a YAML tab", f"POST {CM}", b"a:\n\t- b", YAML),
    Row("a YAML list", f"POST {CM}", b"- a\n- b\n", YAML),
    Row("an unknown YAML alias", f"POST {CM}", b"a: *b\n", YAML),
    Row("no YAML", f"POST {CM}", b"", YAML),
    Row("another kind in YAML", f"POST {CM}", b"apiVersion: v1\nkind: Secret\n", YAML),
]
UNKNOWN = config_map("unknown", mistake=1)
DOUBLE = (
    b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"twice"},"data":{"a":"1"},"data":{"a":"2"}}'
)
FIELDS = [
    Row("an unknown field, strict", f"POST {CM}?fieldValidation=Strict&dryRun=All", UNKNOWN),
    Row(
        "two unknown fields, strict",
        f"POST {CM}?fieldValidation=Strict&dryRun=All",
        {**UNKNOWN, "metadata": {"name": "x", "nam": 1}},
    ),
    Row(
        "an unknown field deep down, strict",
        f"POST {NS}/pods?fieldValidation=Strict&dryRun=All",
        pod("x", containers=[{"name": "c", "image": "i", "imag": "j"}]),
    ),
    Row("a key twice, strict", f"POST {CM}?fieldValidation=Strict&dryRun=All", DOUBLE),
    Row(
        "a key twice in YAML, strict",
        f"POST {CM}?fieldValidation=Strict&dryRun=All",
        b"metadata: {name: x}\ndata: {a: b}\ndata: {a: c}\n",
        YAML,
    ),
    Row(
        "an unknown field in YAML, strict",
        f"POST {CM}?fieldValidation=Strict&dryRun=All",
        b"metadata: {name: x}\nmistake: 1\n",
        YAML,
    ),
    Row("an unknown validation", f"POST {CM}?fieldValidation=Loose", UNKNOWN),
    Row(
        "an unknown field in an update, strict",
        f"PUT {CM}/here?fieldValidation=Strict&dryRun=All",
        config_map("here", mistake=1),
    ),
    Row(
        "an unknown field in a merge patch, strict",
        f"PATCH {CM}/here?fieldValidation=Strict&dryRun=All",
        {"mistake": 1},
        MERGE,
    ),
    Row(
        "an unknown field in an apply, strict",
        f"PATCH {CM}/here?fieldValidation=Strict&dryRun=All&fieldManager=m&dryRun=All",
        config_map("here", mistake=1),
        APPLY,
    ),
]
QUERIES = [
    *(
        Row(f"label selector {text}", f"GET {CM}?labelSelector={text}")
        for text in (
            "a%3D%3D%3Db",
            "a%20in",
            "a%20in%20(b",
            "a%20in%20b",
            "%21",
            "%21%21a",
            "a,,b",
            "a%3E1,",
            "a%3Eb",
            "-a",
            "a%3D-b",
            "a%20like%20b",
            "x/y/z",
            "(",
            "a" * 64,
            "a%3D" + "b" * 64,
            "%C3%A4",
            "a%00b",
            ",",
        )
    ),
    *(
        Row(f"field selector {text}", f"GET {CM}?fieldSelector={text}")
        for text in (
            "metadata.name",
            "data.k%3Dv",
            "a%3E1",
            "metadata.name%3D%3D%3Dx",
            ",",
            "metadata.name%3Da%5Cb",
            "metadata.labels%3Dx",
            "spec.nodeName%3Dx",
        )
    ),
    Row("a pod field of nobody", f"GET {NS}/pods?fieldSelector=spec.color%3Dred"),
    *(Row(f"limit {text}", f"GET {CM}?limit={text}") for text in ("many", "1.5", "9" * 30, "0x10", "%201")),
    *(Row(f"timeoutSeconds {text}", f"GET {CM}?timeoutSeconds={text}") for text in ("soon", "1e3", "9" * 30)),
    *(
        Row(f"resourceVersion {text}", f"GET {CM}?resourceVersion={text}")
        for text in ("new", "1.5", "9" * 30)
    ),
    Row("a bad version of one", f"GET {CM}/here?resourceVersion=new"),
    Row("a negative version of one", f"GET {CM}/here?resourceVersion=-1"),
    Row("a bad version to watch", f"GET {CM}?watch=1&resourceVersion=new"),
    *(
        Row(f"match {text}", f"GET {CM}?{text}")
        for text in (
            "resourceVersionMatch=Exact",
            "resourceVersion=0&resourceVersionMatch=Exact",
            "resourceVersion=1&resourceVersionMatch=Close",
            "resourceVersionMatch=NotOlderThan",
            "watch=1&resourceVersionMatch=Exact",
            "watch=1&sendInitialEvents=true",
            "sendInitialEvents=true",
            "watch=1&sendInitialEvents=true&resourceVersionMatch=Exact",
            "resourceVersion=1&resourceVersionMatch=Exact&continue=x",
        )
    ),
    *(
        Row(f"continue {text}", f"GET {CM}?limit=1&continue={text}")
        for text in (
            "x",
            "AAAA",
            "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MCwic3RhcnQiOiIifQ",
            "eyJ2IjoidjIiLCJydiI6NSwic3RhcnQiOiJhIn0",
            "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6NSwic3RhcnQiOiIuLi94XHUwMDAwIn0",
            "bnVsbA",
            "W10",
        )
    ),
    Row(
        "a continue with a version",
        f"GET {CM}?resourceVersion=5&continue={_token(PLACE)}",
    ),
    Row("an unknown dry run", f"POST {CM}?dryRun=Some", config_map()),
    Row("dry run true", f"POST {CM}?dryRun=true", config_map()),
    Row("an unknown dry run of an update", f"PUT {CM}/here?dryRun=Some", config_map("here")),
    Row("an unknown dry run of a patch", f"PATCH {CM}/here?dryRun=Some", {}, MERGE),
    Row("an unknown dry run of a delete", f"DELETE {CM}/here?dryRun=Some"),
    Row("a bad grace period", f"DELETE {CM}/here?gracePeriodSeconds=long"),
    Row("a bad grace period in the body", f"DELETE {CM}/here", {"gracePeriodSeconds": "long"}),
    Row("an unknown propagation", f"DELETE {CM}/here?propagationPolicy=Sideways"),
    Row("an unknown propagation in the body", f"DELETE {CM}/here", {"propagationPolicy": "Sideways"}),
    Row("two propagations", f"DELETE {CM}/here", {"propagationPolicy": "Orphan", "orphanDependents": True}),
    Row("a bad orphanDependents", f"DELETE {CM}/here?orphanDependents=maybe&dryRun=Some"),
    Row("a delete body that is no JSON", f"DELETE {CM}/here", b"hello"),
    Row("a delete body of another kind", f"DELETE {CM}/here", config_map("here")),
    Row("a delete body that is a list", f"DELETE {CM}/here", b"[]"),
    Row("a bad delete of many", f"DELETE {CM}?labelSelector=a%3D%3D%3Db"),
    Row("a long field manager", f"POST {CM}?fieldManager={'m' * 129}", config_map()),
    Row("an unprintable field manager", f"POST {CM}?fieldManager=a%07b", config_map()),
    Row("force without apply", f"PATCH {CM}/here?force=true&dryRun=All", {}, MERGE),
    Row("a bad percent sign", f"GET {CM}?labelSelector=%zz"),
    Row("a semicolon", f"GET {CM}?labelSelector=a;limit=many"),
    Row("an unknown shape", f"GET {CM}", headers={"Accept": "application/json;as=Heap;v=v1;g=meta.k8s.io"}),
    Row(
        "a bad includeObject",
        f"GET {CM}?includeObject=Some",
        headers={"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"},
    ),
]
WHO = [
    Row("a wrong token", f"GET {CM}", headers={"Authorization": "Bearer wrong"}),
    Row("a garbage JWT", f"GET {CM}", headers={"Authorization": "Bearer a.b.c"}),
    Row(
        "an unsigned JWT",
        f"GET {CM}",
        headers={"Authorization": f"Bearer {_token({'alg': 'none'})}.{_token({'iss': ISSUER})}."},
    ),
    Row("a long token", f"GET {CM}", headers={"Authorization": "Bearer " + "x" * 60_000}),
    Row("a wrong token, writing", f"POST {CM}", config_map(), {"Authorization": "Bearer wrong"}),
    Row("a wrong token for health", "GET /readyz", headers={"Authorization": "Bearer wrong"}),
    Row("an empty token", f"GET {CM}", headers={"Authorization": "Bearer "}),
    Row("a password", f"GET {CM}", headers={"Authorization": "Basic YWRtaW46YWRtaW4="}),
    Row("a token in Latin", f"GET {CM}", headers={"Authorization": "Bearer \xff\xfe"}),
    *(
        Row(f"anonymous {line.replace(NS, 'NS')}", line, body, {"Authorization": "", **extra})
        for line, body, extra in (
            (f"GET {CM}", b"", {}),
            (f"GET {CM}/here", b"", {}),
            (f"GET {CM}?watch=1", b"", {}),
            (f"GET {NS}/pods/here/log", b"", {}),
            (f"POST {NS}/pods/here/exec?command=id", b"", {}),
            (f"POST {NS}/pods/here/binding", {}, {}),
            (f"POST {NS}/serviceaccounts/default/token", {}, {}),
            (f"POST {CM}", config_map(), {}),
            (f"PUT {CM}/here", config_map("here"), {}),
            (f"PATCH {CM}/here?dryRun=All", {}, MERGE),
            (f"PATCH {CM}/here?fieldManager=m&dryRun=All", config_map("here"), APPLY),
            (f"DELETE {CM}/here", b"", {}),
            (f"DELETE {CM}", b"", {}),
            ("GET /api", b"", {}),
            ("GET /apis", b"", {}),
            ("GET /openapi/v3", b"", {}),
            ("GET /metrics", b"", {}),
            ("GET /", b"", {}),
            ("GET /nothing", b"", {}),
            ("POST /version", b"", {}),
            ("GET /livez/ping", b"", {}),
            ("GET /api/v1/namespaces", b"", {}),
            ("GET /api/v1/nothing", b"", {}),
            ("POST /apis/authentication.k8s.io/v1/tokenreviews", {}, {}),
            ("POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews", {}, {}),
            (f"POST {CM}", b"{", {}),
            ("PUT /api/v1/nodes/x/status", {}, {}),
            ("DELETE /readyz", b"", {}),
        )
    ),
    Row("impersonation without a user", f"GET {CM}", headers={"Impersonate-Group": "system:masters"}),
    Row("anonymous impersonation", f"GET {CM}", headers={"Authorization": "", "Impersonate-User": "admin"}),
    Row("impersonation of anonymous", f"GET {CM}", headers={"Impersonate-User": "system:anonymous"}),
]
STALE = [
    Row(
        "an update with a stale version",
        f"PUT {CM}/here",
        {**config_map("here"), "metadata": {"name": "here", "resourceVersion": "1"}},
    ),
    Row(
        "an update with a bad version",
        f"PUT {CM}/here",
        {**config_map("here"), "metadata": {"name": "here", "resourceVersion": "new"}},
    ),
    Row(
        "an update with another uid",
        f"PUT {CM}/here",
        {**config_map("here"), "metadata": {"name": "here", "uid": "1"}},
    ),
    Row(
        "an update of nothing",
        f"PUT {CM}/nothing",
        config_map("nothing", data={}) | {"metadata": {"name": "nothing", "resourceVersion": "1"}},
    ),
    Row(
        "a patch with a stale version",
        f"PATCH {CM}/here?dryRun=All",
        {"metadata": {"resourceVersion": "1"}},
        MERGE,
    ),
    Row(
        "a strategic patch with a stale version",
        f"PATCH {CM}/here?dryRun=All",
        {"metadata": {"resourceVersion": "1"}},
        STRATEGIC,
    ),
    Row("a patch with another uid", f"PATCH {CM}/here?dryRun=All", {"metadata": {"uid": "1"}}, MERGE),
    Row(
        "an apply with a stale version",
        f"PATCH {CM}/here?fieldManager=m&dryRun=All",
        {**config_map("here"), "metadata": {"name": "here", "resourceVersion": "1"}},
        APPLY,
    ),
    Row("a delete with a stale version", f"DELETE {CM}/here", {"preconditions": {"resourceVersion": "1"}}),
    Row("a delete with another uid", f"DELETE {CM}/here", {"preconditions": {"uid": "1"}}),
    Row(
        "a create with a version",
        f"POST {CM}",
        {**config_map(), "metadata": {"name": "x", "resourceVersion": "1"}},
    ),
    Row("a create of what is there", f"POST {CM}", config_map("here")),
    Row("a patch of nothing", f"PATCH {CM}/nothing", {}, MERGE),
    Row("a delete of nothing", f"DELETE {CM}/nothing"),
    Row("an update of another name", f"PUT {CM}/here", config_map("there")),
    Row("an update without a name", f"PUT {CM}/here", {"data": {}}),
    Row("a patch of the name", f"PATCH {CM}/here?dryRun=All", {"metadata": {"name": "there"}}, MERGE),
    Row(
        "a patch of the namespace", f"PATCH {CM}/here?dryRun=All", {"metadata": {"namespace": "there"}}, MERGE
    ),
]
MEDIA = [
    *(
        Row(f"a body of {media or 'no type'}", f"POST {CM}", config_map("here"), {"Content-Type": media})
        for media in (
            "text/plain",
            "application/xml",
            "application/cbor",
            "nonsense",
            "application/json-patch+json",
            "application/x-www-form-urlencoded",
            "",
            "application/json; charset=latin-1",
            "application/JSON",
            "a/b/c;;;",
        )
    ),
    *(
        Row(f"an answer of {media}", f"GET {CM}/here?resourceVersion=new", headers={"Accept": media})
        for media in (
            "text/plain",
            "application/xml",
            "application/cbor",
            "text/html",
            "application/json;q=0",
            ";;",
            "image/*",
            "*/json",
        )
    ),
    Row("a list as XML", f"GET {CM}", headers={"Accept": "application/xml"}),
    Row("a watch as XML", f"GET {CM}?watch=1", headers={"Accept": "application/xml"}),
    Row("a deletion as XML", f"DELETE {CM}/here", headers={"Accept": "application/xml"}),
    Row("a creation as XML", f"POST {CM}", config_map(), {"Accept": "application/xml"}),
    Row("discovery as XML", "GET /api/v1", headers={"Accept": "application/xml"}),
    *(
        Row(f"a patch of {media or 'no type'}", f"PATCH {CM}/here?dryRun=All", {}, {"Content-Type": media})
        for media in ("application/json", "text/plain", "", "application/yaml")
    ),
    Row("a delete of text", f"DELETE {CM}/here", b"hello", {"Content-Type": "text/plain"}),
]
PATCHES = [
    *(
        Row(f"JSON patch {str(patch)[:70]}", f"PATCH {CM}/here?dryRun=All", patch, JSON_PATCH)
        for patch in (
            b"",
            b"{",
            {},
            "x",
            [1],
            [{}],
            [{"op": "jump", "path": "/data"}],
            [{"op": "add"}],
            [{"op": "add", "path": "data/k", "value": 1}],
            [{"op": "add", "path": "/data/k"}],
            [{"op": "remove", "path": "/data/nothing"}],
            [{"op": "replace", "path": "/data/nothing", "value": "x"}],
            [{"op": "test", "path": "/data/k", "value": "other"}],
            [{"op": "test", "path": "/data/nothing", "value": "x"}],
            [{"op": "move", "from": "/data/nothing", "path": "/data/k"}],
            [{"op": "copy", "path": "/data/k"}],
            [{"op": "add", "path": "/metadata/finalizers/5", "value": "x"}],
            [{"op": "add", "path": "/data/k", "value": 5}],
            [{"op": "replace", "path": "", "value": []}],
            [{"op": "remove", "path": "/metadata"}],
            [{"op": "remove", "path": ""}],
            [{"op": "replace", "path": "/kind", "value": "Secret"}],
            [{"op": "add", "path": "/a/b/c", "value": 1}],
            [{"op": "add", "path": 5, "value": 1}],
            [{"op": 5, "path": "/data"}],
            [None],
        )
    ),
    Row(
        "a JSON patch of too many",
        f"PATCH {CM}/here?dryRun=All",
        [{"op": "add", "path": "/data/k", "value": "v"}] * 10_001,
        JSON_PATCH,
    ),
    *(
        Row(f"merge patch {str(patch)[:70]}", f"PATCH {CM}/here?dryRun=All", patch, MERGE)
        for patch in (
            [],
            "x",
            1,
            {"data": []},
            {"data": {"k": 1}},
            {"metadata": None},
            {"metadata": "x"},
            {"kind": "Secret"},
            {"apiVersion": "v7"},
        )
    ),
    Row("an empty merge patch", f"PATCH {CM}/here?dryRun=All", b"", MERGE),
    Row("a broken merge patch", f"PATCH {CM}/here?dryRun=All", b'{"data":', MERGE),
    Row("a null merge patch", f"PATCH {CM}/here?dryRun=All", b"null", MERGE),
    Row("an empty strategic patch", f"PATCH {CM}/here?dryRun=All", b"", STRATEGIC),
    Row("a broken strategic patch", f"PATCH {CM}/here?dryRun=All", b'{"data":', STRATEGIC),
    Row("a null strategic patch", f"PATCH {CM}/here?dryRun=All", b"null", STRATEGIC),
    *(
        Row(f"strategic patch {str(patch)[:70]}", f"PATCH {DEPLOYMENTS}/d?dryRun=All", patch, STRATEGIC)
        for patch in (
            [],
            "x",
            {"spec": {"template": {"spec": {"containers": {}}}}},
            {"spec": {"template": {"spec": {"containers": [1]}}}},
            {"spec": {"template": {"spec": {"containers": [{"image": "x"}]}}}},
            {"spec": {"template": {"spec": {"containers": "c"}}}},
            {"spec": {"template": {"spec": {"containers": [{"name": "c", "$patch": "jump"}]}}}},
            {
                "spec": {
                    "template": {
                        "spec": {
                            "$setElementOrder/containers": [{"name": "q"}],
                            "containers": [{"name": "c"}],
                        }
                    }
                }
            },
            {"spec": {"template": {"spec": {"$retainKeys": "x"}}}},
            {"$patch": "jump"},
            {"spec": {"replicas": "x"}},
            {"spec": {"template": {"spec": {"$deleteFromPrimitiveList/containers": 1}}}},
            {"spec": {"selector": {"matchLabels": {"a": "c"}}}},
            {"spec": None},
            {"spec": "x"},
            {"metadata": {"$deleteFromPrimitiveList/finalizers": "x"}},
        )
    ),
    Row("an apply without a manager", f"PATCH {CM}/here?dryRun=All", config_map("here"), APPLY),
    *(
        Row(f"an apply of {text!r}"[:80], f"PATCH {CM}/here?fieldManager=m&dryRun=All", text, APPLY)
        for text in (
            b"",
            b"{",
            b"[]",
            b"- a",
            b"null",
            b"a: b: c",
            b"kind: ConfigMap",
            b"apiVersion: v1",
            b"apiVersion: v1\nkind: Secret\n",
            b"apiVersion: v7\nkind: ConfigMap\n",
            b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: there}\n",
            b"apiVersion: v1\nkind: ConfigMap\ndata: [1]\n",
            b"apiVersion: v1\nkind: ConfigMap\nmetadata: {namespace: other}\n",
            b"apiVersion: v1\nkind: ConfigMap\nmetadata: {managedFields: [{manager: m}]}\n",
            b"\xff\xfe\xfd",
            b"apiVersion: v1\nkind: ConfigMap\nmetadata: x\n",
            b"apiVersion: 1\nkind: 2\n",
        )
    ),
    Row(
        "an apply that conflicts",
        f"PATCH {CM}/here?fieldManager=other&dryRun=All",
        config_map("here", data={"k": "w"}),
        APPLY,
    ),
    Row(
        "an apply of two items of one key",
        f"PATCH {DEPLOYMENTS}/d?fieldManager=m&force=true&dryRun=All",
        deployment(
            template={"spec": {"containers": [{"name": "c", "image": "1"}, {"name": "c", "image": "2"}]}}
        ),
        APPLY,
    ),
    Row(
        "an apply to a status of nothing",
        f"PATCH {CM}/here/status?fieldManager=m&dryRun=All",
        config_map("here"),
        APPLY,
    ),
]
NAMES = [
    Row("no name", f"POST {CM}", {"metadata": {}}),
    Row("an upper-case name", f"POST {CM}", config_map("Upper")),
    Row("a name of 254 letters", f"POST {CM}", config_map("a" * 254)),
    Row("a name with a slash", f"POST {CM}", config_map("a/b")),
    Row("the name ..", f"POST {CM}", config_map("..")),
    Row("a name with NUL", f"POST {CM}", config_map("a\0b")),
    Row("a name that ends in a dash", f"POST {CM}", config_map("a-")),
    Row("a generated name of capitals", f"POST {CM}", {"metadata": {"generateName": "Upper-"}}),
    Row("a namespace of 64 letters", "POST /api/v1/namespaces", {"metadata": {"name": "a" * 64}}),
    Row("a dotted namespace", "POST /api/v1/namespaces", {"metadata": {"name": "a.b"}}),
    Row(
        "a service that begins with a digit",
        f"POST {NS}/services?dryRun=All",
        {"metadata": {"name": "1a"}, "spec": {"ports": [{"port": 80}]}},
    ),
    Row("another namespace", f"POST {CM}", {**config_map(), "metadata": {"name": "x", "namespace": "other"}}),
    Row(
        "another namespace in an update",
        f"PUT {CM}/here",
        {**config_map(), "metadata": {"name": "here", "namespace": "other"}},
    ),
    Row("a missing namespace", "POST /api/v1/namespaces/nowhere/configmaps", config_map()),
    Row("a missing namespace of a get", "GET /api/v1/namespaces/nowhere/configmaps/x"),
    Row("no namespace", "POST /api/v1/configmaps", config_map()),
    Row("a namespaced kind without one", "GET /api/v1/configmaps/x"),
    Row("a cluster kind in a namespace", f"GET {NS}/nodes/x"),
    Row("a bad label", f"POST {CM}", {"metadata": {"name": "x", "labels": {"a b": "c d"}}}),
    Row("a bad annotation", f"POST {CM}", {"metadata": {"name": "x", "annotations": {"a b": "c"}}}),
    Row("large annotations", f"POST {CM}", {"metadata": {"name": "x", "annotations": {"a": "b" * 300_000}}}),
    Row("a bad owner", f"POST {CM}", {"metadata": {"name": "x", "ownerReferences": [{"kind": "K"}]}}),
    Row("a bad finalizer", f"POST {CM}", {"metadata": {"name": "x", "finalizers": ["nobody"]}}),
    Row("bad data keys", f"POST {CM}", config_map(data={"a/b": ""})),
    Row("too much data", f"POST {CM}", config_map(data={"a": "b" * 1_100_000})),
    *(
        Row(f"{method} of {where.replace(NS, 'NS')}", f"{method} {where}")
        for method, where in (
            ("PUT", CM),
            ("PATCH", CM),
            ("POST", f"{CM}/here"),
            ("TRACE", CM),
            ("OPTIONS", CM),
            ("PURGE", CM),
            ("FOO", CM),
            ("POST", "/version"),
            ("DELETE", "/api/v1"),
            ("PUT", "/healthz"),
            ("POST", "/"),
            ("POST", f"{NS}/pods/here/status"),
            ("DELETE", f"{NS}/pods/here/status"),
            ("GET", f"{NS}/pods/here/binding"),
            ("GET", f"{NS}/pods/here/eviction"),
            ("PUT", f"{NS}/bindings"),
            ("GET", "/apis/authorization.k8s.io/v1/subjectaccessreviews"),
            ("DELETE", "/api/v1/namespaces"),
            ("CONNECT", "/api"),
        )
    ),
    *(
        Row(f"the path {path.replace(NS, 'NS')}", f"GET {path}")
        for path in (
            f"{NS}/configmaps%2Fhere2",
            f"{CM}/a%2Fb",
            f"{CM}/..%2Fpods",
            f"{CM}/%2e%2e/pods/nothing",
            f"{CM}/../configmaps/nothing",
            f"/{NS}/configmaps/nothing",
            "/api//v1/configmaps",
            f"{CM}/nothing/",
            f"{CM}/nothing%00",
            f"{CM}/%00",
            f"{CM}/%ff",
            f"{CM}/%zz",
            f"{CM}/%",
            f"{CM}/nothing/sub",
            f"{CM}/here/sub/sub",
            f"{CM}/here/status",
            "/apis/apps",
            "/apis/none",
            "/apis/none/v1",
            "/apis/none/v1/things",
            "/api/v7",
            "/api/v7/pods",
            "/api/v1/nothing",
            "/apis/apps/v1/nothing",
            "/apis/apps/v7/deployments",
            "/nothing",
            "/api/v1/watch",
            "/apis/apps/v1/watch/",
            "/api/v1/proxy",
            "/.",
            "/..",
            "/../etc/passwd",
            "/%2e%2e/%2e%2e/etc/passwd",
            "/healthz/nothing",
            "/readyz/etcd/x",
            "/version/x",
            "/openapi",
            "/openapi/v3/nothing",
            "/openapi/v2/x",
            "/logs",
            "/logs/../x",
            "/debug/pprof",
            "/metrics/x",
            "*",
            "http://elsewhere/api/v1/nothing",
            f"{CM}/" + "a" * 300,
            f"{CM}/A_b",
            f"{CM}/here%20",
        )
    ),
    Row("a bad name of a new one", f"PUT {CM}/Upper", config_map("Upper")),
    Row(
        "an update that creates",
        f"PUT {CM}/nothing2",
        config_map("nothing2") | {"metadata": {"name": "other"}},
    ),
    Row("a log of nothing", f"GET {NS}/pods/nothing/log"),
    Row("a log of a pod without a node", f"GET {NS}/pods/here/log?container=nothing"),
    Row("bad log options", f"GET {NS}/pods/here/log?tailLines=-1&limitBytes=0"),
    Row("unreadable log options", f"GET {NS}/pods/here/log?tailLines=x"),
    Row("exec without a command", f"POST {NS}/pods/here/exec"),
    Row("exec without an upgrade", f"POST {NS}/pods/here/exec?command=id&stdout=1"),
    Row(
        "a binding of what is bound",
        f"POST {NS}/pods/here/binding",
        {"metadata": {"name": "here"}, "target": {"kind": "Node", "name": "other"}},
    ),
    Row("a binding to nothing", f"POST {NS}/pods/here/binding", {"metadata": {"name": "here"}, "target": {}}),
    Row(
        "a scale below nothing",
        f"PUT {DEPLOYMENTS}/d/scale",
        {
            "apiVersion": "autoscaling/v1",
            "kind": "Scale",
            "metadata": {"name": "d", "namespace": SPACE},
            "spec": {"replicas": -1},
        },
    ),
    Row("a scale of another kind", f"PUT {DEPLOYMENTS}/d/scale", deployment()),
    Row("a token for nobody", f"POST {NS}/serviceaccounts/nothing/token", {"spec": {"audiences": []}}),
    Row(
        "a token for no time", f"POST {NS}/serviceaccounts/default/token", {"spec": {"expirationSeconds": 1}}
    ),
]

TABLES = {
    "bodies": BODIES,
    "fields": FIELDS,
    "queries": QUERIES,
    "who": WHO,
    "stale": STALE,
    "media": MEDIA,
    "patches": PATCHES,
    "names": NAMES,
}
ROWS = {f"{table}: {row.name}": row for table, rows in TABLES.items() for row in rows}
