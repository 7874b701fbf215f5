import copy

import pytest

from wherry.apiserver.kinds.core import pods
from wherry.apiserver.kinds.core.qos import qos_class
from wherry.apiserver.kinds.stanzas.pod_defaults import pull_policy
from wherry.apiserver.registry.strategy import Context

STRATEGY = pods.STRATEGY


def pod(**spec):
    made = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "x", "namespace": "default"},
        "spec": {"containers": [{"name": "a", "image": "busybox"}], **spec},
    }
    STRATEGY.default(made)
    STRATEGY.prepare_create(made, Context(0.0))
    return made


def texts(problems):
    return [problem.text() for problem in problems]


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("busybox", "Always"),
        ("busybox:latest", "Always"),
        ("r.io:5000/busybox", "Always"),
        ("busybox:1", "IfNotPresent"),
        ("r.io:5000/busybox:1", "IfNotPresent"),
        ("busybox@sha256:00", "IfNotPresent"),
        ("", "IfNotPresent"),
    ],
)
def test_pull_policy(image, policy):
    assert pull_policy(image) == policy


def container(requests=None, limits=None):
    return {"containers": [{"resources": {"requests": requests or {}, "limits": limits or {}}}]}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (container(), "BestEffort"),
        (container({"cpu": "1"}), "Burstable"),
        (container({"cpu": "1", "memory": "1Gi"}, {"cpu": "1", "memory": "1Gi"}), "Guaranteed"),
        (container({"cpu": "1000m", "memory": "1024Mi"}, {"cpu": "1", "memory": "1Gi"}), "Guaranteed"),
        (container({"cpu": "1"}, {"cpu": "1"}), "Burstable"),
        (container({"example.com/x": "1"}, {"example.com/x": "1"}), "BestEffort"),
        (container({"cpu": "0"}), "BestEffort"),
    ],
)
def test_qos(spec, expected):
    assert qos_class(spec) == expected


def test_created_pods_are_pending():
    assert pod()["status"] == {"phase": "Pending", "qosClass": "BestEffort"}
    gated = pod(schedulingGates=[{"name": "a"}])["status"]["conditions"][0]
    assert (gated["type"], gated["reason"]) == ("PodScheduled", "SchedulingGated")


def test_label_keys_join_the_selector():
    made = {
        "metadata": {"name": "x", "labels": {"v": "1"}},
        "spec": {
            "containers": [],
            "topologySpreadConstraints": [{"labelSelector": {}, "matchLabelKeys": ["v", "absent"]}],
        },
    }
    STRATEGY.prepare_create(made, Context(0.0))
    selector = made["spec"]["topologySpreadConstraints"][0]["labelSelector"]
    assert selector == {"matchExpressions": [{"key": "v", "operator": "In", "values": ["1"]}]}


@pytest.mark.parametrize(
    ("change", "asked", "seconds"),
    [
        ({}, None, 0),
        ({"nodeName": "n"}, None, 30),
        ({"nodeName": "n", "terminationGracePeriodSeconds": 7}, None, 7),
        ({"nodeName": "n"}, 0, 0),
        ({"nodeName": "n"}, 5, 5),
        ({"nodeName": "n"}, -1, 1),
    ],
)
def test_grace(change, asked, seconds):
    assert pods.grace(pod(**change), asked) == seconds


def test_finished_pods_go_at_once():
    done = pod(nodeName="n")
    done["status"]["phase"] = "Succeeded"
    assert pods.grace(done, None) == 0


def test_image_tolerations_and_deadline_may_change():
    old = pod(nodeName="n")
    new = copy.deepcopy(old)
    new["spec"]["containers"][0]["image"] = "other"
    new["spec"]["tolerations"] = [{"key": "a", "operator": "Exists"}]
    new["spec"]["activeDeadlineSeconds"] = 5
    assert STRATEGY.validate_update(new, old) == []


def test_other_changes_are_refused_with_what_differs():
    old = pod()
    new = copy.deepcopy(old)
    new["spec"]["containers"][0]["command"] = ["sh"]
    (problem,) = STRATEGY.validate_update(new, old)
    assert problem.text().startswith(
        "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"
        "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to "
        "existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was "
        "previously negative)\n"
    )
    assert '+ \t\t\t\tCommand: ["sh"],' in problem.text()


def test_containers_may_not_come_and_go():
    old = pod()
    new = copy.deepcopy(old)
    new["spec"]["containers"].append({"name": "b", "image": "b"})
    expected = "spec.containers: Forbidden: pod updates may not add or remove containers"
    assert texts(STRATEGY.validate_update(new, old)) == [expected]


def test_tolerations_may_not_go():
    old = pod(tolerations=[{"key": "a", "operator": "Exists"}])
    assert texts(STRATEGY.validate_update(pod(), old)) == [
        "spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds"
    ]


def test_gated_pods_may_be_narrowed_down():
    old = pod(schedulingGates=[{"name": "a"}], nodeSelector={"a": "b"})
    new = copy.deepcopy(old)
    new["spec"]["nodeSelector"]["c"] = "d"
    new["spec"]["affinity"] = {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [{"matchExpressions": [{"key": "x", "operator": "Exists"}]}]
            }
        }
    }
    assert STRATEGY.validate_update(new, old) == []
    new["spec"]["nodeSelector"] = {"c": "d"}
    assert "only additions to spec.nodeSelector" in texts(STRATEGY.validate_update(new, old))[0]


def test_finished_containers_stay_finished():
    old = pod(restartPolicy="Never")
    new = copy.deepcopy(old)
    old["status"]["containerStatuses"] = [{"name": "a", "state": {"terminated": {"exitCode": 0}}}]
    new["status"]["containerStatuses"] = [{"name": "a", "state": {"running": {}}}]
    assert texts(STRATEGY.validate_status(new, old)) == [
        "status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state"
    ]


def test_the_kubelet_does_not_touch_owners():
    old, new = pod(), pod()
    old["metadata"]["ownerReferences"] = [{"uid": "1"}]
    new["status"] = {"phase": "Running"}
    STRATEGY.prepare_status(new, old, Context(0.0))
    assert new["metadata"]["ownerReferences"] == [{"uid": "1"}]
    assert new["status"]["qosClass"] == "BestEffort"
