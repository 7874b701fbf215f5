"""Real packets through real rules, in network namespaces of the test's own; both modes, one list of
expectations."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from .network import DATAGRAM, NODE_IN, NODE_OUT, OUTSIDE, PODS, Enforcer, Network

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces"),
    pytest.mark.skipif(shutil.which("ip") is None, reason="needs the ip command (iproute2)"),
]
TOOLS = {"nftables": "nft", "iptables": "iptables-restore"}


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    made = Network()
    try:
        made.up()
        yield made
    finally:
        made.down()


@pytest.fixture(params=["nftables", "iptables"])
def enforcer(request: pytest.FixtureRequest, network: Network) -> Iterator[Enforcer]:
    if shutil.which(TOOLS[request.param]) is None:
        pytest.skip(f"needs {TOOLS[request.param]}")
    made = Enforcer(network, request.param)
    yield made
    made.clean()


def service(name: str, ip: str, **spec: Any) -> Any:
    body = {"clusterIP": ip, "clusterIPs": [ip], "ports": [{"port": 80}], "type": "ClusterIP", **spec}
    return {"metadata": {"name": name, "namespace": "d"}, "spec": body}


def behind(name: str, *pods: str, port: int = 8080, protocol: str = "TCP") -> Any:
    return {
        "metadata": {"name": name, "namespace": "d", "labels": {"kubernetes.io/service-name": name}},
        "addressType": "IPv4",
        "ports": [{"name": "", "port": port, "protocol": protocol}],
        "endpoints": [
            {"addresses": [PODS[p]], "nodeName": "node", "conditions": {"ready": True}} for p in pods
        ],
    }


def pods_in(answers: list[str]) -> set[str]:
    return {answer.split(" ")[0] for answer in answers}


def test_cluster_ip(network: Network, enforcer: Enforcer) -> None:
    enforcer.set([service("web", "10.96.0.10")], [behind("web", "a", "b")])
    for where in ("node", "a", "b"):  # from a pod to itself too: the hairpin
        assert pods_in(network.get(where, "10.96.0.10", 80, 24)) == {"a", "b"}, where
    # Pods keep their address on the way to another pod; the node's becomes what routes back.
    enforcer.set([service("web", "10.96.0.10")], [behind("web", "b")])
    assert network.get("a", "10.96.0.10", 80) == [f"b {PODS['a']}"]
    assert network.get("b", "10.96.0.10", 80) == [f"b {NODE_IN}"]
    assert pods_in(network.get("out", "10.96.0.10", 80)) <= {"OSError", "TimeoutError"}


def test_node_port(network: Network, enforcer: Enforcer) -> None:
    made = service("web", "10.96.0.10", type="NodePort", ports=[{"port": 80, "nodePort": 30080}])
    enforcer.set([made], [behind("web", "a", "b")])
    for where, address in (
        ("node", "127.0.0.1"),
        ("node", NODE_OUT),
        ("out", NODE_OUT),
        ("a", NODE_IN),
        ("b", NODE_OUT),
    ):
        assert pods_in(network.get(where, address, 30080, 24)) == {"a", "b"}, (where, address)
    assert network.get("out", NODE_OUT, 30080)[0].split()[1] == NODE_IN


def test_local_policy_keeps_the_source(network: Network, enforcer: Enforcer) -> None:
    made = service(
        "web",
        "10.96.0.10",
        type="NodePort",
        externalTrafficPolicy="Local",
        ports=[{"port": 80, "nodePort": 30080}],
    )
    enforcer.set([made], [behind("web", "a")])
    assert network.get("out", NODE_OUT, 30080) == [f"a {OUTSIDE}"]
    assert pods_in(network.get("node", NODE_OUT, 30080)) == {"a"}
    assert pods_in(network.get("b", NODE_OUT, 30080)) == {"a"}
    elsewhere = behind("web", "a")
    elsewhere["endpoints"][0]["nodeName"] = "another"
    enforcer.set([made], [elsewhere])
    assert network.get("out", NODE_OUT, 30080) == ["TimeoutError"]
    assert pods_in(network.get("node", NODE_OUT, 30080)) == {"a"}


def test_without_endpoints_connections_are_refused(network: Network, enforcer: Enforcer) -> None:
    made = service("web", "10.96.0.10", type="NodePort", ports=[{"port": 80, "nodePort": 30080}])
    enforcer.set([made], [behind("web", "a")])
    assert pods_in(network.get("node", "10.96.0.10", 80)) == {"a"}
    enforcer.set([made], [])
    for where in ("node", "a"):
        assert network.get(where, "10.96.0.10", 80) == ["ConnectionRefusedError"], where
    assert network.get("out", NODE_OUT, 30080) == ["ConnectionRefusedError"]
    enforcer.set([made], [behind("web", "b")])
    assert pods_in(network.get("node", "10.96.0.10", 80)) == {"b"}


def test_affinity_stays_with_one_endpoint(network: Network, enforcer: Enforcer) -> None:
    made = service("web", "10.96.0.10", sessionAffinity="ClientIP")
    enforcer.set([made], [behind("web", "a", "b")])
    for where in ("node", "a"):
        assert len(pods_in(network.get(where, "10.96.0.10", 80, 16))) == 1
    first = pods_in(network.get("node", "10.96.0.10", 80)).pop()
    other = "b" if first == "a" else "a"
    enforcer.set([made], [behind("web", other)])
    assert pods_in(network.get("node", "10.96.0.10", 80, 4)) == {other}


def test_external_ips_and_source_ranges(network: Network, enforcer: Enforcer) -> None:
    def balanced(ranges: list[str]) -> Any:
        made = service(
            "web",
            "10.96.0.10",
            type="LoadBalancer",
            externalIPs=["192.168.99.1"],
            loadBalancerSourceRanges=ranges,
        )
        made["status"] = {"loadBalancer": {"ingress": [{"ip": "192.168.99.2"}]}}
        return made

    network.ip("out", "route", "replace", "192.168.99.0/24", "via", NODE_OUT)
    enforcer.set([balanced([f"{OUTSIDE}/32"])], [behind("web", "a")])
    assert pods_in(network.get("out", "192.168.99.1", 80)) == {"a"}
    assert pods_in(network.get("out", "192.168.99.2", 80)) == {"a"}
    enforcer.set([balanced(["203.0.113.0/24"])], [behind("web", "a")])
    assert pods_in(network.get("out", "192.168.99.1", 80)) == {"a"}
    assert network.get("out", "192.168.99.2", 80) == ["TimeoutError"]


def test_udp_flows_move_on_with_the_endpoints(network: Network, enforcer: Enforcer) -> None:
    if shutil.which("conntrack") is None:
        pytest.skip("needs conntrack")
    made = service("dns", "10.96.0.53", ports=[{"port": 53, "protocol": "UDP"}])
    enforcer.set([made], [behind("dns", "a", port=5353, protocol="UDP")])
    client = network.start("node", "-S", "-c", DATAGRAM, "10.96.0.53", "53")

    def ask() -> str:
        assert client.stdin is not None and client.stdout is not None
        client.stdin.write("\n")
        client.stdin.flush()
        return client.stdout.readline().strip()

    try:
        assert ask() == "a"
        enforcer.set([made], [behind("dns", "b", port=5353, protocol="UDP")])
        assert ask() == "b"
    finally:
        client.kill()
        client.wait()


def test_nothing_is_left_behind(network: Network, enforcer: Enforcer) -> None:
    made = service("web", "10.96.0.10", type="NodePort", ports=[{"port": 80, "nodePort": 30080}])
    enforcer.set(
        [made, service("s", "10.96.0.11", sessionAffinity="ClientIP")], [behind("web", "a"), behind("s", "a")]
    )
    enforcer.clean()
    if shutil.which("nft"):
        assert "wherry-test" not in network.run("node", "nft", "list", "tables")
    if shutil.which("iptables-save"):
        assert "KUBE-" not in network.run("node", "iptables-save")
