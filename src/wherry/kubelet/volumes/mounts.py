"""mount(2) and umount2(2), without a subprocess for each.

Linux only. Whoever mounts must be in the mount namespace of the container runtime.
"""

from __future__ import annotations

import ctypes
import functools
import os
from pathlib import Path

MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC = 1, 32, 4096, 16384
MNT_DETACH, UMOUNT_NOFOLLOW = 2, 8


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def mount(source: str, target: str, kind: str, flags: int, data: str) -> None:
    """OSError with the target when the kernel refuses."""
    done = _libc().mount(source.encode(), target.encode(), kind.encode(), flags, data.encode() or None)
    if done != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), target)


def unmount(target: str) -> None:
    """Detaches what is mounted there, if anything is; users of it keep it until they end."""
    if _libc().umount2(target.encode(), MNT_DETACH | UMOUNT_NOFOLLOW) != 0:
        code = ctypes.get_errno()
        if code not in (22, 2):  # EINVAL: not a mount point; ENOENT
            raise OSError(code, os.strerror(code), target)


def mount_tmpfs(target: Path, *, size: int = 0, mode: int = 0o1777) -> None:
    options = f"mode={mode:o}" + (f",size={size}" if size else "")
    mount("tmpfs", str(target), "tmpfs", 0, options)


def bind(source: str, target: str) -> None:
    mount(source, target, "none", MS_BIND, "")


def is_mount(path: Path) -> bool:
    """Whether something is mounted exactly there (a bind of the same file system counts too)."""
    return str(path) in mount_points()


def mount_points(under: str = "/") -> list[str]:
    """Mount points at or below a folder, innermost last."""
    prefix = under.rstrip("/") + "/"
    found = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        point = line.split(" ", 5)[4]
        if "\\" in point:
            point = point.encode().decode("unicode_escape")
        if point == under or point.startswith(prefix):
            found.append(point)
    return found


def unmount_all(under: Path) -> None:
    for point in reversed(mount_points(str(under))):
        unmount(point)
