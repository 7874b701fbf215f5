"""The API server over TLS with 32 connections, beside upstream's in the same run.

Load comes from wrk on loopback, a few seconds a measurement. Lists are timed one after another from
one connection, with and without gzip.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from bench.report import Figure, show
from bench.servers import Server, ours, reference

SECONDS = 5
PODS = 3700
LISTS = 5
NAMESPACE = "/api/v1/namespaces/default"
CREATE = """
local n = 0
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
request = function()
  n = n + 1
  local body = '{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"' .. PREFIX .. n
    .. '"},"data":{"a":"b"}}'
  return wrk.format(nil, nil, nil, body)
end
"""


def pod(number: int) -> bytes:
    """About 6.5 kB as served, like a pod of a real cluster."""
    environment = [{"name": f"SETTING_{i}", "value": "x" * 60} for i in range(30)]
    container = {"name": "c", "image": "registry.example/app:v1", "env": environment}
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": f"pod-{number:05}", "labels": {"app": f"app-{number % 50}"}},
            "spec": {"containers": [container], "automountServiceAccountToken": False},
        }
    ).encode()


def wrk(server: Server, path: str, script: str = "") -> float:
    """Requests a second; a run in which any request failed counts for nothing."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script)
        file.flush()
        command = ["wrk", "-t1", "-c32", f"-d{SECONDS}s", "-H", f"Authorization: Bearer {server.token}"]
        command += ["-s", file.name] if script else []
        done = subprocess.run([*command, server.url + path], capture_output=True, text=True, check=True)
    found = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    if "Non-2xx" in done.stdout or found is None:
        raise SystemExit(f"{server.name}: requests failed\n{done.stdout}")
    return float(found.group(1))


def list_seconds(server: Server, **headers: str) -> float:
    """The best of a few, as the machine is shared."""
    best = float("inf")
    for _ in range(LISTS):
        started = time.perf_counter()
        size = len(server.request("GET", f"{NAMESPACE}/pods?limit=0", **headers))
        best = min(best, time.perf_counter() - started)
    assert size > 100_000
    return best


def rss_mb(pid: int) -> float:
    """Of a process and its children."""
    total = 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) in _family(pid):
            for line in (entry / "status").read_text().splitlines():
                if line.startswith("VmRSS:"):
                    total += int(line.split()[1])
    return total / 1000


def _family(pid: int) -> set[int]:
    done = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False
    )
    return {pid, *(int(p) for p in done.stdout.split())}


def measure(server: Server) -> dict[str, float]:
    found = {"idle memory": rss_mb(server.pid)}
    server.request("POST", f"{NAMESPACE}/serviceaccounts", b'{"metadata":{"name":"default"}}')
    server.request("POST", f"{NAMESPACE}/configmaps", b'{"metadata":{"name":"one"},"data":{"a":"b"}}')
    found["get"] = wrk(server, f"{NAMESPACE}/configmaps/one")
    found["create"] = wrk(server, f"{NAMESPACE}/configmaps", f'PREFIX = "c-"{CREATE}')
    started = time.perf_counter()
    for number in range(PODS):
        server.request("POST", f"{NAMESPACE}/pods", pod(number))
    found["pods one by one"] = PODS / (time.perf_counter() - started)
    found["list"] = list_seconds(server)
    found["list gzip"] = list_seconds(server, Accept_Encoding="gzip")
    found["memory"] = rss_mb(server.pid)
    started = time.perf_counter()
    server.request("DELETE", f"{NAMESPACE}/pods?gracePeriodSeconds=0")
    found["delete collection"] = time.perf_counter() - started
    return found


def main() -> None:
    if shutil.which("wrk") is None:
        print("skipped: needs wrk (apt-get install wrk)")
        return
    with ours() as server:
        ready = server.ready_seconds
        mine = measure(server)
    theirs: dict[str, float] = {}
    with reference() as other:
        if other is not None:
            theirs = measure(other)
    rows = [
        ("get", "GET one object", "/s", True, ">= 5x"),
        ("create", "CREATE ConfigMap", "/s", True, ">= 2x"),
        ("pods one by one", "CREATE Pod, one connection each", "/s", True, ""),
        ("list", f"LIST {PODS} pods", "s", False, ">= 3x"),
        ("list gzip", f"LIST {PODS} pods, gzip", "s", False, ">= 10x"),
        ("delete collection", f"delete collection of {PODS} pods", "s", False, ""),
        ("idle memory", "memory idle", "MB", False, ""),
        ("memory", f"memory with {PODS} pods", "MB", False, ""),
    ]
    figures = [Figure("ready after exec", ready, "s", None, False, "<= 0.7")]
    figures += [
        Figure(text, mine[key], unit, theirs.get(key), higher, goal) for key, text, unit, higher, goal in rows
    ]
    show(figures)


if __name__ == "__main__":
    main()
