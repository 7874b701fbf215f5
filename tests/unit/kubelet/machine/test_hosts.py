from __future__ import annotations

from typing import Any

import pytest

from wherry.kubelet.machine.hosts import node_hosts, pod_hostname, pod_hosts

from ..kit import pod


def test_a_pods_file() -> None:
    text = pod_hosts(pod(hostAliases=[{"ip": "1.1.1.1", "hostnames": ["a", "b"]}]), ("10.0.0.1",), "p", "")
    assert text.startswith("# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n")
    assert "\n10.0.0.1\tp\n" in text
    assert text.endswith("\n# Entries added by HostAliases.\n1.1.1.1\ta\tb\n")


def test_with_a_domain() -> None:
    text = pod_hosts(pod(), ("10.0.0.1",), "p", "sub.default.svc.cluster.local")
    assert text.endswith("10.0.0.1\tp.sub.default.svc.cluster.local\tp\n")


def test_the_nodes_file_is_kept() -> None:
    assert node_hosts(pod(), "1.2.3.4 x\n") == "# Kubernetes-managed hosts file (host network).\n1.2.3.4 x\n"


@pytest.mark.parametrize(
    ("spec", "name", "domain"),
    [
        ({}, "p", ""),
        ({"hostname": "h"}, "h", ""),
        ({"hostname": "h", "subdomain": "s"}, "h", "s.default.svc.cluster.local"),
        (
            {"subdomain": "s", "setHostnameAsFQDN": True},
            "p.s.default.svc.cluster.local",
            "s.default.svc.cluster.local",
        ),
        ({"hostNetwork": True}, "node", ""),
    ],
)
def test_hostname(spec: dict[str, Any], name: str, domain: str) -> None:
    assert pod_hostname(pod(**spec), "node", "cluster.local") == (name, domain)


def test_long_names_are_cut() -> None:
    assert len(pod_hostname(pod(meta={"name": "a" * 80}), "node", "cluster.local")[0]) == 63
