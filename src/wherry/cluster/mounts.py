"""A mount namespace for the supervisor and all it starts.

containerd, its shims and the kubelet mount a great deal: root file systems, network namespaces,
volumes. In a namespace of their own all of it vanishes with the last process, and nothing is seen
in the machine's own mount table. Mounts of the machine still come in (the namespace is a slave of
the machine's), and pods can share mounts among themselves (it is shared inside).
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

CLONE_NEWNS = 0x00020000
MS_NOSUID, MS_NODEV = 0x2, 0x4
MS_REC, MS_SLAVE, MS_SHARED = 0x4000, 0x80000, 0x100000
MNT_DETACH = 0x2

_libc = ctypes.CDLL(None, use_errno=True)

PRIVATE = (Path("/run/containerd"),)
"""Where containerd's shims keep their sockets whatever its configuration says: an own, empty place."""


def enter_private_namespace() -> list[Path]:
    """Moves this process into a mount namespace of its own. Returns the directories that had to be
    made for it on the machine, to be removed in the end. OSError without the right to."""
    made = [path for path in PRIVATE if not path.exists()]
    for path in PRIVATE:
        path.mkdir(parents=True, exist_ok=True)
    _check(_libc.unshare(CLONE_NEWNS), "unshare")
    try:
        _mount("none", "/", "", MS_REC | MS_SLAVE)
    except OSError as error:
        hint = "/ is not a mount point here; for a chroot, mount its directory onto itself first"
        raise OSError(error.errno, f"{error.strerror} ({hint})") from error
    _mount("none", "/", "", MS_REC | MS_SHARED)
    for path in PRIVATE:
        _mount("wherry", str(path), "tmpfs", MS_NOSUID | MS_NODEV, "mode=711")
    return made


def mounts_under(root: Path) -> list[Path]:
    """Mount points below a directory as this process sees them, deepest first."""
    prefix = str(root.resolve()) + "/"
    found = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        point = line.split(" ")[4].encode().decode("unicode_escape")
        if point.startswith(prefix):
            found.append(Path(point))
    return sorted(found, key=lambda p: len(p.parts), reverse=True)


def unmount(path: Path) -> None:
    """Detaches a mount at once; what still uses it keeps it until it ends."""
    _check(_libc.umount2(os.fsencode(path), MNT_DETACH), f"umount {path}")


def _mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    code = _libc.mount(source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), data.encode())
    _check(code, f"mount {target}")


def _check(code: int, what: str) -> None:
    if code != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
