"""From Services and slices to rules: who may go where, and that deltas add up to the whole."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.proxy.rules import Match, Rules, apply_changes

from .world import endpoint, known, service, slice_

A, B = ("10.244.0.5", 8080), ("10.244.1.7", 8080)


def rules(*objects: Any) -> dict[Match, Any]:
    changes = known(*objects)
    made = Rules()
    apply_changes(made, changes.take(), changes.rules_of)
    return made.in_force


def test_a_cluster_ip_goes_to_all_ready_endpoints() -> None:
    found = rules(
        service(), slice_("web", endpoint(A[0]), endpoint(B[0], "n2"), endpoint("10.9.9.9", ready=False))
    )
    (only,) = found.values()
    assert only.match == ("10.96.0.10", "tcp", 80)
    assert (only.scope, only.backends, only.refuse) == ("cluster", (A, B), "")


@pytest.mark.parametrize(
    ("endpoints", "spec", "backends", "refuse"),
    [
        ([], {}, (), "reject"),
        ([endpoint(A[0], ready=False, serving=True, terminating=True)], {}, (A,), ""),
        ([endpoint(A[0], ready=False, serving=False, terminating=True)], {}, (), "reject"),
        ([endpoint(B[0], "n2")], {"internalTrafficPolicy": "Local"}, (), "drop"),
        ([endpoint(A[0]), endpoint(B[0], "n2")], {"internalTrafficPolicy": "Local"}, (A,), ""),
    ],
)
def test_which_endpoints_of_a_cluster_ip(endpoints: Any, spec: Any, backends: Any, refuse: str) -> None:
    (only,) = rules(service(**spec), slice_("web", *endpoints)).values()
    assert (only.backends, only.refuse) == (backends, refuse)


def test_every_way_in_has_its_rule() -> None:
    found = rules(
        service(
            type="LoadBalancer",
            ports=[{"port": 80, "nodePort": 30080}],
            externalIPs=["192.0.2.1"],
            loadBalancerSourceRanges=["10.0.0.0/8"],
            status={
                "loadBalancer": {"ingress": [{"ip": "192.0.2.9"}, {"ip": "192.0.2.8", "ipMode": "Proxy"}]}
            },
        ),
        slice_("web", endpoint(A[0])),
    )
    assert {m: r.scope for m, r in found.items()} == {
        ("10.96.0.10", "tcp", 80): "cluster",
        ("192.0.2.1", "tcp", 80): "external",
        ("192.0.2.9", "tcp", 80): "balancer",
        ("", "tcp", 30080): "node-port",
    }
    assert found[Match("192.0.2.9", "tcp", 80)].sources == ("10.0.0.0/8",)
    assert found[Match("", "tcp", 30080)].sources == ()


def test_local_policy_keeps_outsiders_on_this_node() -> None:
    local = {"type": "NodePort", "externalTrafficPolicy": "Local"}
    made = service(ports=[{"port": 80, "nodePort": 30080}], **local)
    found = rules(made, slice_("web", endpoint(A[0]), endpoint(B[0], "n2")))
    assert found[Match("", "tcp", 30080)].local == (A,)
    assert found[Match("", "tcp", 30080)].backends == (A, B)
    assert found[Match("10.96.0.10", "tcp", 80)].local is None


def test_ports_are_matched_by_name_and_protocol() -> None:
    made = service(
        ports=[{"name": "dns", "port": 53, "protocol": "UDP"}, {"name": "dns-tcp", "port": 53}],
    )
    numbers = [
        {"name": "dns", "port": 5353, "protocol": "UDP"},
        {"name": "dns-tcp", "port": 5454, "protocol": "TCP"},
    ]
    found = rules(made, slice_("web", endpoint(A[0]), ports=numbers))
    assert {m: r.backends for m, r in found.items()} == {
        ("10.96.0.10", "udp", 53): ((A[0], 5353),),
        ("10.96.0.10", "tcp", 53): ((A[0], 5454),),
    }
    assert {r.name for r in found.values()} == {"d/web:dns", "d/web:dns-tcp"}


@pytest.mark.parametrize("spec", [{"ip": "None"}, {"type": "ExternalName"}, {"ip": ""}, {"ip": "fd00::1"}])
def test_services_without_a_cluster_ip_have_no_rules(spec: Any) -> None:
    assert rules(service(**spec), slice_("web", endpoint(A[0]))) == {}


def test_nothing_odd_reaches_the_commands() -> None:
    odd = "10.1.1.1 }; flush ruleset"
    assert rules(service(ip=odd)) == {}
    assert rules(service('a"b')) == {}
    assert rules(service(ports=[{"name": 'x" y', "port": 80}])) == {}
    found = rules(service(externalIPs=[odd], type="NodePort"), slice_("web", endpoint(odd), endpoint(A[0])))
    (only,) = found.values()
    assert only.backends == (A,)


def test_two_services_that_claim_one_address() -> None:
    made = Rules()
    changes = known(
        service("b", ip="10.96.0.2", externalIPs=["192.0.2.1"]),
        service("a", ip="10.96.0.1", externalIPs=["192.0.2.1"]),
    )
    apply_changes(made, changes.take(), changes.rules_of)
    assert made.in_force[Match("192.0.2.1", "tcp", 80)].name == "d/a"
    changes.on_service("deleted", service("a"), None)
    apply_changes(made, changes.take(), changes.rules_of)
    assert made.in_force[Match("192.0.2.1", "tcp", 80)].name == "d/b"


def test_affinity_defaults_to_three_hours() -> None:
    (only,) = rules(service(sessionAffinity="ClientIP"), slice_("web", endpoint(A[0]))).values()
    assert only.affinity == 10800


def test_health_check_ports_count_local_endpoints() -> None:
    made = service(type="LoadBalancer", externalTrafficPolicy="Local", healthCheckNodePort=31000)
    changes = known(made, slice_("web", endpoint(A[0]), endpoint(B[0], "n2")))
    for key in changes.take():
        changes.rules_of(key)
    assert changes.health_ports() == {31000: ("d/web", 1)}


NAMES = st.sampled_from(["a", "b", "c"])
ENDPOINTS = st.lists(
    st.builds(
        endpoint,
        st.sampled_from(["10.244.0.1", "10.244.0.2", "10.244.0.3"]),
        st.sampled_from(["n1", "n2"]),
        ready=st.booleans(),
        serving=st.booleans(),
    ),
    max_size=3,
)


@st.composite
def services(draw: st.DrawFn) -> Any:
    name = draw(NAMES)
    spec: dict[str, Any] = draw(
        st.fixed_dictionaries(
            {"type": st.sampled_from(["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"])},
            optional={
                "externalTrafficPolicy": st.just("Local"),
                "internalTrafficPolicy": st.just("Local"),
                "externalIPs": st.just(["192.0.2.1"]),
                "sessionAffinity": st.just("ClientIP"),
                "loadBalancerSourceRanges": st.just(["10.0.0.0/8"]),
            },
        )
    )
    ports = [{"port": draw(st.sampled_from([80, 81])), "nodePort": draw(st.sampled_from([30080, 30081]))}]
    status = {"loadBalancer": {"ingress": [{"ip": "192.0.2.2"}]}}
    return service(name, ip=f"10.96.0.{ord(name)}", ports=ports, status=status, **spec)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("service"), services()),
        st.tuples(st.just("no service"), NAMES),
        st.tuples(st.just("slice"), st.builds(slice_, NAMES, name=st.sampled_from(["x", "y"])), ENDPOINTS),
        st.tuples(st.just("no slice"), NAMES, st.sampled_from(["x", "y"])),
        st.tuples(st.just("sync")),
    ),
    max_size=20,
)


def replay(steps: list[Any], changes: Any, at_sync: Any) -> None:
    slices: dict[tuple[str, str], Any] = {}
    for step in steps:
        match step:
            case ("service", made):
                changes.on_service("modified", None, made)
            case ("no service", name):
                changes.on_service("deleted", service(name), None)
            case ("slice", shape, endpoints):
                of = shape.metadata.labels["kubernetes.io/service-name"]
                made = slice_(of, *endpoints, name=f"{of}-{shape.metadata.name}")
                changes.on_slice("modified", slices.get((of, shape.metadata.name)), made)
                slices[of, shape.metadata.name] = made
            case ("no slice", of, name):
                old = slices.pop((of, name), None)
                changes.on_slice("deleted", old, None)
            case ("sync",):
                at_sync()
    at_sync()


@given(STEPS)
def test_deltas_one_by_one_give_what_a_full_sync_gives(steps: list[Any]) -> None:
    changes, made, image = known(), Rules(), {}

    def sync() -> None:
        for match, (before, after) in apply_changes(made, changes.take(), changes.rules_of).items():
            assert image.get(match) == before
            image.pop(match, None)
            if after is not None:
                image[match] = after

    replay(steps, changes, sync)
    whole = Rules()
    apply_changes(whole, sorted(changes.services), changes.rules_of)
    assert image == made.in_force == whole.in_force
