"""Two real clusters on one machine keep apart: ports, addresses, bridges, rules, data."""

from __future__ import annotations

from pathlib import Path

import pytest
from machine import Machine

pytestmark = pytest.mark.root


def test_a_second_cluster_beside_the_first(machine: Machine) -> None:
    try:
        machine.wherry("up", "--name", "second")
        nodes = {
            context: machine.kubectl("--context", context, "get", "nodes", "--no-headers")
            for context in ("wherry", "wherry-second")
        }
        assert all(" Ready " in line for line in nodes.values())
        archive = str(machine.home / "busybox.tar")
        machine.wherry("image", "import", archive, "--name", "second")
        addresses = set()
        for context in nodes:
            run = [
                "run",
                "one",
                "--image=docker.io/library/busybox:latest",
                "--image-pull-policy=IfNotPresent",
            ]
            machine.kubectl("--context", context, *run, "--", "sleep", "600")
            machine.kubectl("--context", context, "wait", "pod/one", "--for=condition=Ready", "--timeout=30s")
            jsonpath = "jsonpath={.status.podIP}"
            addresses.add(machine.kubectl("--context", context, "get", "pod", "one", "-o", jsonpath))
            resolved = machine.kubectl(
                "--context", context, "exec", "one", "--", "nslookup", "kubernetes.default.svc.cluster.local"
            )
            assert "Address" in resolved
        assert len({address.rsplit(".", 2)[0] for address in addresses}) == 2
    finally:
        machine.wherry("delete", "cluster", "second")
    assert " Ready " in machine.kubectl("get", "nodes", "--no-headers")
    assert "wherry1" not in machine.run("ip", "-o", "link").stdout
    assert not (Path(machine.environment["WHERRY_HOME"]) / "second").exists()
    machine.kubectl("delete", "pod", "one", "--now")
