"""`Host` on a Linux machine: pod folders, volumes, cgroups, and the runtime configuration from them.

ROOT/pods/UID/etc-hosts, containers/NAME/ATTEMPT (termination message), volumes/...
LOGS/NAMESPACE_NAME_UID/CONTAINER/ATTEMPT.log
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wherry.api.errors import ApiError
from wherry.api.scheme import resource
from wherry.client.rest import Client
from wherry.clock import Clock
from wherry.cri.runtime import Images
from wherry.cri.types import ContainerConfig, ContainerStatus, Image, Mount, SandboxConfig
from wherry.kubelet.host import ContainerStart, SetupError
from wherry.kubelet.machine import containers as configs
from wherry.kubelet.machine.disk import Disk
from wherry.kubelet.machine.dns import DnsSettings, pod_dns, read_resolv_conf
from wherry.kubelet.machine.env import Surroundings, environment
from wherry.kubelet.machine.hosts import node_hosts, pod_hostname, pod_hosts
from wherry.kubelet.machine.objects import ObjectReader
from wherry.kubelet.podspec import host_network
from wherry.kubelet.resources.cgroups import PodCgroups
from wherry.kubelet.volumes.manager import VolumeManager
from wherry.kubelet.volumes.mounts import unmount_all
from wherry.kubelet.volumes.payload import Sources
from wherry.kubelet.volumes.tokens import TokenSource

_MAX_MESSAGE = 4096
_MAX_LOG_MESSAGE = 2048
_LOG_LINES = 80
RUNTIME_CLASSES = resource("runtimeclasses.node.k8s.io")


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What pods may know of their node."""

    name: str
    addresses: Callable[[], Sequence[str]]
    allocatable: Callable[[], Mapping[str, str]]
    memory: int
    services: Callable[[], Iterable[Any]] = tuple


@dataclass(frozen=True, slots=True)
class Folders:
    root: Path = Path("/var/lib/kubelet")
    logs: Path = Path("/var/log/pods")
    etc_hosts: Path = Path("/etc/hosts")

    def pod(self, uid: str) -> Path:
        return self.root / "pods" / uid

    def pod_logs(self, pod: Any) -> Path:
        meta = pod.metadata
        return self.logs / f"{meta.namespace}_{meta.name}_{meta.uid}"

    def termination(self, uid: str, container: str, attempt: int) -> Path:
        return self.pod(uid) / "containers" / container / str(attempt)


class LinuxHost:
    def __init__(
        self,
        client: Client,
        clock: Clock,
        disk: Disk,
        images: Images,
        *,
        node: NodeFacts,
        folders: Folders,
        cgroups: PodCgroups,
        dns: DnsSettings,
    ) -> None:
        self._client = client
        self._disk = disk
        self._images = images
        self._node = node
        self._folders = folders
        self._cgroups = cgroups
        self._dns = dns
        self._seccomp = str(folders.root / "seccomp")
        self._objects = ObjectReader(client)
        self._tokens = TokenSource(client, clock)
        self.volumes = VolumeManager(folders.root, disk, clock)

    def addresses(self, pod: Any) -> Sequence[str]:
        return self._node.addresses()

    async def runtime_handler(self, pod: Any) -> str:
        name = pod.spec.runtimeClassName
        if not name:
            return ""
        try:
            found = await self._client.get(RUNTIME_CLASSES, name)
        except ApiError as error:
            message = f'Failed to create pod sandbox: get RuntimeClass "{name}": {error.message}'
            raise SetupError("FailedCreatePodSandBox", message) from error
        return str(found.handler)

    async def prepare(self, pod: Any) -> None:
        await self._disk.run(self._make_folders, pod)
        await self.volumes.mount(pod, self._sources(pod, ()))

    def _make_folders(self, pod: Any) -> None:
        base, logs = self._folders.pod(pod.metadata.uid), self._folders.pod_logs(pod)
        for container in (
            *pod.spec.initContainers,
            *pod.spec.containers,
            *pod.spec.ephemeralContainers,
        ):
            (base / "containers" / container.name).mkdir(mode=0o750, parents=True, exist_ok=True)
            (logs / container.name).mkdir(mode=0o755, parents=True, exist_ok=True)
        self._cgroups.apply(pod)

    async def refresh(self, pod: Any) -> None:
        ips = tuple(entry.ip for entry in pod.status.podIPs)
        await self.volumes.refresh(pod, self._sources(pod, ips))

    def _sources(self, pod: Any, ips: Sequence[str]) -> Sources:
        return Sources(self._objects, self._tokens, self._around(pod, ips))

    def _around(self, pod: Any, ips: Sequence[str]) -> Surroundings:
        addresses = self._node.addresses()
        return Surroundings(
            host_ips=addresses,
            pod_ips=addresses if host_network(pod) else ips,
            allocatable=self._node.allocatable(),
            services=self._node.services(),
        )

    async def sandbox_config(self, pod: Any, attempt: int) -> SandboxConfig:
        hostname, _ = pod_hostname(pod, self._node.name, self._dns.domain)
        host_dns = await self._disk.run(read_resolv_conf, self._dns.resolv_conf)
        return configs.sandbox(
            pod,
            attempt,
            hostname=hostname,
            dns=pod_dns(pod, self._dns, host_dns),
            log_directory=str(self._folders.pod_logs(pod)),
            cgroup_parent=self._cgroups.path(pod),
            seccomp_root=self._seccomp,
        )

    async def container_config(
        self, pod: Any, start: ContainerStart, image: str, ips: Sequence[str]
    ) -> ContainerConfig:
        container, attempt = start.container, start.attempt
        found = await self._images.image_status(image) or Image(image)
        env = await environment(pod, container, self._around(pod, ips), self._objects)
        mounts = await self.volumes.mounts(pod, container, env)
        mounts += await self._disk.run(self._own_mounts, pod, container, attempt, ips, mounts)
        return configs.container(
            pod,
            container,
            attempt,
            image=found,
            target=start.target,
            env=env,
            mounts=mounts,
            memory_capacity=self._node.memory,
            seccomp_root=self._seccomp,
        )

    def _own_mounts(
        self, pod: Any, container: Any, attempt: int, ips: Sequence[str], mounts: Sequence[Mount]
    ) -> list[Mount]:
        """/etc/hosts and the termination message, unless the pod mounts something there itself."""
        taken = {mount.container_path for mount in mounts}
        result = []
        if "/etc/hosts" not in taken:
            path = self._folders.pod(pod.metadata.uid) / "etc-hosts"
            path.write_text(self._hosts_file(pod, ips))
            path.chmod(0o644)
            result.append(Mount("/etc/hosts", str(path)))
        target = container.terminationMessagePath or "/dev/termination-log"
        if target not in taken:
            path = self._folders.termination(pod.metadata.uid, container.name, attempt)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            path.chmod(0o666)
            result.append(Mount(target, str(path)))
        return result

    def _hosts_file(self, pod: Any, ips: Sequence[str]) -> str:
        if host_network(pod):
            own = self._folders.etc_hosts
            return node_hosts(pod, own.read_text() if own.exists() else "")
        hostname, domain = pod_hostname(pod, self._node.name, self._dns.domain)
        return pod_hosts(pod, ips, hostname.partition(".")[0], domain)

    async def termination_message(self, pod: Any, container: Any, run: ContainerStatus) -> str:
        return await self._disk.run(self._message, pod, container, run)

    def _message(self, pod: Any, container: Any, run: ContainerStatus) -> str:
        path = self._folders.termination(pod.metadata.uid, container.name, run.attempt)
        text = _head(path, _MAX_MESSAGE)
        on_error = container.terminationMessagePolicy == "FallbackToLogsOnError"
        if not text and on_error and run.exit_code != 0:
            return _log_end(self._folders.pod_logs(pod) / container.name / f"{run.attempt}.log")
        return text

    async def resize(self, pod: Any) -> None:
        await self._disk.run(self._cgroups.apply, pod)

    async def release(self, pod: Any) -> None:
        await self.volumes.unmount(pod.metadata.uid)
        await self._disk.run(self._cgroups.remove, pod)
        self._tokens.forget(pod.metadata.uid)

    async def forget(self, uid: str) -> None:
        await self._disk.run(self._remove, uid)

    def _remove(self, uid: str) -> None:
        folder = self._folders.pod(uid)
        unmount_all(folder)
        shutil.rmtree(folder, ignore_errors=True)
        for logs in self._folders.logs.glob(f"*_{uid}"):
            shutil.rmtree(logs, ignore_errors=True)

    async def traces(self) -> list[str]:
        """Uids of the pods that have a folder here."""
        return await self._disk.run(self._uids)

    def _uids(self) -> list[str]:
        pods = self._folders.root / "pods"
        return sorted(path.name for path in pods.iterdir()) if pods.is_dir() else []


def _head(path: Path, limit: int) -> str:
    try:
        with path.open("rb") as file:
            return file.read(limit).decode("utf-8", "replace")
    except FileNotFoundError:
        return ""


def _log_end(path: Path) -> str:
    """The last lines of a container's log without their stamps."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 4 * _MAX_LOG_MESSAGE))
            lines = file.read().decode("utf-8", "replace").splitlines()[-_LOG_LINES:]
    except FileNotFoundError:
        return ""
    texts = [line.split(" ", 3)[3] for line in lines if line.count(" ") >= 3]
    return "\n".join(texts)[-_MAX_LOG_MESSAGE:] + ("\n" if texts else "")
