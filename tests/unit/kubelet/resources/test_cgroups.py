from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from wherry.kubelet.resources.cgroups import PodCgroups

from ..kit import pod
from .test_qos import asking

LIMITED = asking({"cpu": "100m", "memory": "16Mi"}, {"cpu": "200m", "memory": "32Mi"})


def v1(tmp_path: Path, parent: str = "/mine") -> PodCgroups:
    for name in ("cpu", "memory", "pids", "freezer", "unified"):
        (tmp_path / name).mkdir()
    return PodCgroups(parent, "cgroupfs", pids=50, mount=tmp_path)


@pytest.mark.parametrize(
    ("containers", "path"),
    [
        ([asking()], "/mine/kubepods/besteffort/podu1"),
        ([LIMITED], "/mine/kubepods/burstable/podu1"),
        ([asking(None, {"cpu": "1", "memory": "1Gi"})], "/mine/kubepods/podu1"),
    ],
)
def test_paths(tmp_path: Path, containers: list[Any], path: str) -> None:
    assert v1(tmp_path).path(pod(*containers)) == path


def test_the_root_may_be_everything(tmp_path: Path) -> None:
    assert PodCgroups("/", "cgroupfs", mount=tmp_path).path(pod()) == "/kubepods/besteffort/podu1"


def test_systemd_names(tmp_path: Path) -> None:
    cgroups = PodCgroups("", "systemd", mount=tmp_path)
    wanted = pod(meta={"uid": "a-b"})
    assert cgroups.path(wanted) == "kubepods-besteffort-poda_b.slice"
    cgroups.apply(wanted)
    cgroups.remove(wanted)
    assert list(tmp_path.iterdir()) == []


def test_limits_are_written_and_groups_removed(tmp_path: Path) -> None:
    cgroups = v1(tmp_path)
    wanted = pod(LIMITED)
    cgroups.apply(wanted)
    group = "mine/kubepods/burstable/podu1"
    assert (tmp_path / "cpu" / group / "cpu.shares").read_text() == "102"
    assert (tmp_path / "cpu" / group / "cpu.cfs_quota_us").read_text() == "20000"
    assert (tmp_path / "memory" / group / "memory.limit_in_bytes").read_text() == str(32 << 20)
    assert (tmp_path / "pids" / group / "pids.max").read_text() == "50"
    assert cgroups.pods() == ["u1"]
    for file in tmp_path.rglob("*"):
        if file.is_file():
            file.unlink()  # the kernel's files go with their folder
    (tmp_path / "freezer" / group / "inner").mkdir(parents=True)
    cgroups.remove(wanted)
    assert not list(tmp_path.rglob("podu1")) and cgroups.pods() == []


def test_unified(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").touch()
    cgroups = PodCgroups("", "cgroupfs", mount=tmp_path)
    cgroups.apply(pod(LIMITED))
    group = tmp_path / "kubepods" / "burstable" / "podu1"
    assert (group / "cpu.max").read_text() == "20000 100000"
    assert (group / "memory.max").read_text() == str(32 << 20)
    assert 1 <= int((group / "cpu.weight").read_text()) <= 10_000


def test_a_machine_without_cgroups_only_costs_limits(tmp_path: Path) -> None:
    PodCgroups("", "cgroupfs", mount=tmp_path).apply(pod(LIMITED))
