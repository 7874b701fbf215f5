"""Publishes a set of files in a folder so that readers see all of one version or all of the next.

    VOLUME/..2026_11_23_16_26_41.123/config.yaml      the files
    VOLUME/..data -> ..2026_11_23_16_26_41.123        swapped by one rename
    VOLUME/config.yaml -> ..data/config.yaml          what containers open

Upstream: `volume/util/atomic_writer.go`. Blocking: run it in a thread. Names starting with `..` and
paths that leave the folder are refused.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DATA = "..data"
_NEXT = "..data_tmp"
_MAX_PATH = 4096


@dataclass(frozen=True, slots=True)
class File:
    data: bytes
    mode: int = 0o644
    uid: int = -1


def write(folder: Path, files: Mapping[str, File], *, stamp: str, gid: int | None = None) -> bool:
    """Makes `folder` hold exactly `files`; False when it did already. `gid` is a pod's fsGroup: files
    and folders then belong to that group, which may read them as their owner may."""
    for path in files:
        check_path(path)
    current = _current(folder)
    if current is not None and _same(current, files):
        return False
    fresh = Path(tempfile.mkdtemp(prefix=f"..{stamp}.", dir=folder))
    fresh.chmod(0o755)
    for path, file in files.items():
        _write_one(fresh, path, file)
    if gid is not None:
        _give_to_group(fresh, gid)
    link = folder / _NEXT
    link.unlink(missing_ok=True)
    link.symlink_to(fresh.name)
    link.rename(folder / DATA)
    _link_names(folder, {path.split("/", 1)[0] for path in files})
    if current is not None:
        shutil.rmtree(current, ignore_errors=True)
    return True


def check_path(path: str) -> None:
    """ValueError for a path that would leave the volume or clash with our own names."""
    parts = path.split("/")
    if not path or len(path) > _MAX_PATH or path.startswith("/") or ".." in parts:
        raise ValueError(f"invalid path {path!r}: it must be relative and stay inside the volume")
    if parts[0].startswith(".."):
        raise ValueError(f"invalid path {path!r}: it must not start with '..'")


def _current(folder: Path) -> Path | None:
    try:
        return folder / (folder / DATA).readlink()
    except FileNotFoundError:
        return None


def _same(current: Path, files: Mapping[str, File]) -> bool:
    there = {str(p.relative_to(current)): p for p in current.rglob("*") if not p.is_dir()}
    if there.keys() != files.keys():
        return False
    for path, file in files.items():
        if there[path].read_bytes() != file.data or there[path].stat().st_mode & 0o700 != file.mode & 0o700:
            return False
    return True


def _write_one(fresh: Path, path: str, file: File) -> None:
    target = fresh / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(file.data)
    target.chmod(file.mode)
    if file.uid >= 0:
        os.chown(target, file.uid, -1)


def _give_to_group(fresh: Path, gid: int) -> None:
    for path in (fresh, *fresh.rglob("*")):
        os.chown(path, -1, gid, follow_symlinks=False)
        mode = path.stat().st_mode & 0o7777
        path.chmod(mode | 0o2050 if path.is_dir() else mode | (mode & 0o400) >> 3)


def _link_names(folder: Path, names: set[str]) -> None:
    for entry in folder.iterdir():
        if not entry.name.startswith("..") and entry.name not in names:
            entry.unlink()
    for name in sorted(names):
        link = folder / name
        if not link.is_symlink():
            link.symlink_to(f"{DATA}/{name}")
