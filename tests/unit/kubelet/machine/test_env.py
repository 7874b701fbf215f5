from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.api.errors import not_found
from wherry.api.schema import convert, struct_type
from wherry.kubelet.host import SetupError
from wherry.kubelet.machine.env import (
    Surroundings,
    environment,
    expand,
    pod_field,
    resource_field,
    service_variables,
)
from wherry.kubelet.machine.objects import ObjectReader

from ..kit import pod


class Api:
    """ConfigMaps and Secrets by name."""

    def __init__(self, **objects: Any) -> None:
        self.objects = objects
        self.reads = 0

    async def get(self, res: Any, name: str, namespace: str) -> Any:
        self.reads += 1
        if name not in self.objects:
            raise not_found("", res.name, name)
        return convert(struct_type("v1", res.kind), self.objects[name])


def env_of(
    container: dict[str, Any], around: Surroundings | None = None, api: Api | None = None
) -> dict[str, str]:
    wanted = pod({"name": "c", **container}, enableServiceLinks=False)
    objects = ObjectReader(api or Api())  # type: ignore[arg-type]
    return asyncio.run(environment(wanted, wanted.spec.containers[0], around or Surroundings(), objects))


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("plain", "plain"),
        ("$(A)", "1"),
        ("x$(A)y$(B)", "x1y2"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$(NOPE)", "$(NOPE)"),
        ("$(A", "$(A"),
        ("$A", "$A"),
        ("$", "$"),
    ],
)
def test_expand(text: str, result: str) -> None:
    assert expand(text, {"A": "1", "B": "2"}) == result


@given(st.text(alphabet="abc()", max_size=20))
def test_without_a_dollar_nothing_happens(text: str) -> None:
    assert expand(text, {"a": "1"}) == text


def test_later_values_see_earlier_ones() -> None:
    container = {
        "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "$(A)$(C)"}, {"name": "C", "value": "3"}]
    }
    assert env_of(container) == {"A": "1", "B": "1$(C)", "C": "3"}


def test_config_maps_and_secrets() -> None:
    api = Api(
        m={"data": {"K": "v", "not a name": "x"}},
        s={"data": {"P": base64.b64encode(b"secret").decode()}},
    )
    container = {
        "envFrom": [{"prefix": "X_", "configMapRef": {"name": "m"}}, {"secretRef": {"name": "s"}}],
        "env": [
            {"name": "ONE", "valueFrom": {"secretKeyRef": {"name": "s", "key": "P"}}},
            {"name": "TWO", "valueFrom": {"configMapKeyRef": {"name": "m", "key": "no", "optional": True}}},
        ],
    }
    assert env_of(container, api=api) == {"X_K": "v", "P": "secret", "ONE": "secret"}
    assert api.reads == 2  # each object was read once


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"configMapKeyRef": {"name": "none", "key": "k"}}, 'configmap "none" not found'),
        ({"secretKeyRef": {"name": "none", "key": "k"}}, 'secret "none" not found'),
        ({"configMapKeyRef": {"name": "m", "key": "k"}}, "couldn't find key k in ConfigMap default/m"),
        ({"fieldRef": {"fieldPath": "spec.nope"}}, "unsupported fieldPath: spec.nope"),
    ],
)
def test_what_is_missing_is_said(source: dict[str, Any], message: str) -> None:
    with pytest.raises(SetupError) as caught:
        env_of({"env": [{"name": "A", "valueFrom": source}]}, api=Api(m={"data": {}}))
    assert (caught.value.reason, caught.value.message) == ("CreateContainerConfigError", message)


def test_fields() -> None:
    wanted = pod(meta={"labels": {"b": "2", "a": 'x"y'}}, nodeName="n1", serviceAccountName="sa")
    around = Surroundings(host_ips=("1.1.1.1", "fd::1"), pod_ips=("10.0.0.1",))
    expected = {
        "metadata.name": "p",
        "metadata.uid": "u1",
        "metadata.labels['b']": "2",
        "metadata.labels['none']": "",
        "metadata.labels": 'a="x\\"y"\nb="2"',
        "spec.nodeName": "n1",
        "spec.serviceAccountName": "sa",
        "status.hostIPs": "1.1.1.1,fd::1",
        "status.podIP": "10.0.0.1",
    }
    assert {path: pod_field(wanted, path, around) for path in expected} == expected


@pytest.mark.parametrize(
    ("ref", "value"),
    [
        ({"resource": "limits.cpu"}, "2"),
        ({"resource": "limits.cpu", "divisor": "1m"}, "1500"),
        ({"resource": "requests.memory", "divisor": "1Mi"}, "64"),
        ({"resource": "requests.cpu"}, "0"),
        ({"resource": "limits.memory"}, "1073741824"),
    ],
)
def test_resources(ref: dict[str, str], value: str) -> None:
    resources = {"limits": {"cpu": "1500m"}, "requests": {"memory": "64Mi"}}
    entry = {"name": "R", "valueFrom": {"resourceFieldRef": ref}}
    wanted = pod({"name": "c", "resources": resources, "env": [entry]})
    container = wanted.spec.containers[0]
    source = container.env[0].valueFrom.resourceFieldRef
    assert resource_field(wanted, container, source, {"memory": "1Gi"}) == value


def service(name: str, namespace: str = "default", ip: str = "10.0.0.9", *ports: dict[str, Any]) -> Any:
    body = {
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"clusterIP": ip, "ports": list(ports)},
    }
    return convert(struct_type("v1", "Service"), body)


def test_service_variables() -> None:
    http = {"name": "http-alt", "port": 80}
    services = [
        service("my-web", "default", "10.0.0.9", http, {"name": "dns", "port": 53, "protocol": "UDP"}),
        service("kubernetes", "default", "10.0.0.1", {"name": "https", "port": 443}),
        service("headless", "default", "None", http),
        service("elsewhere", "other", "10.0.0.8", http),
    ]
    found = service_variables(services, "default", links=True)
    assert found["MY_WEB_SERVICE_HOST"] == "10.0.0.9" and found["MY_WEB_SERVICE_PORT"] == "80"
    assert found["MY_WEB_SERVICE_PORT_HTTP_ALT"] == "80" and found["MY_WEB_PORT"] == "tcp://10.0.0.9:80"
    assert found["MY_WEB_PORT_53_UDP_PROTO"] == "udp"
    assert found["KUBERNETES_SERVICE_HOST"] == "10.0.0.1"
    assert not any(key.startswith(("HEADLESS", "ELSEWHERE")) for key in found)
    assert set(service_variables(services, "other", links=False)) == {
        k for k in found if k.startswith("KUBE")
    }
