import ipaddress
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.api.errors import ApiError
from wherry.apiserver.admission.bands import Bands, lower_band

from .state import Admission, State, named

ONLY = ("ServiceClusterIPs", "ServiceNodePorts")


def service(name="x", **spec):
    return named(
        name, "default", spec={"type": "ClusterIP", "ports": [{"port": 80, "protocol": "TCP"}], **spec}
    )


def cluster(*services, **settings):
    state = State(services=services)
    return state, Admission(state, only=ONLY, **settings)


def store(state, admission, obj):
    made, conclude = admission.admit("services", obj)
    state.put("services", made)
    conclude(True)
    return made["spec"]


def refusal(admission, obj, **more):
    with pytest.raises(ApiError) as caught:
        admission.admit("services", obj, **more)
    return caught.value.message


def test_addresses_come_from_the_upper_band():
    state, admission = cluster()
    spec = store(state, admission, service())
    address = ipaddress.ip_address(spec["clusterIP"])
    assert address in ipaddress.ip_network("10.0.0.0/24")
    assert address > ipaddress.ip_address("10.0.0.16")
    assert spec["clusterIPs"] == [spec["clusterIP"]]
    assert (spec["ipFamilies"], spec["ipFamilyPolicy"]) == (["IPv4"], "SingleStack")


def test_every_address_once_and_then_none():
    state, admission = cluster(service_cluster_ip_ranges=("10.0.0.0/27",))
    given = {store(state, admission, service(f"s{i}"))["clusterIP"] for i in range(30)}
    assert len(given) == 30
    assert not {"10.0.0.0", "10.0.0.31"} & given
    message = refusal(admission, service("more"))
    assert message == "Internal error occurred: failed to allocate a serviceIP: range is full"


def test_a_taken_address_is_free_again_when_its_service_is_gone():
    state, admission = cluster()
    store(state, admission, service("a", clusterIP="10.0.0.9"))
    wanted = service("b", clusterIP="10.0.0.9")
    assert refusal(admission, wanted) == (
        'Service "b" is invalid: spec.clusterIPs: Invalid value: ["10.0.0.9"]: failed to allocate IP '
        "10.0.0.9: provided IP is already allocated"
    )
    state.objects["services"].clear()
    assert store(state, admission, wanted)["clusterIP"] == "10.0.0.9"


def test_what_was_there_before_counts():
    _, admission = cluster(service("old", clusterIP="10.0.0.9", clusterIPs=["10.0.0.9"]))
    assert "already allocated" in refusal(admission, service(clusterIP="10.0.0.9"))


def test_a_failed_write_gives_back():
    _, admission = cluster()
    wanted = service(clusterIP="10.0.0.9")
    _, conclude = admission.admit("services", wanted)
    assert "already allocated" in refusal(admission, service("y", clusterIP="10.0.0.9"))
    conclude(False)
    admission.admit("services", wanted)


def test_dry_runs_take_nothing():
    _, admission = cluster()
    for _ in range(2):
        admission.admit("services", service(clusterIP="10.0.0.9"), dry_run=True)


def test_generated_names_own_their_address():
    state, admission = cluster()
    generated = service(clusterIP="10.0.0.9")
    generated["metadata"] = {"generateName": "x-"}
    made, conclude = admission.admit("services", generated)
    made["metadata"].update(name="x-1", namespace="default")
    state.put("services", made)
    conclude(True)
    assert "already allocated" in refusal(admission, service("y", clusterIP="10.0.0.9"))


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            {"clusterIP": "1.2.3.4"},
            'spec.clusterIPs: Invalid value: ["1.2.3.4"]: failed to allocate IP 1.2.3.4: the provided IP '
            "(1.2.3.4) is not in the valid range. The range of valid IPs is 10.0.0.0/24",
        ),
        (
            {"ipFamilies": ["IPv6"]},
            'spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster',
        ),
        (
            {"ipFamilyPolicy": "RequireDualStack"},
            'spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for '
            "dual-stack services",
        ),
        (
            {"ipFamilies": ["IPv4", "IPv6"]},
            "spec.ipFamilyPolicy: Invalid value: \"SingleStack\": must be 'RequireDualStack' or "
            "'PreferDualStack' when multiple IP families are specified",
        ),
        (
            {"clusterIP": "fd00::1"},
            'spec.clusterIPs[0]: Invalid value: ["fd00::1"]: IPv6 is not configured on this cluster',
        ),
        (
            {"clusterIPs": ["10.0.0.7"]},
            'spec.clusterIPs: Invalid value: ["10.0.0.7"]: must be empty when `clusterIP` is not specified',
        ),
        (
            {"type": "NodePort", "ports": [{"port": 80, "nodePort": 80}]},
            "spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. The range "
            "of valid ports is 30000-32767",
        ),
    ],
)
def test_refused(spec, message):
    _, admission = cluster()
    assert refusal(admission, service(**spec)) == f'Service "x" is invalid: {message}'


def test_headless():
    _, admission = cluster()
    made, _ = admission.admit("services", service(clusterIP="None", selector={"a": "b"}))
    assert (made["spec"]["clusterIPs"], made["spec"]["ipFamilies"]) == (["None"], ["IPv4"])
    made, _ = admission.admit("services", service(clusterIP="None"))
    assert (made["spec"]["ipFamilies"], made["spec"]["ipFamilyPolicy"]) == (
        ["IPv4", "IPv6"],
        "RequireDualStack",
    )


def test_external_names_get_nothing():
    _, admission = cluster()
    made, _ = admission.admit("services", service(type="ExternalName", externalName="a.b"))
    assert not {"clusterIP", "clusterIPs", "ipFamilies"} & made["spec"].keys()


def test_two_families():
    state, admission = cluster(service_cluster_ip_ranges=("10.0.0.0/24", "fd00::/108"))
    spec = store(state, admission, service(ipFamilyPolicy="PreferDualStack"))
    assert spec["ipFamilies"] == ["IPv4", "IPv6"]
    assert [":" in address for address in spec["clusterIPs"]] == [False, True]


def test_updates_keep_what_they_leave_out():
    state, admission = cluster()
    old = service(type="NodePort")
    before = store(state, admission, old)
    made, _ = admission.admit("services", service(type="NodePort"), old=state.get("services", "x", "default"))
    assert made["spec"]["clusterIP"] == before["clusterIP"]
    assert made["spec"]["ports"] == before["ports"]


def test_becoming_an_external_name_lets_go():
    state, admission = cluster()
    spec = store(state, admission, service())
    named_now = service(**{**spec, "type": "ExternalName", "externalName": "a.b"})
    made, _ = admission.admit("services", named_now, old=state.get("services", "x", "default"))
    assert "clusterIP" not in made["spec"]


def test_node_ports():
    state, admission = cluster()
    dns = [{"port": 53, "protocol": "TCP"}, {"port": 53, "protocol": "UDP"}, {"port": 80, "protocol": "TCP"}]
    ports = [p["nodePort"] for p in store(state, admission, service(type="NodePort", ports=dns))["ports"]]
    assert ports[0] == ports[1] != ports[2]
    assert all(30086 <= port <= 32767 for port in ports)
    taken = [{"port": 1, "protocol": "TCP", "nodePort": ports[2]}]
    assert refusal(admission, service("y", type="NodePort", ports=taken)) == (
        f'Service "y" is invalid: spec.ports[0].nodePort: Invalid value: {ports[2]}: provided port is '
        "already allocated"
    )


def test_load_balancers():
    state, admission = cluster()
    local = store(state, admission, service(type="LoadBalancer", externalTrafficPolicy="Local"))
    assert local["healthCheckNodePort"] != local["ports"][0]["nodePort"]
    bare = store(state, admission, service("y", type="LoadBalancer", allocateLoadBalancerNodePorts=False))
    assert "nodePort" not in bare["ports"][0]


def test_a_refused_port_gives_the_others_back():
    state, admission = cluster()
    ports = [{"port": 1, "protocol": "TCP", "nodePort": 30100}, {"port": 2, "protocol": "TCP", "nodePort": 1}]
    refusal(admission, service(type="NodePort", ports=ports))
    store(state, admission, service(type="NodePort", ports=ports[:1]))


@given(st.integers(1, 300), st.integers(0, 2**32))
def test_bands_give_each_number_once(size, seed):
    bands = Bands(size, lower_band(size, 16, 16, 256), random.Random(seed), lambda owner, number: True)
    taken = []
    while (number := bands.take_any()) is not None:
        taken.append(number)
        bands.settle((number,), f"ns/{number}")
    assert sorted(taken) == list(range(size))
    upper = [n >= lower_band(size, 16, 16, 256) for n in taken]
    assert upper == sorted(upper, reverse=True)
