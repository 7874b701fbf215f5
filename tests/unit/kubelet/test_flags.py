from __future__ import annotations

from pathlib import Path

import pytest

from wherry.component_flags import UsageError, parse
from wherry.kubelet.flags import FLAGS, settings
from wherry.kubelet.settings import KubeletSettings


def made(*words: str) -> KubeletSettings:
    return settings(parse(FLAGS, words))


def test_defaults() -> None:
    found = made()
    assert found.max_pods == 110 and found.root == Path("/var/lib/kubelet")
    assert found.server.port == 10250 and found.server.read_only_port == 0
    assert found.cluster_domain == "" and found.manifests is None and found.log_max_size == 10 << 20


def test_flags() -> None:
    found = made(
        "--hostname-override=Node1",
        "--cluster-dns=10.0.0.10,10.0.0.11",
        "--node-labels=a=b,c=d",
        "--register-with-taints=k=v:NoSchedule,only:NoExecute",
        "--kube-reserved=cpu=100m,memory=1Gi",
        "--system-reserved=cpu=200m",
        "--pod-manifest-path=/m",
        "--register-schedulable=false",
    )
    assert found.node_name == "node1" and found.cluster_dns == ("10.0.0.10", "10.0.0.11")
    assert found.labels == {"a": "b", "c": "d"} and found.manifests == Path("/m")
    assert found.taints == (
        {"key": "k", "value": "v", "effect": "NoSchedule"},
        {"key": "only", "effect": "NoExecute"},
    )
    assert found.reserved == {"cpu": "300m", "memory": f"{(1 << 30) * 1000}m"}
    assert found.register_unschedulable


def test_the_file_is_under_the_flags(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(
        """
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
maxPods: 50
clusterDomain: file.local
clusterDNS: [10.1.1.1]
authentication: {x509: {clientCAFile: /ca.crt}, webhook: {enabled: true}, anonymous: {enabled: false}}
authorization: {mode: Webhook}
registerWithTaints: [{key: a, effect: NoSchedule}]
staticPodPath: /static
featureGates: {Anything: true}
"""
    )
    found = made(f"--config={path}", "--cluster-domain=flag.local")
    assert (found.max_pods, found.cluster_domain, found.cluster_dns) == (50, "flag.local", ("10.1.1.1",))
    assert found.server.client_ca == Path("/ca.crt") and found.server.authorization == "Webhook"
    assert found.server.token_webhook and found.manifests == Path("/static")
    assert found.taints == ({"key": "a", "effect": "NoSchedule"},)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--anonymous-auth=true",), "always refused"),
        (("--cgroup-driver=x",), "must be cgroupfs or systemd"),
        (("--tls-cert-file=a",), "must be given together"),
        (("--authorization-mode=Maybe",), "AlwaysAllow or Webhook"),
        (("--register-with-taints=bad",), 'invalid taint "bad"'),
        (("--register-with-taints=a=b:Sometimes",), "invalid taint"),
        (("--kube-reserved=cpu=lots",), 'invalid quantity "lots"'),
        (("--container-log-max-size=big",), 'invalid quantity "big"'),
        (("--config=/nope",), "/nope: No such file"),
    ],
)
def test_bad_values_are_one_clear_line(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        made(*words)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "kind: Other", "{", "kind: KubeletConfiguration\nmaxPods: many"])
def test_bad_files_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(UsageError):
        made(f"--config={path}")


def test_names_are_unique() -> None:
    names = [flag.name for flag in FLAGS]
    assert len(names) == len(set(names))
