from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from wherry.cri.types import Dns
from wherry.kubelet.machine.dns import DnsSettings, parse_resolv_conf, pod_dns, read_resolv_conf

from ..kit import pod

CLUSTER = DnsSettings(servers=("10.96.0.10",))
HOST = Dns(("9.9.9.9",), ("corp.example",), ("timeout:1",))


def test_cluster_first() -> None:
    dns = pod_dns(pod(), CLUSTER, HOST)
    assert dns.servers == ("10.96.0.10",) and dns.options == ("ndots:5",)
    assert dns.searches == ("default.svc.cluster.local", "svc.cluster.local", "cluster.local", "corp.example")


@pytest.mark.parametrize(
    ("spec", "servers"),
    [
        ({"dnsPolicy": "Default"}, HOST.servers),
        ({"hostNetwork": True}, HOST.servers),
        ({"hostNetwork": True, "dnsPolicy": "ClusterFirstWithHostNet"}, CLUSTER.servers),
        ({"dnsPolicy": "None"}, ()),
    ],
)
def test_policies(spec: dict[str, Any], servers: tuple[str, ...]) -> None:
    assert pod_dns(pod(**spec), CLUSTER, HOST).servers == servers


def test_without_a_cluster_server_the_hosts_is_taken() -> None:
    assert pod_dns(pod(), DnsSettings(), HOST) == HOST


def test_own_configuration_is_added() -> None:
    config = {
        "nameservers": ["1.1.1.1", "10.96.0.10"],
        "searches": ["own"],
        "options": [{"name": "ndots", "value": "2"}, {"name": "edns0"}],
    }
    dns = pod_dns(pod(dnsConfig=config), CLUSTER, HOST)
    assert dns.servers == ("10.96.0.10", "1.1.1.1") and dns.searches[-1] == "own"
    assert dns.options == ("ndots:2", "edns0")


def test_bounds() -> None:
    config = {"nameservers": [f"1.1.1.{i}" for i in range(9)], "searches": [f"s{i}" for i in range(60)]}
    dns = pod_dns(pod(dnsPolicy="None", dnsConfig=config), CLUSTER, HOST)
    assert len(dns.servers) == 3 and len(dns.searches) == 32


def test_files(tmp_path: Path) -> None:
    text = "# c\nnameserver 1.2.3.4\nnameserver ::1 ; x\nsearch a. b\ndomain c\noptions ndots:1 rotate\n"
    assert parse_resolv_conf(text) == Dns(("1.2.3.4", "::1"), ("c",), ("ndots:1", "rotate"))
    assert read_resolv_conf(str(tmp_path / "none")) == Dns() == read_resolv_conf("")
