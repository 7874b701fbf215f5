import pytest

from wherry.api.errors import ApiError

from .state import Admission, State, named

ACTIVE = named("default", status={"phase": "Active"})


def state(**more):
    return State(
        **{"namespaces": [ACTIVE], "serviceaccounts": [named("default", "default")], **more},
    )


def pod(**spec):
    return named("x", "default", spec={"containers": [{"name": "a", "image": "a"}], **spec})


def refusal(admission, resource, obj, **more):
    with pytest.raises(ApiError) as caught:
        admission.admit(resource, obj, **more)
    return caught.value


def test_a_plain_pod_gets_everything():
    made, _ = Admission(state()).admit("pods", pod())
    spec = made["spec"]
    assert spec["serviceAccountName"] == spec["serviceAccount"] == "default"
    assert (spec["priority"], spec["preemptionPolicy"]) == (0, "PreemptLowerPriority")
    assert [t["key"] for t in spec["tolerations"]] == [
        "node.kubernetes.io/not-ready",
        "node.kubernetes.io/unreachable",
    ]
    (volume,) = spec["volumes"]
    assert volume["name"].startswith("kube-api-access-")
    assert [next(iter(source)) for source in volume["projected"]["sources"]] == [
        "serviceAccountToken",
        "configMap",
        "downwardAPI",
    ]
    assert spec["containers"][0]["volumeMounts"] == [
        {
            "name": volume["name"],
            "readOnly": True,
            "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
        }
    ]


def test_same_seed_same_names():
    def names(seed):
        return Admission(state(), seed=seed).admit("pods", pod())[0]["spec"]["volumes"][0]["name"]

    assert names(1) == names(1) != names(2)


def test_no_token_where_none_is_wanted():
    made, _ = Admission(state()).admit("pods", pod(automountServiceAccountToken=False))
    assert "volumes" not in made["spec"]
    shy = named("default", "default", automountServiceAccountToken=False)
    made, _ = Admission(state(serviceaccounts=[shy])).admit("pods", pod())
    assert "volumes" not in made["spec"]


def test_pull_secrets_of_the_account():
    account = named("default", "default", imagePullSecrets=[{"name": "reg"}])
    made, _ = Admission(state(serviceaccounts=[account])).admit("pods", pod())
    assert made["spec"]["imagePullSecrets"] == [{"name": "reg"}]


def test_missing_account():
    error = refusal(Admission(state(serviceaccounts=[])), "pods", pod())
    assert error.message == (
        'pods "x" is forbidden: error looking up service account default/default: serviceaccount "default" '
        "not found"
    )
    assert error.reason == "Forbidden"


def test_missing_namespace():
    error = refusal(Admission(State()), "configmaps", named("x"), namespace="nope")
    assert (error.reason, error.message) == ("NotFound", 'namespaces "nope" not found')


def test_terminating_namespace():
    going = State(namespaces=[named("default", status={"phase": "Terminating"})])
    error = refusal(Admission(going), "configmaps", named("x"))
    assert error.message == (
        'configmaps "x" is forbidden: unable to create new content in namespace default because it is being '
        "terminated"
    )
    assert error.details["causes"] == [
        {
            "reason": "NamespaceTerminating",
            "message": "namespace default is being terminated",
            "field": "metadata.namespace",
        }
    ]


@pytest.mark.parametrize("name", ["default", "kube-system", "kube-public"])
def test_some_namespaces_stay(name):
    admission = Admission(State())
    error = refusal(admission, "namespaces", None, old=named(name), operation="DELETE")
    assert error.message == f'namespaces "{name}" is forbidden: this namespace may not be deleted'


def test_priority_comes_from_the_class():
    high = named("high", value=1000, preemptionPolicy="Never")
    admission = Admission(state(priorityclasses_scheduling_k8s_io=[high]))
    made, _ = admission.admit("pods", pod(priorityClassName="high"))
    assert (made["spec"]["priority"], made["spec"]["preemptionPolicy"]) == (1000, "Never")
    error = refusal(admission, "pods", pod(priorityClassName="nope"))
    assert error.message.endswith("no PriorityClass with name nope was found")
    error = refusal(admission, "pods", pod(priority=5))
    assert "the integer value of priority (5) must not be provided in pod spec" in error.message


def test_default_priority_class():
    default = named("normal", value=10, globalDefault=True)
    made, _ = Admission(state(priorityclasses_scheduling_k8s_io=[default])).admit("pods", pod())
    assert (made["spec"]["priorityClassName"], made["spec"]["priority"]) == ("normal", 10)


def test_updates_keep_priority():
    old = pod(priority=7, preemptionPolicy="Never")
    made, _ = Admission(state()).admit("pods", pod(), old=old)
    assert (made["spec"]["priority"], made["spec"]["preemptionPolicy"]) == (7, "Never")


def limits(**item):
    return state(limitranges=[named("l", "default", spec={"limits": [{"type": "Container", **item}]})])


def test_limit_ranges_fill_in():
    admission = Admission(limits(default={"cpu": "1"}, defaultRequest={"cpu": "500m", "memory": "1Gi"}))
    made, _ = admission.admit("pods", pod())
    assert made["spec"]["containers"][0]["resources"] == {
        "requests": {"cpu": "500m", "memory": "1Gi"},
        "limits": {"cpu": "1"},
    }
    assert made["metadata"]["annotations"]["kubernetes.io/limit-ranger"] == (
        "LimitRanger plugin set: cpu, memory request for container a; cpu limit for container a"
    )


def test_limit_ranges_refuse():
    admission = Admission(limits(max={"cpu": "1"}, min={"memory": "1Gi"}))
    asked = pod(containers=[{"name": "a", "image": "a", "resources": {"limits": {"cpu": "2"}}}])
    assert refusal(admission, "pods", asked).message == (
        'pods "x" is forbidden: [minimum memory usage per Container is 1Gi.  No request is specified, '
        "maximum cpu usage per Container is 1, but limit is 2]"
    )


def test_runtime_class():
    found = named("gvisor", handler="runsc", overhead={"podFixed": {"cpu": "250m"}})
    admission = Admission(state(runtimeclasses_node_k8s_io=[found]))
    made, _ = admission.admit("pods", pod(runtimeClassName="gvisor"))
    assert made["spec"]["overhead"] == {"cpu": "250m"}
    error = refusal(admission, "pods", pod(runtimeClassName="nope"))
    assert error.message == 'pods "x" is forbidden: pod rejected: RuntimeClass "nope" not found'


def test_privileged_where_that_is_not_allowed():
    privileged = [{"name": "a", "image": "a", "securityContext": {"privileged": True}}]
    assert Admission(state()).admit("pods", pod(containers=privileged))
    error = refusal(Admission(state(), allow_privileged=False), "pods", pod(containers=privileged))
    assert error.message == (
        'Pod "x" is invalid: spec.containers[0].securityContext.privileged: Forbidden: disallowed by cluster '
        "policy"
    )


def test_nodes_start_tainted():
    made, _ = Admission(State()).admit("nodes", named("n"))
    assert made["spec"]["taints"] == [{"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}]


def test_bindings_bring_the_zone():
    node = named("n", metadata={"labels": {"topology.kubernetes.io/zone": "z", "other": "x"}})
    binding = named("x", target={"kind": "Node", "name": "n"})
    made, _ = Admission(state(nodes=[node])).admit("pods", binding, subresource="binding")
    assert made["metadata"]["labels"] == {"topology.kubernetes.io/zone": "z"}


def test_storage():
    old, new = (
        named(
            name,
            provisioner="p",
            metadata={
                "creationTimestamp": when,
                "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
            },
        )
        for name, when in (("old", "2026-01-01T00:00:00Z"), ("new", "2026-01-02T00:00:00Z"))
    )
    admission = Admission(state(storageclasses_storage_k8s_io=[old, new]))
    made, _ = admission.admit("persistentvolumeclaims", named("c", "default", spec={}))
    assert made["spec"]["storageClassName"] == "new"
    assert made["metadata"]["finalizers"] == ["kubernetes.io/pvc-protection"]
    made, _ = admission.admit("persistentvolumeclaims", named("c", "default", spec={"storageClassName": ""}))
    assert made["spec"]["storageClassName"] == ""


def test_plugins_can_be_taken_out_and_the_registrys_own_cannot():
    names = [p.name for p in Admission(State(), disabled=("Priority", "ServiceClusterIPs")).plugins]
    assert "Priority" not in names
    assert "ServiceClusterIPs" in names
