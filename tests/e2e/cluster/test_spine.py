"""A pod's whole way with upstream's kubectl: from `create deployment` to containers and back."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from os import kill
from pathlib import Path

import pytest
from machine import Machine

pytestmark = pytest.mark.root

SERVE = "mkdir -p /w; hostname > /w/index.html; echo serving; exec httpd -f -p 80 -h /w"
WEB = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web"},
    "spec": {
        "replicas": 3,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {
                "terminationGracePeriodSeconds": 1,
                "containers": [
                    {
                        "name": "busybox",
                        "image": "docker.io/library/busybox:latest",
                        "imagePullPolicy": "IfNotPresent",
                        "command": ["sh", "-c", SERVE],
                        "ports": [{"containerPort": 80}],
                        "readinessProbe": {"httpGet": {"port": 80}, "periodSeconds": 1},
                    }
                ],
            },
        },
    },
}


def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def web(machine: Machine) -> Machine:
    """The Deployment, rolled out, behind a Service."""
    machine.kubectl("apply", "-f", "-", input=json.dumps(WEB))
    machine.kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    machine.kubectl("expose", "deployment", "web", "--port=80")
    return machine


def pod_names(machine: Machine) -> list[str]:
    return sorted(p["metadata"]["name"] for p in machine.get("pods", "-l", "app=web")["items"])


def test_the_node_is_real(machine: Machine) -> None:
    lines = machine.kubectl("get", "nodes", "-o", "wide").splitlines()
    assert len(lines) == 2
    assert " Ready " in lines[1]
    assert "containerd://" in lines[1]
    assert "v1.37" in lines[1]


def test_pods_run_with_addresses(web: Machine) -> None:
    lines = web.kubectl("get", "pods", "-o", "wide", "-l", "app=web").splitlines()
    assert lines[0].split()[:6] == ["NAME", "READY", "STATUS", "RESTARTS", "AGE", "IP"]
    assert len(lines) == 4
    assert all(line.split()[1:3] == ["1/1", "Running"] for line in lines[1:])


def test_the_service_answers_from_the_host_and_from_pods_from_all(web: Machine) -> None:
    address = web.get("service", "web")["spec"]["clusterIP"]
    names = set(pod_names(web))

    def from_host() -> str:
        return web.run("curl", "-s", "--max-time", "5", f"http://{address}", check=False).stdout.strip()

    seen: set[str] = set()
    until(lambda: bool(seen.add(from_host()) or seen >= names))
    pod = pod_names(web)[0]
    seen = set()

    def from_pod(url: str) -> str:
        return web.kubectl("exec", pod, "--", "timeout", "5", "wget", "-qO-", url, check=False).strip()

    until(lambda: bool(seen.add(from_pod(f"http://{address}")) or seen >= names))
    assert from_pod("http://web.default.svc.cluster.local") in names
    assert from_pod("http://web") in names


def test_logs_exec_describe_events(web: Machine) -> None:
    pod = pod_names(web)[0]
    assert web.kubectl("logs", pod) == "serving\n"
    assert web.kubectl("exec", pod, "--", "hostname") == f"{pod}\n"
    assert web.kubectl("exec", "-i", pod, "--", "wc", "-c", input="x" * 100_000).strip() == "100000"
    described = web.kubectl("describe", "pod", pod)
    for text in ("Scheduled", "Pulled", "Created", "Started", "Successfully assigned default/"):
        assert text in described
    events = web.kubectl("get", "events")
    assert "ScalingReplicaSet" in events
    assert "Scaled up replica set web-" in events


def test_exit_codes_come_through_exec(web: Machine) -> None:
    from machine import KUBECTL

    done = web.run(str(KUBECTL), "exec", pod_names(web)[0], "--", "sh", "-c", "exit 7", check=False)
    assert done.returncode == 7


def test_scale_and_rollback(web: Machine) -> None:
    web.kubectl("scale", "deployment", "web", "--replicas=4")
    web.kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    assert len(pod_names(web)) == 4
    web.kubectl("set", "env", "deployment/web", "A=b")
    web.kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    web.kubectl("rollout", "undo", "deployment/web")
    web.kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    containers = web.get("deployment", "web")["spec"]["template"]["spec"]["containers"]
    assert "env" not in containers[0]
    web.kubectl("scale", "deployment", "web", "--replicas=3")
    until(lambda: len(pod_names(web)) == 3)


def started_at(machine: Machine) -> dict[str, str]:
    return {
        p["metadata"]["name"]: p["status"]["containerStatuses"][0]["state"]["running"]["startedAt"]
        for p in machine.get("pods", "-l", "app=web")["items"]
    }


@pytest.mark.parametrize(
    "name",
    [
        "kube-scheduler",
        "kube-controller-manager",
        "kube-proxy",
        "dns",
        "kubelet",
        "containerd",
        "kube-apiserver",
    ],
)
def test_a_killed_component_is_back_and_containers_run_on(web: Machine, name: str) -> None:
    before = started_at(web)
    web.kubectl("create", "configmap", f"before-{name}", "--from-literal=a=b")
    pid = web.component(name)["pid"]
    kill(pid, signal.SIGKILL)
    until(lambda: web.component(name)["pid"] not in (0, pid), 2)
    until(lambda: web.component(name)["state"] == "ready", 10)
    assert web.get("configmap", f"before-{name}")["data"] == {"a": "b"}
    assert started_at(web) == before


def test_down_leaves_nothing_and_up_finds_everything(web: Machine) -> None:
    data = Path(web.environment["WHERRY_HOME"]) / "wherry"
    web.wherry("down")
    mounts = Path("/proc/self/mountinfo").read_text()
    assert str(data) not in mounts
    assert web.run("nft", "list", "tables").stdout == ""
    assert "wherry" not in web.run("ip", "-o", "link").stdout
    assert not [p for p in Path("/sys/fs/cgroup").glob("*/wherry-wherry") if p.is_dir()]
    assert not _processes_naming(data)
    web.wherry("up")
    assert web.get("deployment", "web")["spec"]["replicas"] == 3
    web.kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    assert len(pod_names(web)) == 3


def _processes_naming(path: Path) -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if str(path) in line:
                found.append(line)
    return found


def test_delete_takes_everything_away(web: Machine) -> None:
    web.kubectl("delete", "deployment,service", "web")
    until(lambda: not pod_names(web))
