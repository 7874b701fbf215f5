"""A control group for each pod, holding the groups of its containers, with the pod's own limits.

    ROOT/kubepods/podUID                  Guaranteed
    ROOT/kubepods/burstable/podUID        ROOT/kubepods/besteffort/podUID

cgroup v1 and v2 through files (the `cgroupfs` driver). With the `systemd` driver only the name of the
slice is ours; systemd makes it. What is missing (no cgroups, no right to write) costs limits on pod
level, never the pod. Blocking: run it in a thread. Upstream: `kubelet/cm`.
"""

from __future__ import annotations

import contextlib
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from wherry.kubelet.resources.qos import PERIOD, pod_amount, qos_class, quota, shares

log = logging.getLogger("wherry.kubelet")

Driver = Literal["cgroupfs", "systemd"]
_V1 = ("cpu", "memory", "pids")
_V2_CONTROLLERS = "+cpu +memory +pids +cpuset"


@dataclass(frozen=True, slots=True)
class PodLimits:
    cpu_shares: int
    cpu_quota: int = 0
    memory: int = 0
    pids: int = 0


def pod_limits(pod: Any, pids: int = 0) -> PodLimits:
    """A pod without a limit on one of its containers has none as a whole."""
    cpu = pod_amount(pod, "limits", "cpu")
    memory = pod_amount(pod, "limits", "memory")
    return PodLimits(
        cpu_shares=shares(pod_amount(pod, "requests", "cpu") or 0),
        cpu_quota=quota(cpu or 0),
        memory=memory or 0,
        pids=max(0, pids),
    )


class PodCgroups:
    def __init__(
        self, parent: str, driver: Driver, *, pids: int = 0, mount: Path = Path("/sys/fs/cgroup")
    ) -> None:
        """`parent` is the node's own group, "" or "/" for the root."""
        self._parent = parent.strip("/")
        self._driver = driver
        self._pids = pids
        self._mount = mount
        self._unified = (mount / "cgroup.controllers").exists()

    def path(self, pod: Any) -> str:
        """What the runtime is given as the pod's cgroup parent."""
        qos, uid = qos_class(pod), pod.metadata.uid
        group = "" if qos == "Guaranteed" else qos.lower()
        if self._driver == "systemd":
            parts = ["kubepods", *([group] if group else []), f"pod{uid.replace('-', '_')}"]
            return "-".join(parts) + ".slice"
        return "/" + "/".join(p for p in (self._parent, "kubepods", group, f"pod{uid}") if p)

    def apply(self, pod: Any) -> None:
        """Makes the pod's group and sets its limits."""
        if self._driver == "systemd":
            return
        limits = pod_limits(pod, self._pids)
        try:
            if self._unified:
                self._apply_v2(self.path(pod), limits)
            else:
                self._apply_v1(self.path(pod), limits)
        except OSError as error:
            log.warning("limits of pod %s/%s: %s", pod.metadata.namespace, pod.metadata.name, error)

    def remove(self, pod: Any) -> None:
        """Removes the pod's groups, which hold no process any more."""
        if self._driver == "systemd":
            return
        path = self.path(pod).lstrip("/")
        roots = [self._mount] if self._unified else self._hierarchies()
        for root in roots:
            _remove_tree(root / path)

    def pods(self) -> list[str]:
        """Uids of the pods that have a group."""
        root = self._mount if self._unified else self._mount / "memory"
        base = root / self._parent / "kubepods"
        found = [*base.glob("pod*"), *base.glob("burstable/pod*"), *base.glob("besteffort/pod*")]
        return sorted(path.name.removeprefix("pod") for path in found)

    def _hierarchies(self) -> list[Path]:
        return [entry for entry in self._mount.iterdir() if entry.is_dir() and entry.name != "unified"]

    def _apply_v1(self, path: str, limits: PodLimits) -> None:
        for controller in _V1:
            root = self._mount / controller
            if root.is_dir():
                (root / path.lstrip("/")).mkdir(parents=True, exist_ok=True)
        cpu, memory, pids = (self._mount / name / path.lstrip("/") for name in _V1)
        _write(cpu / "cpu.shares", limits.cpu_shares)
        if limits.cpu_quota:
            _write(cpu / "cpu.cfs_period_us", PERIOD)
        _write(cpu / "cpu.cfs_quota_us", limits.cpu_quota or -1)
        _write(memory / "memory.limit_in_bytes", limits.memory or -1)
        if limits.pids:
            _write(pids / "pids.max", limits.pids)
        besteffort = self._mount / "cpu" / self._parent / "kubepods/besteffort/cpu.shares"
        if besteffort.exists():
            _write(besteffort, 2)

    def _apply_v2(self, path: str, limits: PodLimits) -> None:
        group = self._mount
        for part in path.strip("/").split("/"):
            with contextlib.suppress(OSError):  # the root refuses while it holds processes itself
                (group / "cgroup.subtree_control").write_text(_V2_CONTROLLERS)
            group = group / part
            group.mkdir(exist_ok=True)
        with contextlib.suppress(OSError):
            (group / "cgroup.subtree_control").write_text(_V2_CONTROLLERS)
        weight = 1 + (limits.cpu_shares - 2) * 9999 // 262_142
        _write(group / "cpu.weight", weight)
        _write(group / "cpu.max", f"{limits.cpu_quota or 'max'} {PERIOD}")
        _write(group / "memory.max", limits.memory or "max")
        if limits.pids:
            _write(group / "pids.max", limits.pids)


def _write(file: Path, value: object) -> None:
    file.write_text(str(value))


def _remove_tree(folder: Path) -> None:
    if not folder.is_dir():
        return
    for child in sorted(folder.rglob("*"), reverse=True):
        if child.is_dir():
            with contextlib.suppress(OSError):
                child.rmdir()
    try:
        folder.rmdir()
    except OSError as error:
        log.warning("cgroup %s: %s", folder, error.strerror)
