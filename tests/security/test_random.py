"""Requests by chance: bytes, and good requests with something changed. None is answered with a 500."""

from __future__ import annotations

import contextlib
import json
import re
import ssl

from hypothesis import given, settings
from hypothesis import strategies as st

from kit.apiserver import Server

MAPS = "/api/v1/namespaces/default/configmaps"
POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "p", "labels": {"a": "b"}, "ownerReferences": [], "managedFields": []},
    "spec": {
        "containers": [
            {
                "name": "c",
                "image": "i",
                "ports": [{"containerPort": 80}],
                "resources": {"limits": {"cpu": "1"}},
                "livenessProbe": {"httpGet": {"port": "http"}},
                "env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
            }
        ],
        "volumes": [{"name": "v", "projected": {"sources": []}}],
        "tolerations": [{"key": "k", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "securityContext": {"sysctls": []},
    },
}
SERVICE = {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80, "targetPort": "a"}], "selector": {}}}
TEMPLATE = {"metadata": {"labels": {"a": "b"}}, "spec": POD["spec"]}
DEPLOYMENT = {
    "metadata": {"name": "d"},
    "spec": {
        "selector": {"matchLabels": {"a": "b"}, "matchExpressions": []},
        "template": TEMPLATE,
        "strategy": {"rollingUpdate": {"maxSurge": "25%"}},
    },
}
CRON = {
    "metadata": {"name": "c"},
    "spec": {"schedule": "* * * * *", "jobTemplate": {"spec": {"template": TEMPLATE}}},
}
GOOD = [
    ("POST /api/v1/namespaces/default/pods?dryRun=All", POD),
    ("POST /api/v1/namespaces/default/services?dryRun=All", SERVICE),
    ("POST /apis/apps/v1/namespaces/default/deployments?dryRun=All", DEPLOYMENT),
    ("POST /apis/batch/v1/namespaces/default/cronjobs?dryRun=All", CRON),
    (f"PATCH {MAPS}/x?fieldManager=m&dryRun=All", {"apiVersion": "v1", "kind": "ConfigMap", "data": {}}),
    (f"PATCH {MAPS}/kube-root-ca.crt?dryRun=All", [{"op": "add", "path": "/data", "value": {}}]),
    (f"DELETE {MAPS}/x", {"preconditions": {"uid": "1"}, "propagationPolicy": "Orphan"}),
]
MEDIA = [
    "application/json",
    "application/yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/apply-patch+yaml",
    "application/vnd.kubernetes.protobuf",
]
ODD = st.one_of(
    st.sampled_from([None, True, -1, 0, 2**31, 2**63, 2**70, 1.5, 1e308]),
    st.sampled_from(
        ["", "x", "²", "٣", "\0", "a/b", "..", "9" * 5000, "-1%", "1e99", "%", "é" * 300, "10.0.0.1"]
    ),
    st.builds(list, st.sampled_from([(), (None,), ([],), ({},), ("",)])),
    st.builds(dict, st.sampled_from([(), (("", None),), (("$patch", "x"),), (("name", ()),)])),
)


def places(value: object, path: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    return [path] + [place for key, child in children for place in places(child, (*path, key))]


def replaced(value: object, path: tuple[object, ...], new: object) -> object:
    if not path:
        return new
    first, *rest = path
    copy = dict(value) if isinstance(value, dict) else list(value)  # type: ignore[call-overload]
    copy[first] = replaced(copy[first], tuple(rest), new)
    return copy


@st.composite
def changed_bodies(draw: st.DrawFn) -> list[tuple[str, bytes, str]]:
    requests = []
    for _ in range(draw(st.integers(1, 12))):
        line, body = draw(st.sampled_from(GOOD))
        value: object = body
        for _ in range(draw(st.integers(1, 3))):
            value = replaced(value, draw(st.sampled_from(places(value))), draw(ODD))
        requests.append((line, json.dumps(value).encode(), draw(st.sampled_from(MEDIA))))
    return requests


@st.composite
def changed_bytes(draw: st.DrawFn) -> list[bytes]:
    """A good request with some bytes replaced, taken out or doubled; or any bytes at all."""
    requests = []
    for _ in range(draw(st.integers(1, 4))):
        line, body = draw(st.sampled_from(GOOD))
        data = json.dumps(body).encode()
        media = draw(st.sampled_from(MEDIA))
        head = f"{line} HTTP/1.1\r\nHost: a\r\n@Content-Type: {media}\r\nContent-Length: {len(data)}\r\n\r\n"
        made = head.encode() + data if draw(st.booleans()) else draw(st.binary(max_size=200))
        for _ in range(draw(st.integers(1, 4))):
            at = draw(st.integers(0, len(made)))
            made = made[:at] + draw(st.binary(max_size=3)) + made[at + draw(st.integers(0, 3)) :]
        requests.append(made)
    return requests


def answers(server: Server, data: bytes) -> list[int]:
    """Statuses of everything answered before the end; the last request asks for the end."""
    found = b""
    end = b"\r\n\r\nGET /version HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    with server.connect() as connection:
        connection.settimeout(0.02)
        with contextlib.suppress(ConnectionError, ssl.SSLError, TimeoutError):
            connection.sendall(data + end)
            while piece := connection.recv(65536):
                found += piece
    return [int(text) for text in re.findall(rb"HTTP/1\.1 (\d+) ", found)]


@settings(max_examples=60)
@given(requests=changed_bodies())
def test_good_requests_with_odd_values(server: Server, requests: list[tuple[str, bytes, str]]) -> None:
    for line, body, media in requests:
        method, _, target = line.partition(" ")
        answer = server.ask(method, target, body, Content_Type=media)
        assert answer.status < 500, (line, media, body, answer.body)
    assert server.alive()


@settings(max_examples=40)
@given(requests=changed_bytes())
def test_bytes(server: Server, requests: list[bytes]) -> None:
    credentials = f"Authorization: Bearer {server.token}\r\n".encode()
    for made in requests:
        found = answers(server, made.replace(b"@", credentials))
        assert all(status < 500 or status in (501, 505) for status in found), (made, found)
    assert server.alive()
