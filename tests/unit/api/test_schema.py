from __future__ import annotations

import msgspec
import pytest

from wherry.api import schema, scheme
from wherry.api.scheme import Resource, Scheme


def test_every_served_kind_has_a_type() -> None:
    for resource in scheme.builtin().all():
        assert schema.definition_name(resource.api_version, resource.kind), resource
        schema.struct_type(resource.api_version, resource.kind)


def test_typed_pod_reads_like_the_api() -> None:
    pod = schema.decode(
        schema.struct_type("v1", "Pod"),
        b'{"metadata":{"name":"a","creationTimestamp":null,"future":1},"spec":{"containers":[{"name":"c",'
        b'"resources":{"limits":{"cpu":"1"}}}],"volumes":[{"name":"v","emptyDir":{}}]}}',
    )
    assert pod.metadata.name == "a"
    assert pod.spec.nodeName is None
    assert pod.spec.initContainers == []
    assert pod.spec.containers[0].resources.limits == {"cpu": "1"}
    assert pod.spec.volumes[0].emptyDir is not None
    assert pod.spec.volumes[0].hostPath is None
    assert pod.status.conditions == []
    with pytest.raises(AttributeError):
        pod.metadata.name = "b"


def test_nulls_count_as_absent() -> None:
    kind = schema.struct_type("v1", "Pod")
    pod = schema.decode(kind, b'{"spec":{"containers":null,"nodeSelector":null}}')
    assert pod.spec.containers == []
    assert pod.spec.nodeSelector == {}


def test_wrong_types_are_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        schema.decode(schema.struct_type("v1", "Pod"), b'{"spec":{"nodeName":5}}')


def test_keyword_fields_are_reachable() -> None:
    policy = schema.convert(
        schema.struct_type("networking.k8s.io/v1", "NetworkPolicy"), {"spec": {"ingress": [{"from": [{}]}]}}
    )
    assert len(policy.spec.ingress[0].from_) == 1
    assert schema.to_obj(policy)["spec"]["ingress"][0]["from"] == [{}]


def test_resource_paths() -> None:
    pods, deployments = scheme.resource("pods"), scheme.resource("deployments.apps")
    assert pods.path() == "/api/v1/pods"
    assert pods.path("ns", "p", "log") == "/api/v1/namespaces/ns/pods/p/log"
    assert deployments.path("ns") == "/apis/apps/v1/namespaces/ns/deployments"
    assert scheme.resource("nodes").path("ignored", "n") == "/api/v1/nodes/n"
    with pytest.raises(KeyError):
        scheme.resource("pods.apps")


def test_scheme_grows_and_shrinks() -> None:
    table = Scheme(scheme.builtin().all())
    widget = Resource("example.com", "v1", "widgets", "Widget", True)
    table.add(widget)
    assert table.find("example.com", "v1", "widgets") is widget
    assert table.for_kind("example.com/v1", "Widget") is widget
    table.remove(widget)
    assert table.find("example.com", "v1", "widgets") is None
    assert scheme.builtin().find("example.com", "v1", "widgets") is None


def test_descriptions_cover_the_definitions() -> None:
    texts = schema.descriptions()
    assert texts.keys() == schema.definitions().keys()
    assert "node" in texts["io.k8s.api.core.v1.PodSpec"]["nodeName"]
