from __future__ import annotations

import os

import pytest
from person import KUBECTL, Person, machine_module


@pytest.mark.skipif(not KUBECTL.exists(), reason="needs kubectl (make kubectl)")
def test_the_tour_on_simulated_nodes(running: Person) -> None:
    said = running.wherry("demo").stdout
    assert "$ kubectl get nodes -o wide\nNAME" in said
    assert 'deployment "web" successfully rolled out' in said
    assert 'namespace "tour" deleted' in said
    assert said.rstrip().endswith("wherry down")
    assert len(said.splitlines()) < 80
    running.wherry("demo")


@pytest.mark.skipif(not KUBECTL.exists(), reason="needs kubectl (make kubectl)")
def test_the_tour_leaves_alone_what_is_there(running: Person) -> None:
    running.kubectl("create", "namespace", "tour")
    assert "the namespace tour exists" in running.wherry("demo", code=2).stderr
    running.kubectl("delete", "namespace", "tour")


def test_without_kubectl(running: Person) -> None:
    assert "kubectl is not on the PATH" in running.wherry("demo", code=2, PATH="/nowhere").stderr


@pytest.mark.root
def test_the_tour_on_a_real_node(tmp_path_factory: pytest.TempPathFactory) -> None:
    machines = machine_module()
    if reason := machines.missing():
        pytest.skip(reason)
    home = tmp_path_factory.mktemp("p")
    commands = Person(home / "person", whole_path=True)
    with machines.Machine(f"wherry-tour-{os.getpid()}", home) as machine:
        machine.environment["PATH"] = commands.environment["PATH"]
        machine.wherry("up")
        said = machine.wherry("demo").stdout
        assert "exec deployment/web -- wget -qO- http://web\nweb-" in said
        assert "logs deployment/web\n" in said
        assert "serving" in said
        assert 'namespace "tour" deleted' in said
        machine.wherry("down")
