from __future__ import annotations

from pathlib import Path

import pytest

from wherry.component_flags import UsageError, parse
from wherry.controllers.options import FLAGS, settings
from wherry.controllers.registry import CONTROLLERS, ELSEWHERE, chosen
from wherry.controllers.settings import ControllersSettings

KUBEADM = [
    "--allocate-node-cidrs=true",
    "--authentication-kubeconfig=/c",
    "--authorization-kubeconfig=/c",
    "--bind-address=127.0.0.1",
    "--client-ca-file=/ca",
    "--cluster-cidr=10.244.0.0/16",
    "--cluster-name=kubernetes",
    "--cluster-signing-cert-file=/ca",
    "--cluster-signing-key-file=/k",
    "--controllers=*,bootstrapsigner,tokencleaner",
    "--kubeconfig=/c",
    "--leader-elect=true",
    "--requestheader-client-ca-file=/r",
    "--service-account-private-key-file=/k",
    "--service-cluster-ip-range=10.96.0.0/12",
    "--use-service-account-credentials=true",
]


def made(*words: str) -> ControllersSettings:
    return settings(parse(FLAGS, words))


def names(*words: str) -> list[str]:
    return [entry.name for entry in chosen(made(*words))]


def test_kubeadms_command_line_is_understood(tmp_path: Path) -> None:
    result = made(*KUBEADM)
    assert result.cluster_cidrs == ("10.244.0.0/16",)
    assert result.node_mask_v4 == 24
    assert "node-ipam-controller" in [entry.name for entry in chosen(result)]


def test_choice_of_controllers() -> None:
    assert names("--controllers=job-controller") == ["job-controller"]
    assert "job-controller" not in names("--controllers=*,-job")
    assert "garbage-collector-controller" not in names("--enable-garbage-collector=false")
    assert "root-ca-certificate-publisher-controller" not in names()
    assert "deployment-controller" in names()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--controllers=no-such"], '"no-such" is not in the list of known controllers'),
        (["--allocate-node-cidrs"], "--allocate-node-cidrs needs --cluster-cidr"),
        (["--cluster-cidr=10.0.0.0/99"], "--cluster-cidr: '10.0.0.0/99' does not appear to be"),
        (["--cluster-cidr=10.0.0.0/16,10.1.0.0/16"], "at most one range of each family"),
        (["--cluster-cidr=10.0.0.0/25"], "--node-cidr-mask-size: 24 does not fit into 10.0.0.0/25"),
        (["--root-ca-file=/no/such/file"], "--root-ca-file: "),
        (["--concurrent-job-syncs=0"], "--concurrent-job-syncs must be between 1 and 1000"),
    ],
)
def test_wrong_values_are_one_clear_line(words: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=r"^[^\n]+$") as raised:
        made(*words)
    assert message in str(raised.value)


def test_the_table_is_consistent() -> None:
    every = [alias for entry in CONTROLLERS for alias in (entry.name, *entry.aliases)]
    assert len(set(every)) == len(every)
    assert not set(every) & set(ELSEWHERE)
    assert len({flag.name for flag in FLAGS}) == len(FLAGS)
