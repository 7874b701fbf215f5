import copy

from wherry.apiserver.kinds.core.services import STRATEGY
from wherry.apiserver.registry.strategy import Context


def service(**spec):
    made = {"metadata": {"name": "x", "namespace": "default"}, "spec": {"ports": [{"port": 80}], **spec}}
    STRATEGY.default(made)
    return made


def changed(old, **spec):
    new = copy.deepcopy(old)
    new["spec"].update(spec)
    STRATEGY.default(new)
    STRATEGY.prepare_update(new, old, Context(0.0))
    return new["spec"]


def cells(made):
    return {column.name: column.value(made, 0.0) for column in STRATEGY.columns}


def test_ports_default_to_themselves():
    assert service()["spec"]["ports"] == [{"port": 80, "protocol": "TCP", "targetPort": 80}]


def test_what_only_the_old_type_needs_goes_with_it():
    old = service(type="NodePort", ports=[{"port": 80, "nodePort": 30000}], clusterIP="10.0.0.1")
    spec = changed(old, type="ClusterIP")
    assert "nodePort" not in spec["ports"][0]
    assert "externalTrafficPolicy" not in spec


def test_what_was_changed_is_left_for_validation_to_refuse():
    old = service(type="NodePort", ports=[{"port": 80, "nodePort": 30000}])
    spec = changed(old, type="ClusterIP", ports=[{"port": 80, "nodePort": 30001}])
    assert spec["ports"][0]["nodePort"] == 30001


def test_columns():
    shown = cells(
        service(
            type="NodePort", clusterIPs=["10.0.0.1"], ports=[{"port": 80, "nodePort": 30000}, {"port": 53}]
        )
    )
    assert (shown["Cluster-IP"], shown["External-IP"]) == ("10.0.0.1", "<none>")
    assert shown["Port(s)"] == "80:30000/TCP,53/TCP"
    balanced = service(type="LoadBalancer")
    assert cells(balanced)["External-IP"] == "<pending>"
    balanced["status"]["loadBalancer"] = {"ingress": [{"ip": "1.2.3.4"}]}
    assert cells(balanced)["External-IP"] == "1.2.3.4"
    assert cells(service(type="ExternalName", externalName="a.b"))["External-IP"] == "a.b"


def test_cluster_ips_stay():
    old = service(clusterIP="10.0.0.1", clusterIPs=["10.0.0.1"], ipFamilies=["IPv4"])
    new = copy.deepcopy(old)
    new["spec"].update(clusterIP="10.0.0.2", clusterIPs=["10.0.0.2"])
    (problem,) = STRATEGY.validate_update(new, old)
    assert problem.text() == 'spec.clusterIPs[0]: Invalid value: ["10.0.0.2"]: may not change once set'
