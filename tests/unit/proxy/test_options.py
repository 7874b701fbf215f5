"""Flags and the configuration file."""

from __future__ import annotations

from pathlib import Path

import pytest

from wherry.component_flags import UsageError, parse
from wherry.proxy.options import FLAGS, settings

CONFIG = """
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
bindAddress: 0.0.0.0
clientConnection: {kubeconfig: /var/lib/kube-proxy/kubeconfig.conf}
clusterCIDR: 10.244.0.0/16
conntrack: {maxPerCore: null}
healthzBindAddress: ""
hostnameOverride: ""
iptables: {localhostNodePorts: null, masqueradeAll: false, masqueradeBit: 9, minSyncPeriod: 0s}
mode: "iptables"
nodePortAddresses: null
"""


def test_flags() -> None:
    found = settings(
        parse(
            FLAGS,
            ["--cluster-cidr=10.1.2.3/16,fd00::/48", "--hostname-override", "n1", "--proxy-mode=nftables"],
        )
    )
    assert (found.node, found.mode) == ("n1", "nftables")
    assert found.ruling.cluster_cidr == "10.1.0.0/16"
    assert (found.healthz, found.min_sync) == ("0.0.0.0:10256", 0.1)


def test_kubeadms_configuration(tmp_path: Path) -> None:
    path = tmp_path / "config.conf"
    path.write_text(CONFIG)
    found = settings(parse(FLAGS, [f"--config={path}", "--hostname-override=node-a"]))
    assert (found.node, found.mode, found.kubeconfig) == (
        "node-a",
        "iptables",
        "/var/lib/kube-proxy/kubeconfig.conf",
    )
    assert (found.ruling.masquerade_bit, found.ruling.localhost_node_ports, found.min_sync) == (9, True, 1.0)


@pytest.mark.parametrize(
    "line",
    [
        ["--proxy-mode=ipvs"],
        ["--cluster-cidr=x"],
        ["--nodeport-addresses=1.2.3"],
        ["--iptables-masquerade-bit=40"],
        ["--table-name=a b"],
        ["--chain-suffix=ABC"],
        ["--healthz-bind-address=0.0.0.0:http"],
        ["--config=/nowhere"],
    ],
)
def test_bad_values_are_usage_errors(line: list[str]) -> None:
    with pytest.raises(UsageError):
        settings(parse(FLAGS, line))


@pytest.mark.parametrize(
    "text", ["", "[]", "{", "kind: Pod", CONFIG.replace("9", "x"), CONFIG + "\nnftables: 1"]
)
def test_a_bad_configuration_is_one_clear_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "c"
    path.write_text(text)
    with pytest.raises(UsageError):
        settings(parse(FLAGS, ["--config", str(path)]))
