"""hostPath volumes: the path must be what its type says (`volume/hostpath`). Blocking."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

_IS: dict[str, tuple[Callable[[int], bool], str]] = {
    "Directory": (stat.S_ISDIR, "a directory"),
    "File": (stat.S_ISREG, "a file"),
    "Socket": (stat.S_ISSOCK, "a socket"),
    "CharDevice": (stat.S_ISCHR, "a character device"),
    "BlockDevice": (stat.S_ISBLK, "a block device"),
}


def check(path: str, kind: str) -> None:
    """Creates what `...OrCreate` asks for; OSError or ValueError when the path isn't of its type."""
    target = Path(path)
    if kind == "DirectoryOrCreate":
        target.mkdir(mode=0o755, parents=True, exist_ok=True)
        return
    if kind == "FileOrCreate":
        target.touch(mode=0o644, exist_ok=True)
        kind = "File"
    if not kind:
        return
    test, words = _IS[kind]
    try:
        mode = target.stat().st_mode
    except FileNotFoundError:
        mode = 0
    if not test(mode):
        raise ValueError(f"hostPath type check failed: {path} is not {words}")
