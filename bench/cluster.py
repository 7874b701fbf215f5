"""A real cluster on this machine: `wherry up`, pods, idle memory and CPU. Needs root and containerd.

Runs in a network namespace of its own, with its own data directory and kubeconfig; leaves nothing.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from bench.report import Figure, show

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/e2e/cluster"))

from machine import Machine, missing  # noqa: E402

IDLE_SECONDS = 20
IMAGE = "docker.io/library/busybox:latest"


def pod_spec(name: str) -> dict[str, object]:
    container = {"name": "c", "image": IMAGE, "imagePullPolicy": "IfNotPresent", "command": ["sleep", "3600"]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"bench": "true"}},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 0},
    }


def run_until_running(machine: Machine, count: int, prefix: str) -> float:
    """Seconds from handing `count` pods to kubectl until all are Running."""
    body = "\n---\n".join(json.dumps(pod_spec(f"{prefix}-{n}")) for n in range(count))
    started = time.monotonic()
    machine.kubectl("create", "-f", "-", input=body)
    machine.kubectl(
        "wait", "pod", "-l", "bench=true", "--for=jsonpath={.status.phase}=Running", "--timeout=60s"
    )
    return time.monotonic() - started


def remove_pods(machine: Machine) -> None:
    machine.kubectl("delete", "pod", "-l", "bench=true", "--now")


def cpu_seconds(pids: list[int]) -> float:
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def main() -> None:
    if reason := missing():
        print(f"skipped: {reason}")
        return
    from wherry.cri.images import busybox_archive

    with (
        tempfile.TemporaryDirectory(prefix="wherry-bench-") as folder,
        Machine("wherry-bench", Path(folder)) as m,
    ):
        started = time.monotonic()
        m.wherry("up")
        up = time.monotonic() - started
        archive = Path(folder) / "busybox.tar"
        archive.write_bytes(busybox_archive())
        m.wherry("image", "import", str(archive))
        api_ready = m.component("kube-apiserver")["readySeconds"]
        time.sleep(10)
        components = m.status()["components"]
        memory = sum(c["pssBytes"] for c in components) / 1e6
        pids = [c["pid"] for c in components]
        before = cpu_seconds(pids)
        time.sleep(IDLE_SECONDS)
        cpu = (cpu_seconds(pids) - before) / IDLE_SECONDS * 100
        singles = []
        for number in range(20):
            singles.append(run_until_running(m, 1, f"one-{number}"))
            remove_pods(m)
        thirty = run_until_running(m, 30, "many")
        remove_pods(m)
        for c in components:
            print(
                f"  {c['name']:<26} {c['pssBytes'] / 1e6:6.1f} MB PSS   ready after {c['readySeconds']:.2f} s"
            )
        started = time.monotonic()
        m.wherry("down")
        down = time.monotonic() - started
    show(
        [
            Figure("up until node Ready and DNS answers", up, "s", None, False, "<= 5"),
            Figure("API server ready after exec", api_ready, "s", None, False, "<= 0.7"),
            Figure(
                "one pod, create to Running, median of 20",
                statistics.median(singles),
                "s",
                None,
                False,
                "<= 1",
            ),
            Figure("30 pods at once", thirty, "s", None, False, "<= 5"),
            Figure("idle memory, all components", memory, "MB PSS", None, False, "<= 300"),
            Figure("idle CPU, all components", cpu, "% of a core", None, False, "< 2"),
            Figure("down", down, "s", None, False),
        ]
    )


if __name__ == "__main__":
    main()
