from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from wherry.controllers.endpoints import selection
from wherry.controllers.endpoints.legacy import CAPACITY, subsets, truncated
from wherry.controllers.endpoints.packing import Slice, identity, pack
from wherry.controllers.endpoints.plan import plan

from .world import pod, typed


def service(**spec: Any) -> Any:
    full = {
        "selector": {"app": "web"},
        "clusterIP": "10.0.0.9",
        "ipFamilies": ["IPv4"],
        "ports": [{"name": "http", "port": 80, "targetPort": "web", "protocol": "TCP"}],
        **spec,
    }
    metadata = {"name": "web", "namespace": "ns", "uid": "web", "labels": {"team": "a"}}
    return typed({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": full})


def web(name: str, ip: str = "10.1.0.1", port: int = 8080, **status: Any) -> Any:
    container = {"name": "c", "ports": [{"name": "web", "containerPort": port, "protocol": "TCP"}]}
    return pod(name, labels={"app": "web"}, podIP=ip, containers=[container], **status)


def nowhere(name: str) -> None:
    return None


endpoint_names = st.lists(st.integers(0, 40), unique=True, max_size=40)


@given(before=endpoint_names, after=endpoint_names, limit=st.integers(1, 7))
def test_packing_holds_all_once_within_the_limit_and_moves_none(
    before: list[int], after: list[int], limit: int
) -> None:
    def entry(number: int) -> dict[str, Any]:
        return {"addresses": [f"10.0.0.{number}"], "targetRef": {"name": str(number)}}

    first = pack([], map(entry, before), limit)
    slices = {f"s{i}": list(e) for i, e in enumerate(first.create)}
    second = pack([Slice(n, e) for n, e in slices.items()], map(entry, after), limit)
    result = {**slices, **second.update, **{f"t{i}": e for i, e in enumerate(second.create)}}
    result = {name: e for name, e in result.items() if name not in second.delete}
    packed = [identity(one) for group in result.values() for one in group]
    assert sorted(packed) == sorted(identity(entry(n)) for n in after)
    assert all(0 < len(group) <= limit for group in result.values())
    assert not set(second.update) & set(second.delete)
    for name, group in slices.items():
        kept = [identity(e) for e in group if identity(e) in packed]
        assert [k for k in kept if k in [identity(e) for e in result.get(name, [])]] == kept


def test_unchanged_endpoints_are_not_written() -> None:
    made = plan(service(), [web("a")], nowhere, [], 100).create[0]
    existing = typed(
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            **made,
            "metadata": {**made["metadata"], "name": "web-x"},
        }
    )
    again = plan(service(), [web("a")], nowhere, [existing], 100)
    assert (again.create, again.update, again.delete) == ([], [], [])


def test_a_slice_says_what_upstream_says() -> None:
    made = plan(service(), [web("a")], nowhere, [], 100).create[0]
    assert made["metadata"]["labels"] == {
        "team": "a",
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
        "kubernetes.io/service-name": "web",
    }
    assert made["ports"] == [{"name": "http", "port": 8080, "protocol": "TCP"}]
    assert made["endpoints"] == [
        {
            "addresses": ["10.1.0.1"],
            "conditions": {"ready": True, "serving": True, "terminating": False},
            "targetRef": {"kind": "Pod", "namespace": "ns", "name": "a", "uid": "uid-a"},
            "nodeName": "n1",
        }
    ]


def test_without_endpoints_there_is_one_empty_slice_a_family() -> None:
    made = plan(service(ipFamilies=["IPv4", "IPv6"]), [], nowhere, [], 100).create
    assert [(one["addressType"], one["endpoints"], one["ports"]) for one in made] == [
        ("IPv4", [], []),
        ("IPv6", [], []),
    ]


def test_pods_with_another_number_for_the_named_port_get_a_slice_of_their_own() -> None:
    made = plan(service(), [web("a"), web("b", "10.1.0.2", 9090)], nowhere, [], 100).create
    assert sorted(one["ports"][0]["port"] for one in made) == [8080, 9090]


def test_terminating_pods_serve_but_are_not_ready() -> None:
    going = web("a", deletionTimestamp="2026-01-01T00:00:00Z")
    told = selection.endpoint(service(), going, None, "IPv4")["conditions"]
    assert told == {"ready": False, "serving": True, "terminating": True}
    published = service(publishNotReadyAddresses=True)
    assert selection.endpoint(published, going, None, "IPv4")["conditions"]["ready"] is True


def test_host_name_and_zone() -> None:
    named = web("a", spec={"hostname": "a-0", "subdomain": "web"})
    node = typed(
        {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1", "labels": {selection.ZONE: "z"}}}
    )
    made = selection.endpoint(service(), named, node, "IPv4")
    assert (made["hostname"], made["zone"]) == ("a-0", "z")


def test_legacy_endpoints_part_ready_and_not() -> None:
    found = subsets(service(), [web("b", "10.1.0.2", ready=False), web("a")])
    assert [a["ip"] for a in found[0]["addresses"]] == ["10.1.0.1"]
    assert [a["ip"] for a in found[0]["notReadyAddresses"]] == ["10.1.0.2"]
    assert found[0]["ports"] == [{"name": "http", "port": 8080, "protocol": "TCP"}]


def test_legacy_endpoints_are_cut_at_a_thousand() -> None:
    many = [{"addresses": [{"ip": str(i)} for i in range(CAPACITY + 5)], "notReadyAddresses": [{"ip": "x"}]}]
    kept, over = truncated(many)
    assert over
    assert len(kept[0]["addresses"]) == CAPACITY
    assert kept[0]["notReadyAddresses"] == []
