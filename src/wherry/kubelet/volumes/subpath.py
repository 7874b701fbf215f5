"""A part of a volume, mounted so that nothing in the volume can lead out of it.

Whoever writes to a volume may replace any folder of the path by a symbolic link while we look. So the
path is walked with file descriptors, never through links, and what is mounted is the descriptor that
was reached, not a name. Upstream: `volume/util/subpath`. Blocking.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wherry.kubelet.volumes.mounts import bind, is_mount, unmount

_WALK = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC


def bind_subpath(volume: Path, subpath: str, target: Path, *, create: bool) -> Path:
    """Mounts `volume`/`subpath` at `target` (made as a file or folder as needed) and returns it.
    ValueError when the path would leave the volume; FileNotFoundError when it isn't there."""
    with _walked(volume, subpath, create=create) as descriptor:
        source = f"/proc/self/fd/{descriptor}"
        if is_mount(target):
            unmount(str(target))
        target.parent.mkdir(parents=True, exist_ok=True)
        if Path(source).is_dir():
            target.mkdir(mode=0o750, exist_ok=True)
        else:
            target.touch(mode=0o640)
        bind(source, str(target))
    return target


@contextmanager
def _walked(volume: Path, subpath: str, *, create: bool) -> Iterator[int]:
    parts = [part for part in subpath.split("/") if part not in ("", ".")]
    if subpath.startswith("/") or ".." in parts:
        raise ValueError(f"subPath {subpath!r} must be relative and must not contain '..'")
    # What kubelet itself publishes (..data links) is trusted to resolve inside the volume.
    resolved = _published(volume, parts)
    current = os.open(volume, os.O_PATH | os.O_CLOEXEC)
    try:
        for part in resolved:
            deeper = _step(current, part, create=create)
            os.close(current)
            current = deeper
        yield current
    finally:
        os.close(current)


def _published(volume: Path, parts: list[str]) -> list[str]:
    """The path with links resolved, provided that it stays inside the volume."""
    root = volume.resolve()
    target = root.joinpath(*parts).resolve()
    if not target.is_relative_to(root):
        raise ValueError(f"subPath {'/'.join(parts)!r} leaves the volume")
    return list(target.relative_to(root).parts)


def _step(current: int, part: str, *, create: bool) -> int:
    try:
        found = os.open(part, _WALK, dir_fd=current)
    except FileNotFoundError:
        if not create:
            raise
        os.mkdir(part, 0o777, dir_fd=current)
        found = os.open(part, _WALK, dir_fd=current)
    if stat.S_ISLNK(os.fstat(found).st_mode):
        os.close(found)
        raise ValueError(f"{part!r} has become a symbolic link")
    return found
