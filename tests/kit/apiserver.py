"""An API server as a process of its own, and a client that sends exactly the bytes it is told to.

    with ours(tmp_path) as server:
        server.ask("GET", "/api/v1/nodes").status

`reference()` is upstream's server of WHERRY_REFERENCE, behind the same face, or None.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TIMEOUT = 30.0
_SERVING = re.compile(r"Serving securely on .*:(\d+)")


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def message(self) -> str:
        return str(self.json["message"])


@dataclass
class Server:
    port: int
    token: str
    pid: int = 0
    log: list[str] = field(default_factory=list)
    """What the process has written, line by line."""

    def connect(self, context: ssl.SSLContext | None = None) -> ssl.SSLSocket:
        plain = socket.create_connection(("127.0.0.1", self.port), TIMEOUT)
        try:
            return (context or _trusting()).wrap_socket(plain, server_hostname="127.0.0.1")
        except OSError:
            plain.close()
            raise

    def head(self, method: str, target: str, headers: Mapping[str, str], length: int) -> bytes:
        given = {
            "Host": f"127.0.0.1:{self.port}",
            "Authorization": f"Bearer {self.token}",
            "User-Agent": "bad-input/1.0",
            "Content-Type": "application/json",
            "Accept": "application/json",
            "Content-Length": str(length),
            **headers,
        }
        lines = [f"{name}: {value}" for name, value in given.items() if value]
        return "\r\n".join([f"{method} {target} HTTP/1.1", *lines, "", ""]).encode("latin-1")

    def ask(
        self,
        method: str,
        target: str,
        body: Any = b"",
        *,
        context: ssl.SSLContext | None = None,
        **headers: str,
    ) -> Answer:
        """A request on a connection of its own. An empty header value leaves the header out."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        with self.connect(context) as connection:
            return exchange(connection, self.head(method, target, named, len(data)) + data, method)

    def alive(self) -> bool:
        return self.ask("GET", "/readyz").status == 200

    def complaints(self) -> list[str]:
        """Lines of the log that no request may cause."""
        signs = ("Traceback", "panic", "handler failed", "never retrieved")
        return [line for line in self.log if any(sign in line for sign in signs)]


def exchange(connection: ssl.SSLSocket, data: bytes, method: str = "GET") -> Answer:
    """Sends the bytes and reads one answer. A server that has answered may stop listening."""
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        connection.sendall(data)
    return receive(connection, method)


def receive(connection: ssl.SSLSocket, method: str = "GET") -> Answer:
    response = http.client.HTTPResponse(connection, method=method)
    response.begin()
    return Answer(response.status, response.msg, response.read())


def _trusting() -> ssl.SSLContext:
    """Trusts any server: these tests are about what is sent."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def client_context(cert: Path, key: Path) -> ssl.SSLContext:
    context = _trusting()
    context.load_cert_chain(cert, key)
    return context


@contextlib.contextmanager
def ours(folder: Path, *flags: str, token: str = "let-me-in") -> Iterator[Server]:
    """`wherry kube-apiserver` with its store below `folder`, ready."""
    tokens = folder / "tokens.csv"
    tokens.write_text(f'{token},admin,admin,"system:masters"\nplain-{token},someone,someone\n')
    command = [sys.executable, "-m", "wherry", "kube-apiserver", f"--data-dir={folder}/store"]
    command += ["--secure-port=0", "--bind-address=127.0.0.1", f"--cert-dir={folder}/pki"]
    command += [f"--token-auth-file={tokens}", "--service-cluster-ip-range=10.0.0.0/24", *flags]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    log: list[str] = []
    try:
        port = 0
        for line in process.stderr:
            log.append(line)
            if found := _SERVING.search(line):
                port = int(found.group(1))
                break
        assert port, "".join(log)
        reader = threading.Thread(target=log.extend, args=(process.stderr,))
        reader.start()
        yield Server(port, token, process.pid, log)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if port:
            reader.join()
        process.stderr.close()


def reference() -> Server | None:
    named = os.environ.get("WHERRY_REFERENCE", "")
    if not named:
        return None
    root = Path(named)
    port = int((root / "url").read_text().strip().rpartition(":")[2])
    return Server(port, (root / "token").read_text().strip())
