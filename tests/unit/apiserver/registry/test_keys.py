from __future__ import annotations

import pytest

from wherry.api.scheme import Resource, builtin, resource
from wherry.apiserver.registry import keys


@pytest.mark.parametrize(
    ("name", "prefix"),
    [
        ("pods", "/registry/pods/"),
        ("services", "/registry/services/specs/"),
        ("endpoints", "/registry/services/endpoints/"),
        ("nodes", "/registry/minions/"),
        ("replicationcontrollers", "/registry/controllers/"),
        ("deployments.apps", "/registry/deployments/"),
        ("ingresses.networking.k8s.io", "/registry/ingress/"),
        ("leases.coordination.k8s.io", "/registry/leases/"),
        ("clusterroles.rbac.authorization.k8s.io", "/registry/clusterroles/"),
        (
            "customresourcedefinitions.apiextensions.k8s.io",
            "/registry/apiextensions.k8s.io/customresourcedefinitions/",
        ),
        ("apiservices.apiregistration.k8s.io", "/registry/apiregistration.k8s.io/apiservices/"),
    ],
)
def test_places_are_upstreams(name: str, prefix: str) -> None:
    assert keys.prefix(resource(name)) == prefix.encode()


def test_custom_resources_stand_by_group() -> None:
    custom = Resource("gateway.networking.k8s.io", "v1", "gateways", "Gateway", True)
    assert keys.prefix(custom) == b"/registry/gateway.networking.k8s.io/gateways/"


def test_prefixes_do_not_clash() -> None:
    stored = {keys.stored(r, builtin()) for r in builtin().all()}
    prefixes = [keys.prefix(r) for r in stored]
    assert len(set(prefixes)) == len(prefixes)


def test_both_event_interfaces_share_one_place() -> None:
    found = keys.stored(resource("events.events.k8s.io"), builtin())
    assert found == resource("events")


def test_versions_share_the_first_listed() -> None:
    older = builtin().find("autoscaling", "v1", "horizontalpodautoscalers")
    assert older is not None
    assert keys.stored(older, builtin()).version == "v2"


def test_routes() -> None:
    assert keys.route(b"/registry/pods/ns/a") == (b"/registry/pods/", b"/registry/pods/ns/")
    assert keys.route(b"/registry/minions/a")[0] == b"/registry/minions/"
    assert keys.route(b"/registry/services/specs/ns/a")[1] == b"/registry/services/specs/"
    assert keys.route(b"/elsewhere")[0] in (b"", b"/")
