"""A small network of namespaces: a node with a bridge of pods, and a machine outside.

outside 192.168.77.2 --- 192.168.77.1 node 10.244.0.1 --- bridge --- a 10.244.0.11, b 10.244.0.12
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

OUTSIDE, NODE_OUT, NODE_IN = "192.168.77.2", "192.168.77.1", "10.244.0.1"
PODS = {"a": "10.244.0.11", "b": "10.244.0.12"}
HERE = Path(__file__).parent

SERVER = """
import http.server, socket, sys, threading
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = f"{sys.argv[1]} {self.client_address[0]}".encode()
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers()
        self.wfile.write(body)
    def log_message(self, *arguments): pass
def echo():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("", 5353))
    while True:
        _, who = s.recvfrom(100); s.sendto(sys.argv[1].encode(), who)
server = http.server.ThreadingHTTPServer(("", 8080), Handler)
threading.Thread(target=echo, daemon=True).start()
print("ready", flush=True)
server.serve_forever()
"""

CLIENT = """
import json, socket, sys
host, port, times = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
found = []
for _ in range(times):
    try:
        s = socket.create_connection((host, port), timeout=3)
        s.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
        data = b""
        while part := s.recv(4096): data += part
        found.append(data.split(b"\\r\\n\\r\\n", 1)[1].decode())
    except OSError as error:
        found.append(type(error).__name__)
print(json.dumps(found))
"""

DATAGRAM = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("", 40000)); s.settimeout(2)
s.connect((sys.argv[1], int(sys.argv[2])))
for line in sys.stdin:
    s.send(b"x")
    try: print(s.recv(100).decode(), flush=True)
    except OSError as error: print(type(error).__name__, flush=True)
"""


class Network:
    def __init__(self) -> None:
        self._names = {name: f"wkp{os.getpid()}-{name}" for name in ("node", "out", *PODS)}
        self._children: list[subprocess.Popen[str]] = []

    def up(self) -> None:
        for name in self._names.values():
            _run("ip", "netns", "add", name)
        for name in self._names:
            self.ip(name, "link", "set", "lo", "up")
        self.ip("node", "link", "add", "br0", "type", "bridge")
        self.ip("node", "addr", "add", f"{NODE_IN}/24", "dev", "br0")
        self.ip("node", "link", "set", "br0", "up")
        for pod, address in PODS.items():
            self._link(f"v-{pod}", pod, address)
            self.ip("node", "link", "set", f"v-{pod}", "master", "br0")
            self.ip("node", "link", "set", f"v-{pod}", "type", "bridge_slave", "hairpin", "on")
            self.ip(pod, "route", "add", "default", "via", NODE_IN)
        self._link("v-out", "out", OUTSIDE)
        self.ip("node", "addr", "add", f"{NODE_OUT}/24", "dev", "v-out")
        self.ip("node", "route", "add", "default", "via", OUTSIDE)
        for pod in PODS:
            self.start(pod, "-c", SERVER, pod).stdout.readline()  # type: ignore[union-attr]

    def down(self) -> None:
        for child in self._children:
            child.kill()
            child.communicate()
        for name in self._names.values():
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)

    def ip(self, where: str, *words: str) -> None:
        _run("ip", "-n", self._names[where], *words)

    def start(self, where: str, *arguments: str) -> subprocess.Popen[str]:
        """Python in a namespace, with pipes."""
        child = subprocess.Popen(
            ["ip", "netns", "exec", self._names[where], sys.executable, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._children.append(child)
        return child

    def run(self, where: str, *command: str) -> str:
        done = subprocess.run(
            ["ip", "netns", "exec", self._names[where], *command],
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
        )
        return done.stdout

    def get(self, where: str, host: str, port: int, times: int = 1) -> list[str]:
        """Answers ("pod client") to requests, or the name of the error."""
        text = self.run(where, sys.executable, "-S", "-c", CLIENT, host, str(port), str(times))
        found: list[str] = json.loads(text)
        return found

    def _link(self, here: str, there: str, address: str) -> None:
        peer = self._names[there]
        self.ip("node", "link", "add", here, "type", "veth", "peer", "name", "eth0", "netns", peer)
        self.ip("node", "link", "set", here, "up")
        self.ip(there, "addr", "add", f"{address}/24", "dev", "eth0")
        self.ip(there, "link", "set", "eth0", "up")


class Enforcer:
    """The proxy's writing half, in the node's namespace."""

    def __init__(self, network: Network, mode: str) -> None:
        self._child = network.start("node", str(HERE / "enforce.py"), mode)

    def set(self, services: list[Any], slices: list[Any]) -> None:
        self._tell({"services": services, "slices": slices})

    def clean(self) -> None:
        self._tell({"clean": True})

    def _tell(self, state: Any) -> None:
        assert self._child.stdin is not None and self._child.stdout is not None
        self._child.stdin.write(json.dumps(state) + "\n")
        self._child.stdin.flush()
        assert self._child.stdout.readline() == "ok\n"


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
