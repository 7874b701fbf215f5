"""A simulated cluster's life as its user sees it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from person import KUBECTL, Person, processes_naming, until

from wherry.clock import parse_rfc3339

pytestmark = pytest.mark.skipif(not KUBECTL.exists(), reason="needs kubectl (make kubectl)")

WEB = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web"},
    "spec": {
        "replicas": 4,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": "nginx"}]},
        },
    },
}
ROLLOUT = ("rollout", "status", "deployment/web", "--timeout=30s")


def ready_nodes(person: Person) -> int:
    return sum(line.split()[1] == "Ready" for line in person.kubectl("get", "nodes").splitlines()[1:])


def test_up_down_up(person: Person) -> None:
    person.kubectl("config", "set-context", "work", "--cluster=office")
    person.kubectl("config", "use-context", "work")
    said = person.wherry("up", "--simulated", "--nodes", "20").stdout
    assert ready_nodes(person) == 20
    for text in (
        'Starting cluster "wherry" with 20 simulated nodes ...',
        "- kube-apiserver ready",
        "- 20 simulated nodes Ready",
        "Ready after",
        'context "wherry" is current',
        "Next:  kubectl get nodes -o wide",
        "End:   wherry down",
    ):
        assert text in said
    person.kubectl("apply", "-f", "-", input=json.dumps(WEB))
    person.kubectl(*ROLLOUT)
    pods = person.kubectl("get", "pods").splitlines()[1:]
    assert [line.split()[1:3] for line in pods] == [["1/1", "Running"]] * 4

    before = {name: c.pid for name, c in person.components().items()}
    again = person.wherry("up").stdout
    assert 'Cluster "wherry" is running already.' in again
    assert "ready  " not in again
    assert {name: c.pid for name, c in person.components().items()} == before

    assert person.context() == "wherry"
    assert "is down. Its data stays in" in person.wherry("down").stdout
    assert person.context() == "work"
    assert_nothing_left(person, "wherry")
    assert "was down already" in person.wherry("down").stdout
    assert "is down. Start it with: wherry up" in person.wherry("status", code=3).stdout
    assert "is down; start it with: wherry up" in person.wherry("demo", code=2).stderr

    assert "20 simulated nodes Ready" in person.wherry("up").stdout
    assert ready_nodes(person) == 20
    assert_heartbeats_are_new(person)
    person.kubectl(*ROLLOUT)
    assert len(person.kubectl("get", "pods").splitlines()) == 5

    person.wherry("delete", "cluster", "wherry")
    assert not (person.clusters / "wherry").exists()
    assert "No clusters" in person.wherry("get", "clusters").stdout


def assert_nothing_left(person: Person, name: str) -> None:
    root = person.clusters / name
    assert processes_naming(root) == []
    assert [entry.name for entry in (root / "run").iterdir()] == ["lock"]
    assert sorted(entry.name for entry in root.iterdir()) == [
        "cluster.json",
        "kubeconfigs",
        "logs",
        "pki",
        "run",
        "store",
    ]
    assert str(root) not in Path("/proc/net/unix").read_text()
    assert person.kubectl("config", "get-contexts", "-o", "name").split() == ["work"]


def assert_heartbeats_are_new(person: Person) -> None:
    """Whatever the node objects say from before, every Lease is newer than the start of its renewer."""
    started = person.components()["simulated-nodes"].started
    leases = json.loads(person.kubectl("-n", "kube-node-lease", "get", "leases", "-o", "json"))["items"]
    assert len(leases) == 20
    assert all(parse_rfc3339(lease["spec"]["renewTime"]) >= started for lease in leases)
    assert all(c.state == "ready" for c in person.components().values())


def test_without_a_container_runtime_it_says_so_and_what_to_install(person: Person) -> None:
    said = person.wherry("up").stdout.splitlines()
    assert "starting with simulated nodes, which run no containers" in said[0]
    assert "containerd" in said[0]
    assert said[1].startswith("For real ones: apt-get install containerd")
    assert 'Starting cluster "wherry" with 1 simulated node ...' in said[2]
    assert "  nodes        1 simulated" in said


def test_as_nobody(tmp_path_factory: pytest.TempPathFactory) -> None:
    prefix = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("needs root, to become nobody")
    again = (
        "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import wherry.cli.root'], check=True)"
    )
    probe = [*prefix, sys.executable, "-c", again]
    if subprocess.run(["env", "-C", "/", *probe], capture_output=True, check=False).returncode:
        pytest.skip("needs a Python that others than root may run")
    folder = tmp_path_factory.mktemp("p")
    for parent in (folder, folder.parent, folder.parent.parent):
        parent.chmod(0o755)
    person = Person(folder / "home", whole_path=True, prefix=prefix)
    os.chown(person.home, 65534, 65534)
    try:
        said = person.wherry("up").stdout
        assert said.startswith("Real pods need root")
        assert "then run wherry up as root." in said or "For real ones: run wherry up as root." in said
    finally:
        person.leave()


def test_two_side_by_side(person: Person) -> None:
    for name in ("one", "two"):
        person.wherry("create", "cluster", "--name", name, "--simulated")
    clusters = {line["cluster"]: line for line in person.lines("get", "clusters")}
    assert clusters["one"]["server"] != clusters["two"]["server"]
    assert all(line["running"] for line in clusters.values())
    assert person.context() == "wherry-two"
    person.kubectl("--context", "wherry-one", "create", "configmap", "mine")
    names = person.kubectl("--context", "wherry-two", "get", "configmaps", "-o", "name")
    assert "mine" not in names
    person.wherry("down", "--name", "two")
    assert person.context() == "wherry-one"
    assert person.status("--name", "one")["running"]
    assert "mine" in person.kubectl("get", "configmaps", "-o", "name")
    printed = person.wherry("get", "kubeconfig", "--name", "one").stdout
    assert clusters["one"]["server"] in printed


def test_two_ups_at_once_make_one_cluster(person: Person) -> None:
    ups = [
        subprocess.Popen(
            person.command("up", "--simulated", "-o", "json"),
            env=person.environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    ends = [json.loads(up.communicate(timeout=60)[0].splitlines()[-1]) for up in ups]
    assert [up.returncode for up in ups] == [0, 0]
    assert ends[0]["server"] == ends[1]["server"]
    person.kubectl("get", "nodes")
    assert (person.clusters / "wherry" / "logs" / "supervisor.log").read_text() == ""


def test_data_dir_wait_none_keep_context(person: Person) -> None:
    place = person.home / "elsewhere"
    lines = person.lines("up", "--simulated", "--data-dir", str(place), "--wait", "none", "--keep-context")
    assert [line["step"] for line in lines[:-1]] == ["Certificates and kubeconfigs", "kube-apiserver ready"]
    assert lines[-1]["dataDir"] == str(place)
    assert lines[-1]["simulated"] is True
    assert person.context() == ""
    person.kubectl("--context", "wherry", "get", "namespaces")
    until(lambda: all(c.state == "ready" for c in person.components().values()))
    assert person.status()["cluster"] == "wherry"
    refused = person.wherry("up", "--simulated", "--data-dir", str(person.home / "third"), code=2).stderr
    assert 'a cluster with the name "wherry" exists already' in refused
    refused = person.wherry("status", "--name", "x", "--data-dir", str(place), code=2).stderr
    assert 'has the cluster "wherry", not "x"' in refused
    person.wherry("delete", "cluster", "--data-dir", str(place))
    assert not place.exists()
