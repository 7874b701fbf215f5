"""Flags and the configuration file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from wherry.component_flags import UsageError, parse
from wherry.scheduler.options import FLAGS, settings

CONFIG = """
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
leaderElection: {leaderElect: false, leaseDuration: 20s}
clientConnection: {kubeconfig: /etc/k}
percentageOfNodesToScore: 50
podMaxBackoffSeconds: 20
profiles: [{schedulerName: a}, {schedulerName: b}]
"""


def test_upstreams_manifest_is_accepted() -> None:
    line = [
        "--authentication-kubeconfig=/etc/kubernetes/scheduler.conf",
        "--authorization-kubeconfig=/etc/kubernetes/scheduler.conf",
        "--bind-address=127.0.0.1",
        "--kubeconfig=/etc/kubernetes/scheduler.conf",
        "--leader-elect=true",
        "--leader-elect-lease-duration=1m",
        "-v=2",
    ]
    found = settings(parse(FLAGS, line))
    assert found.kubeconfig == "/etc/kubernetes/scheduler.conf"
    assert (found.leader_election.enabled, found.leader_election.lease_duration) == (True, 60.0)


def test_configuration_file(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(CONFIG)
    found = settings(parse(FLAGS, ["--config", str(path)]))
    assert found.profiles == ("a", "b")
    assert (found.kubeconfig, found.max_backoff) == ("/etc/k", 20.0)
    assert (found.leader_election.enabled, found.leader_election.lease_duration) == (False, 20.0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[1]",
        "{",
        "kind: Pod\napiVersion: v1",
        CONFIG.replace("50", "101"),
        CONFIG.replace("20s", "x"),
        CONFIG.replace("schedulerName: b", "schedulerName: a"),
        CONFIG.replace("podMaxBackoffSeconds: 20", "podMaxBackoffSeconds: -1"),
    ],
)
def test_a_bad_configuration_is_one_clear_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(UsageError):
        settings(parse(FLAGS, ["--config", str(path)]))


def test_a_missing_configuration_file() -> None:
    with pytest.raises(UsageError, match="No such file"):
        settings(parse(FLAGS, ["--config", "/nowhere/at/all"]))


def test_numpy_is_not_loaded_by_the_flags() -> None:
    code = "import sys, wherry.scheduler.options; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
