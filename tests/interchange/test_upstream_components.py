"""Upstream's controller manager and scheduler on our API server: boxes can be swapped."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from kit.apiserver import Server, ours

pytestmark = pytest.mark.reference

PEERS = Path(os.environ.get("WHERRY_PEERS", Path(__file__).resolve().parents[3].joinpath("shared", "peers")))
AMOUNT = {"cpu": "4", "memory": "8Gi", "pods": "110"}
NODE = {
    "metadata": {"name": "n1"},
    "status": {
        "allocatable": AMOUNT,
        "capacity": AMOUNT,
        "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
    },
}
LABELS = {"app": "web"}
WEB = {
    "metadata": {"name": "web"},
    "spec": {
        "replicas": 3,
        "selector": {"matchLabels": LABELS},
        "template": {
            "metadata": {"labels": LABELS},
            "spec": {"containers": [{"name": "c", "image": "app:v1"}]},
        },
    },
}


@pytest.fixture(scope="module")
def binaries() -> Path:
    if not (PEERS / "unpack").exists():
        pytest.skip("upstream's binaries are not here ($WHERRY_PEERS)")
    done = subprocess.run([PEERS / "unpack"], check=True, capture_output=True, text=True)
    return Path(done.stdout.strip().splitlines()[-1])


@contextmanager
def component(binary: Path, folder: Path, *flags: str) -> Iterator[None]:
    """One of upstream's processes; it serves nothing itself."""
    common = [f"--kubeconfig={folder / 'kubeconfig'}", "--leader-elect=false", "--secure-port=0"]
    with (folder / f"{binary.name}.log").open("wb") as log:
        process = subprocess.Popen([binary, *common, *flags], stdout=log, stderr=log)
        try:
            yield
            assert process.poll() is None, (folder / f"{binary.name}.log").read_text()[-2000:]
        finally:
            process.terminate()
            process.wait(30)


def write_kubeconfig(server: Server, folder: Path) -> None:
    cluster = {"server": f"https://127.0.0.1:{server.port}", "insecure-skip-tls-verify": True}
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "ours",
        "contexts": [{"name": "ours", "context": {"cluster": "ours", "user": "admin"}}],
        "clusters": [{"name": "ours", "cluster": cluster}],
        "users": [{"name": "admin", "user": {"token": server.token}}],
    }
    (folder / "kubeconfig").write_text(json.dumps(content))


def until(condition: Callable[[], bool], seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.1)


def post(server: Server, path: str, obj: dict[str, Any]) -> None:
    answer = server.ask("POST", path, json.dumps(obj).encode())
    assert answer.status == 201, answer.message


def test_upstreams_controllers_and_scheduler_do_their_work_here(binaries: Path, tmp_path: Path) -> None:
    with ours(tmp_path) as server, ExitStack() as stack:
        write_kubeconfig(server, tmp_path)
        stack.enter_context(component(binaries / "kube-controller-manager", tmp_path))
        stack.enter_context(component(binaries / "kube-scheduler", tmp_path))

        def get(path: str) -> Any:
            return server.ask("GET", path).json

        account = "/api/v1/namespaces/default/serviceaccounts/default"
        until(lambda: server.ask("GET", account).status == 200)
        post(server, "/api/v1/nodes", NODE)
        post(server, "/apis/apps/v1/namespaces/default/deployments", WEB)

        def placed() -> list[str]:
            pods = get("/api/v1/namespaces/default/pods")["items"]
            return [p["spec"].get("nodeName", "") for p in pods]

        until(lambda: placed() == ["n1"] * 3)
        deployments = "/apis/apps/v1/namespaces/default/deployments"
        assert (
            get(f"{deployments}/web")["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "1"
        )
        server.ask("DELETE", f"{deployments}/web")
        until(lambda: not get("/apis/apps/v1/namespaces/default/replicasets")["items"])
