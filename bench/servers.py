"""Starting the two API servers that are compared: ours with a durable store, and upstream's."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Server:
    name: str
    url: str
    token: str
    pid: int
    ready_seconds: float = 0.0

    def request(self, method: str, path: str, body: bytes = b"", **headers: str) -> bytes:
        request = urllib.request.Request(self.url + path, body or None, method=method)
        request.add_header("Authorization", f"Bearer {self.token}")
        request.add_header("Content-Type", "application/json")
        for key, value in headers.items():
            request.add_header(key.replace("_", "-"), value)
        context = ssl._create_unverified_context()
        with urllib.request.urlopen(request, context=context, timeout=120) as response:
            content: bytes = response.read()
            return content

    def ready(self) -> bool:
        try:
            return self.request("GET", "/readyz") == b"ok"
        except (OSError, urllib.error.HTTPError):
            return False


def peers() -> Path | None:
    """Where upstream's binaries are: $WHERRY_PEERS, or `shared/peers` beside the checkout."""
    root = Path(__file__).resolve().parent.parent
    candidate = Path(os.environ.get("WHERRY_PEERS", root.parent / "shared" / "peers"))
    return candidate if (candidate / "start-reference").exists() else None


@contextlib.contextmanager
def ours(port: int = 36443) -> Iterator[Server]:
    """`wherry kube-apiserver` alone, on a store on disk."""
    with tempfile.TemporaryDirectory(prefix="wherry-bench-") as folder:
        token = secrets.token_hex(16)
        tokens = Path(folder) / "tokens.csv"
        tokens.write_text(f'{token},admin,admin,"system:masters"\n')
        command = [sys.executable, "-m", "wherry", "kube-apiserver", f"--data-dir={folder}/store"]
        command += [f"--secure-port={port}", f"--token-auth-file={tokens}", f"--cert-dir={folder}/pki"]
        command += ["--bind-address=127.0.0.1", "--service-cluster-ip-range=10.0.0.0/24"]
        log = (Path(folder) / "log").open("wb")
        started = time.monotonic()
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            server = Server("wherry", f"https://127.0.0.1:{port}", token, process.pid)
            _await_ready(server, process)
            yield Server("wherry", server.url, token, process.pid, time.monotonic() - started)
        finally:
            _end(process)


@contextlib.contextmanager
def reference(port: int = 37443) -> Iterator[Server | None]:
    """Upstream's API server and etcd; None when they are not here."""
    found = peers()
    if found is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="wherry-reference-") as folder:
        command = [
            str(found / "start-reference"),
            folder,
            "--port",
            str(port),
            "--etcd-port",
            str(port + 1000),
        ]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            assert process.stdout is not None
            process.stdout.readline()
            token = (Path(folder) / "token").read_text().strip()
            yield Server("reference", f"https://127.0.0.1:{port}", token, process.pid)
        finally:
            _end(process)


def _await_ready(server: Server, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while not server.ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise SystemExit("wherry kube-apiserver did not become ready")
        time.sleep(0.005)


def _end(process: subprocess.Popen[bytes] | subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
