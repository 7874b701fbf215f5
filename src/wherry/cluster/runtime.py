"""What a machine needs to run real pods, and the cluster's own containerd."""

from __future__ import annotations

import asyncio
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from wherry.cluster.settings import ClusterSettings, Paths
from wherry.component_flags import UsageError
from wherry.cri.containerd import (
    ContainerdSettings,
    cni_conflist,
    containerd_config,
    find_cni_plugins,
    lacks_sys_resource,
)
from wherry.cri.images import import_archive, pause_archive

_PROGRAMS = {
    "containerd": "containerd",
    "runc": "runc",
    "nft": "nftables",
}
_SYSTEM_FOLDERS = ":/usr/sbin:/sbin"
"""Not on everybody's PATH, but on root's."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether this machine can run real pods; if not, what is missing and what to do about it."""

    missing: tuple[str, ...]
    packages: tuple[str, ...]

    @property
    def real(self) -> bool:
        return not self.missing

    def advice(self) -> str:
        """What to do for real pods, as one clause."""
        steps = ["apt-get install " + " ".join(self.packages)] if self.packages else []
        if "root" in self.missing:
            steps.append("run wherry up as root")
        return ", then ".join(steps)


def probe() -> Verdict:
    missing, packages = [], []
    if os.geteuid() != 0:
        missing.append("root")
    for program, package in _PROGRAMS.items():
        if shutil.which(program, path=os.environ.get("PATH", "") + _SYSTEM_FOLDERS) is None:
            missing.append(program)
            packages.append(package)
    if find_cni_plugins() is None:
        missing.append("the CNI plugins")
        packages.append("containernetworking-plugins")
    return Verdict(tuple(missing), tuple(packages))


def has_apparmor() -> bool:
    return Path("/sys/module/apparmor/parameters/enabled").exists()


def prepare(paths: Paths, settings: ClusterSettings) -> None:
    """containerd's configuration and the pods' network. Idempotent."""
    plugins = find_cni_plugins()
    if plugins is None:
        raise UsageError("the CNI plugins are missing: apt-get install containernetworking-plugins")
    conf = paths.containerd / "cni"
    conf.mkdir(parents=True, exist_ok=True)
    network = cni_conflist(
        [settings.node_pod_cidr],
        bridge=settings.bridge,
        data_dir=paths.run / "cni",
        name=settings.cgroup,
    )
    (conf / "10-wherry.conflist").write_text(network)
    config = ContainerdSettings(
        root=paths.containerd / "root",
        state=Path("/run/containerd") / settings.cgroup,
        socket=paths.containerd_socket,
        cni_config=conf,
        cni_bin=plugins,
        registry_config=paths.containerd / "certs.d",
        restrict_oom_score_adj=lacks_sys_resource(Path("/proc/self/status").read_text()),
        apparmor=has_apparmor(),
    )
    (paths.containerd / "config.toml").write_text(containerd_config(config))


async def import_pause_image(paths: Paths) -> None:
    """Into the running containerd. Idempotent and quick: the image is a thousand bytes."""
    archive = paths.containerd / "pause.tar"
    await asyncio.to_thread(archive.write_bytes, pause_archive())
    await import_archive(paths.containerd_socket, archive)
