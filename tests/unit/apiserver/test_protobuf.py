"""Objects written in protobuf, read as the JSON they stand for."""

from __future__ import annotations

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.api.errors import ApiError
from wherry.apiserver import protobuf

from .world import request


def varint(number: int) -> bytes:
    out = b""
    number &= (1 << 64) - 1
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def field(number: int, value: bytes | str | int) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def pair(number: int, key: str, value: bytes | str) -> bytes:
    return field(number, field(1, key) + field(2, value))


def envelope(api_version: str, kind: str, message: bytes) -> bytes:
    return b"k8s\0" + field(1, field(1, api_version) + field(2, kind)) + field(2, message) + field(3, "")


def test_deployment_as_kubectl_writes_it() -> None:
    container = field(1, "x") + field(2, "img:1") + field(8, pair(2, "cpu", field(1, "100m")))
    port = field(1, "") + field(2, 0) + field(3, 8080) + field(4, "TCP")
    template = field(1, pair(11, "app", "web")) + field(
        2, field(2, container + field(6, port)) + field(11, 0)
    )
    spec = field(1, 3) + field(2, pair(1, "app", "web")) + field(3, template)
    metadata = field(1, "web") + field(8, b"") + field(5, "")
    strategy = field(4, field(2, field(2, field(1, 1) + field(2, 0) + field(3, "25%"))))
    obj = protobuf.decode(
        envelope("apps/v1", "Deployment", field(1, metadata) + field(2, spec + strategy) + field(3, b""))
    )
    assert obj == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {
            "replicas": 3,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {
                    "containers": [
                        {
                            "name": "x",
                            "image": "img:1",
                            "resources": {"requests": {"cpu": "100m"}},
                            "ports": [{"containerPort": 8080, "protocol": "TCP"}],
                        }
                    ]
                },
            },
            "strategy": {"rollingUpdate": {"maxSurge": "25%"}},
        },
        "status": {},
    }


def test_embedded_structs_bytes_times_and_lists() -> None:
    secret = protobuf.decode(envelope("v1", "Secret", pair(2, "k", b"\x00\xff") + field(3, "Opaque")))
    assert (secret["data"], secret["type"]) == ({"k": "AP8="}, "Opaque")
    volume = field(1, "v") + field(2, field(2, field(1, "")))
    assert protobuf.decode(envelope("v1", "Pod", field(2, field(1, volume))))["spec"]["volumes"] == [
        {"name": "v", "emptyDir": {}}
    ]
    lease = field(2, field(2, 40) + field(4, field(1, 1_800_000_000) + field(2, 5000)))
    assert protobuf.decode(envelope("coordination.k8s.io/v1", "Lease", lease))["spec"] == {
        "leaseDurationSeconds": 40,
        "renewTime": "2027-01-15T08:00:00.000005Z",
    }
    options = field(1, 0) + field(4, "Background") + field(5, "All")
    assert protobuf.decode(envelope("v1", "DeleteOptions", options)) == {
        "kind": "DeleteOptions",
        "apiVersion": "v1",
        "gracePeriodSeconds": 0,
        "propagationPolicy": "Background",
        "dryRun": ["All"],
    }


def test_negative_numbers_and_unknown_fields() -> None:
    message = field(2, field(25, -7) + field(900, "?") + varint(901 << 3 | 1) + struct.pack("<d", 1.0))
    assert protobuf.decode(envelope("v1", "Pod", message))["spec"] == {"priority": -7}


def test_raw_json_inside() -> None:
    revision = field(2, field(1, b'{"a":[1]}')) + field(3, 4)
    obj = protobuf.decode(envelope("apps/v1", "ControllerRevision", revision))
    assert (obj["data"], obj["revision"]) == ({"a": [1]}, 4)


def test_every_served_kind_is_in_the_table() -> None:
    from wherry.api import schema
    from wherry.api.scheme import builtin

    missing = [
        name
        for entry in builtin().all()
        if (name := schema.definition_name(entry.api_version, entry.kind)) not in protobuf._table()
    ]
    assert missing == []


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"k8s\0",
        b"k8s\0\xff\xff",
        envelope("v1", "Nothing", b""),
        envelope("v1", "Pod", b"\x0a\xff\x01x"),
        envelope("v1", "Pod", b"\x07"),
    ],
)
def test_what_is_none_is_a_400(data: bytes) -> None:
    with pytest.raises(ApiError) as error:
        protobuf.decode(data)
    assert error.value.code == 400


@given(st.binary(max_size=80))
def test_any_bytes_are_an_object_or_a_400(data: bytes) -> None:
    for body in (
        data,
        envelope("v1", "Pod", data),
        envelope("apiextensions.k8s.io/v1", "CustomResourceDefinition", data),
    ):
        try:
            json.dumps(protobuf.decode(body))
        except ApiError as error:
            assert error.code == 400


def test_endless_nesting_is_refused() -> None:
    props = b""
    for _ in range(100):
        props = field(8, field(1, "t")) if not props else field(22, field(1, props))
    version = field(1, "v1") + field(4, field(1, props))
    message = field(2, field(7, version))
    with pytest.raises(ApiError):
        protobuf.decode(envelope("apiextensions.k8s.io/v1", "CustomResourceDefinition", message))


def test_requests_become_json() -> None:
    asked = request("POST /api/v1/pods", envelope("v1", "Pod", b""), content_type=protobuf.CONTENT_TYPE)
    protobuf.as_json(asked)
    assert json.loads(asked.body) == {"kind": "Pod", "apiVersion": "v1"}
    assert asked.headers["content-type"] == "application/json"
    plain = request("POST /api/v1/pods", {"a": 1})
    protobuf.as_json(plain)
    assert json.loads(plain.body) == {"a": 1}
