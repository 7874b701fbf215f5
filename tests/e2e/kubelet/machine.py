"""A machine to try a kubelet on: namespaces of its own, a containerd, an API server and a kubelet.

Everything lives in one network namespace and one mount, pid and uts namespace, with its own /run and
its own control groups, so nothing of it touches the machine the tests run on; killing its process 1
ends it all. Tests run in a thread that has joined the network namespace (`Machine.run`).
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from wherry.api.scheme import resource
from wherry.client.connect import client_from_kubeconfig
from wherry.client.rest import Client
from wherry.clock import RealClock
from wherry.cluster.pki import Authority, Leaf
from wherry.cri.containerd import (
    ContainerdSettings,
    cni_conflist,
    containerd_config,
    find_cni_plugins,
    lacks_sys_resource,
)
from wherry.cri.images import busybox_archive, import_archive, pause_archive

NODE = "machine"
IMAGE = "busybox"

_INIT = """
hostname {node}
mount -t sysfs sysfs /sys
if [ -e /sys/fs/cgroup/cgroup.controllers ] || grep -q '^cgroup2 /sys/fs/cgroup ' /proc/mounts; then
  mount -t cgroup2 cgroup /sys/fs/cgroup
else
  mount -t tmpfs -o mode=755 cgroup /sys/fs/cgroup
  for c in cpu cpuacct cpuset memory devices freezer blkio pids; do
    mkdir /sys/fs/cgroup/$c; mount -t cgroup -o $c cgroup /sys/fs/cgroup/$c
  done
  mkdir /sys/fs/cgroup/systemd; mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd
fi
mount -t tmpfs -o mode=755 run /run
mount --make-rshared /
ip link set lo up
ip link add uplink type veth peer name other
ip addr add 172.31.9.2/24 dev uplink
ip link set uplink up; ip link set other up
ip route add default dev uplink
echo 1 > /proc/sys/net/ipv4/ip_forward
touch {folder}/booted
exec {python} -c 'import signal; signal.pause()'
"""

_API = """
import asyncio, pathlib, shutil, sys
from wherry.testing import Cluster
async def main():
    async with Cluster(nodes=0) as cluster:
        file = await cluster.kubeconfig()
        shutil.copy(file, sys.argv[1] + ".new")
        pathlib.Path(sys.argv[1] + ".new").rename(sys.argv[1])
        await asyncio.Event().wait()
asyncio.run(main())
"""


def _end_with_parent() -> None:
    """Nothing outlives the tests, not even when they are killed."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def missing() -> str:
    """Why a machine can't be made here, "" when it can."""
    if os.geteuid() != 0:
        return "needs root"
    for program in ("containerd", "runc", "ctr", "ip", "nsenter", "unshare", "busybox"):
        if shutil.which(program) is None:
            return f"needs {program}"
    return "" if find_cni_plugins() is not None else "needs the CNI plugins"


class Machine:
    def __init__(self, name: str) -> None:
        self.name = name
        self.cgroup = f"/{name}"
        self.folder = Path(tempfile.mkdtemp(prefix=f"{name}-"))
        self.kubeconfig = self.folder / "kubeconfig"
        self.socket = self.folder / "containerd.sock"
        self.pki = Authority(self.folder / "pki", RealClock())
        self.init = 0
        self.cgroup_root = Path("/sys/fs/cgroup")
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def inside(self) -> Path:
        """The machine's root folder, with what is mounted there."""
        return Path(f"/proc/{self.init}/root")

    # --- up and down

    def up(self) -> None:
        script = _INIT.format(node=NODE, folder=self.folder, python=sys.executable)
        command = ["unshare", "--net", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child"]
        command += ["--mount-proc", "--propagation", "private", "sh", "-ec", script]
        process = self._popen("init", command)
        self._wait(lambda: (self.folder / "booted").exists(), "init")
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        self.init = int(children[0])
        self._start_containerd()
        self.start("api", [sys.executable, "-c", _API, str(self.kubeconfig)])
        asyncio.run(self._import_images())
        self._wait(self.kubeconfig.exists, "api")
        self.start_kubelet()
        self.run(self._settled)

    def down(self) -> None:
        if self.init:
            os.kill(self.init, signal.SIGKILL)
        for process in self._processes.values():
            process.kill()
            process.wait()
        for group in Path("/sys/fs/cgroup").glob(f"**{self.cgroup}"):
            self._remove_group(group)
        shutil.rmtree(self.folder, ignore_errors=True)

    @staticmethod
    def _remove_group(group: Path) -> None:
        for folder in (*sorted(group.rglob("*"), reverse=True), group):
            if folder.is_dir():
                for _ in range(50):  # the kernel takes a moment after the last process
                    try:
                        folder.rmdir()
                        break
                    except OSError:
                        time.sleep(0.02)

    def _start_containerd(self) -> None:
        plugins = find_cni_plugins()
        assert plugins is not None
        conf = self.folder / "cni"
        conf.mkdir()
        network = cni_conflist(["10.244.77.0/24"], bridge="cni0", data_dir=Path("/run/cni"))
        (conf / "10-test.conflist").write_text(network)
        settings = ContainerdSettings(
            root=self.folder / "containerd",
            state=Path("/run/containerd"),
            socket=self.socket,
            cni_config=conf,
            cni_bin=plugins,
            registry_config=self.folder / "certs.d",
            restrict_oom_score_adj=lacks_sys_resource(Path("/proc/self/status").read_text()),
        )
        (self.folder / "config.toml").write_text(containerd_config(settings))
        self.start("containerd", ["containerd", "--config", str(self.folder / "config.toml")])
        self._wait(self.socket.exists, "containerd")

    async def _import_images(self) -> None:
        for name, content in (("pause", pause_archive()), ("busybox", busybox_archive())):
            path = self.folder / f"{name}.tar"
            path.write_bytes(content)
            await import_archive(self.socket, path)

    def start_kubelet(self, *flags: str) -> None:
        cert, key = self.pki.ensure(Leaf("kubelet", NODE, names=("127.0.0.1", NODE)))
        self.start(
            "kubelet",
            [
                *(sys.executable, "-m", "wherry", "kubelet"),
                f"--kubeconfig={self.kubeconfig}",
                f"--hostname-override={NODE}",
                "--node-ip=172.31.9.2",
                f"--container-runtime-endpoint=unix://{self.socket}",
                f"--root-dir={self.folder / 'kubelet'}",
                f"--pod-log-dir={self.folder / 'logs'}",
                f"--pod-manifest-path={self.folder / 'manifests'}",
                f"--cgroup-root={self.cgroup}",
                "--cluster-dns=10.96.0.10",
                "--cluster-domain=cluster.local",
                f"--tls-cert-file={cert}",
                f"--tls-private-key-file={key}",
                f"--client-ca-file={self.folder / 'pki' / 'ca.crt'}",
                *flags,
            ],
        )

    # --- processes

    def start(self, name: str, command: list[str]) -> None:
        """A process inside."""
        enter = ["nsenter", "-t", str(self.init), "-m", "-u", "-i", "-n", "-p", f"--wd={self.folder}"]
        self._popen(name, [*enter, *command])

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        """Kills a process that `start` started, and waits for its end."""
        process = self._processes[name]
        inner = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        for pid in inner or [str(process.pid)]:
            os.kill(int(pid), number)
        process.wait(10)

    def _popen(self, name: str, command: list[str]) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_end_with_parent,
            )
        self._processes[name] = process
        return process

    def _wait(self, condition: Callable[[], bool], name: str, seconds: float = 15.0) -> None:
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end or self._processes[name].poll() is not None:
                log = (self.folder / f"{name}.log").read_text()[-2000:]
                raise RuntimeError(f"{name} did not come up:\n{log}")
            time.sleep(0.02)

    # --- tests

    def run(self, body: Callable[[Client], Awaitable[Any]], timeout: float = 60.0) -> Any:
        """`await body(client)` inside the machine's network."""
        result: list[Any] = []
        failure: list[BaseException] = []

        async def with_client() -> Any:
            client = client_from_kubeconfig(self.kubeconfig, user_agent="test")
            try:
                async with asyncio.timeout(timeout):
                    return await body(client)
            finally:
                await client.close()

        def work() -> None:
            libc = ctypes.CDLL(None, use_errno=True)
            with Path(f"/proc/{self.init}/ns/net").open() as namespace:
                if libc.setns(namespace.fileno(), 0x40000000) != 0:
                    raise OSError(ctypes.get_errno(), "setns")
            try:
                result.append(asyncio.run(with_client()))
            except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
                failure.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        if failure:
            for name in ("kubelet", "api"):
                failure[0].add_note(f"--- {name}\n{self.log(name)[-3000:]}")
            raise failure[0]
        return result[0]

    async def _settled(self, client: Client) -> None:
        """The node is Ready, and the default namespace can take pods."""
        maps, accounts = resource("configmaps"), resource("serviceaccounts")
        bundle = {"metadata": {"name": "kube-root-ca.crt"}, "data": {"ca.crt": self.pki.pem.decode()}}
        await client.create(maps, bundle, "default")
        while True:
            nodes = await client.list(resource("nodes"))
            found = await client.list(accounts, "default")
            if found.items and any(_ready(node) for node in nodes.items):
                return
            await asyncio.sleep(0.02)

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def ctr(self, *words: str) -> str:
        command = ["ctr", "-a", str(self.socket), "-n", "k8s.io", *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _ready(node: Any) -> bool:
    return any(c.type == "Ready" and c.status == "True" for c in node.status.conditions)


def pod(name: str, *command: str, **spec: Any) -> dict[str, Any]:
    """A pod of one busybox container `c`. `container` in `spec` adds to that container."""
    container = {"name": "c", "image": IMAGE, "imagePullPolicy": "IfNotPresent", **spec.pop("container", {})}
    if command:
        container["command"] = list(command)
    base = {"terminationGracePeriodSeconds": 1, "nodeName": NODE, "containers": [container]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, **spec.pop("metadata", {})},
        "spec": {**base, **spec},
    }


def dump(value: Any) -> str:
    return json.dumps(value, indent=1, default=str)
