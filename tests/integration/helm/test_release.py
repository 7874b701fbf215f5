"""A chart's life with upstream's helm: install, upgrade, rollback, uninstall."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.transcript import BIN, Terminal
from wherry.testing import ThreadedCluster

TEMPLATE = """
apiVersion: v1
kind: ConfigMap
metadata: {name: "{{ .Release.Name }}-settings"}
data: {color: "{{ .Values.color }}", minor: "{{ .Capabilities.KubeVersion.Minor }}"}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: "{{ .Release.Name }}-web"}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "example.com/web:1"}]}
"""

pytestmark = pytest.mark.skipif(
    not ((BIN / "helm").exists() and (BIN / "kubectl").exists()), reason="no helm: `make kubectl`"
)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    chart = tmp_path / "chart"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: small\nversion: 0.1.0\n")
    (chart / "values.yaml").write_text("replicas: 2\ncolor: blue\n")
    (chart / "templates" / "all.yaml").write_text(TEMPLATE)
    with ThreadedCluster(nodes=1) as cluster:
        yield Terminal(cluster.kubeconfig, tmp_path)


def color(terminal: Terminal) -> str:
    return terminal.run("kubectl -n apps get configmap demo-settings -o jsonpath={.data.color}")


def test_a_release_from_install_to_uninstall(terminal: Terminal) -> None:
    installed = terminal.run("helm install demo chart -n apps --create-namespace --wait --timeout 20s")
    assert "STATUS: deployed" in installed
    assert color(terminal) == "blue"
    ready = terminal.run("kubectl -n apps get deployment demo-web -o jsonpath={.status.readyReplicas}")
    assert ready == "2"

    assert "has been upgraded" in terminal.run("helm upgrade demo chart -n apps --set color=red")
    assert color(terminal) == "red"
    assert terminal.run("helm rollback demo 1 -n apps").startswith("Rollback was a success")
    assert color(terminal) == "blue"

    history = json.loads(terminal.run("helm history demo -n apps -o json"))
    assert [(entry["revision"], entry["status"]) for entry in history] == [
        (1, "superseded"),
        (2, "superseded"),
        (3, "deployed"),
    ]
    assert terminal.run("helm uninstall demo -n apps --wait --timeout 20s") == 'release "demo" uninstalled'
    assert terminal.run("kubectl -n apps get deployments,configmaps -o name | grep demo") == "[exit 1]"


def test_a_template_that_the_server_refuses_installs_nothing(terminal: Terminal) -> None:
    out = terminal.run("helm install bad chart --set replicas=-1")
    assert 'Deployment.apps "bad-web" is invalid: spec.replicas: Invalid value: -1' in out
    assert out.endswith("[exit 1]")
