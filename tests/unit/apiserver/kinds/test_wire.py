import copy

import pytest

from wherry.apiserver.kinds.wire import shape


def tidied(name, obj):
    shape(name).tidy(obj)
    return obj


def test_zero_values_go_and_pointers_stay():
    pod = {
        "metadata": {"name": "x", "creationTimestamp": None, "labels": {}},
        "spec": {
            "hostNetwork": False,
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 0,
            "containers": [{"name": "a", "args": [], "env": [{"name": "X", "value": ""}], "stdin": False}],
            "volumes": [{"name": "v", "emptyDir": {}}],
        },
    }
    assert tidied("core.v1.Pod", pod) == {
        "metadata": {"name": "x"},
        "spec": {
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 0,
            "containers": [{"name": "a", "env": [{"name": "X"}], "resources": {}}],
            "volumes": [{"name": "v", "emptyDir": {}}],
        },
        "status": {},
    }


def test_stanzas_that_are_always_there():
    assert tidied("core.v1.Service", {"metadata": {}})["status"] == {"loadBalancer": {}}
    deployment = tidied("apps.v1.Deployment", {"metadata": {}, "spec": {"template": {"spec": {}}}})
    assert deployment["spec"]["strategy"] == {}
    assert deployment["spec"]["template"]["metadata"] == {}


def test_quantities_and_times_are_canonical():
    quota = {"spec": {"hard": {"cpu": "1000m", "memory": "1024Mi"}}}
    assert tidied("core.v1.ResourceQuota", quota)["spec"]["hard"] == {"cpu": "1", "memory": "1Gi"}
    lease = {"spec": {"renewTime": "2026-01-02T04:04:05.5+01:00"}}
    assert tidied("coordination.v1.Lease", lease)["spec"]["renewTime"] == "2026-01-02T03:04:05.500000Z"


def test_lists_that_go_writes_as_null():
    found = tidied("discovery.v1.EndpointSlice", {"addressType": "IPv4"})
    assert found["endpoints"] is None
    assert found["ports"] is None


@pytest.mark.parametrize("name", ["core.v1.Pod", "apps.v1.StatefulSet", "batch.v1.CronJob", "core.v1.Event"])
def test_idempotent(name):
    once = tidied(name, {"metadata": {"name": "x"}})
    assert tidied(name, copy.deepcopy(once)) == once


def test_definitions_that_contain_themselves():
    schema = {"spec": {"validation": {"openAPIV3Schema": {"properties": {"a": {"nullable": False}}}}}}
    shape("io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition").tidy(schema)
