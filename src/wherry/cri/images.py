"""The images we make ourselves, and getting archives into containerd without a registry.

`pause_archive` needs nothing at all; `busybox_archive` needs a static busybox on the machine (tests,
demos). `import_archive` checks a file and hands it to containerd by its `ctr` tool, under the names
that CRI looks for (`docker.io/library/x:latest` is what `image: x` means).
"""

from __future__ import annotations

import asyncio
import os
import platform
import subprocess
from pathlib import Path

from wherry.cri.archive import ArchiveError, ImageArchive, build, inspect, layer
from wherry.cri.pause import ARCHITECTURES, pause_elf

PAUSE_IMAGE = "wherry.local/pause:1"
BUSYBOX_IMAGE = "docker.io/library/busybox:latest"

_PASSWD = (
    b"root:x:0:0:root:/root:/bin/sh\n"
    b"nobody:x:65534:65534:nobody:/:/bin/false\n"
    b"web:x:1000:1000:web:/:/bin/sh\n"
)
_GROUP = b"root:x:0:\nnogroup:x:65534:\nweb:x:1000:\n"
_DIRECTORIES = {
    "bin": 0o755,
    "dev": 0o755,
    "etc": 0o755,
    "home": 0o755,
    "proc": 0o555,
    "root": 0o700,
    "run": 0o755,
    "sys": 0o555,
    "tmp": 0o1777,
    "usr": 0o755,
    "var": 0o755,
}


def pause_archive(machine: str = "") -> bytes:
    """Our pause image for `machine` (`uname -m`; this one by default)."""
    machine = machine or platform.machine()
    config = {"Entrypoint": ["/pause"], "User": "65535:65535"}
    content = layer(files={"pause": (pause_elf(machine), 0o755)})
    return build([PAUSE_IMAGE], [content], config, ARCHITECTURES[machine])


def busybox_archive(binary: Path = Path("/bin/busybox"), names: tuple[str, ...] = (BUSYBOX_IMAGE,)) -> bytes:
    """An image around a static busybox, with all its commands and the users root, nobody and web."""
    listed = subprocess.run([binary, "--list"], check=True, capture_output=True, text=True, timeout=10)
    files = {
        "bin/busybox": (binary.read_bytes(), 0o755),
        "etc/passwd": (_PASSWD, 0o644),
        "etc/group": (_GROUP, 0o644),
    }
    links = {f"bin/{name}": "busybox" for name in listed.stdout.split() if name != "busybox"}
    config = {"Cmd": ["sh"], "Env": ["PATH=/bin:/usr/bin"]}
    content = layer(files=files, links=links, directories=_DIRECTORIES)
    return build(names, [content], config, ARCHITECTURES[platform.machine()])


async def import_archive(socket: Path, path: Path, *, namespace: str = "k8s.io") -> ImageArchive:
    """Loads a checked archive into the containerd behind `socket`. ArchiveError says what is wrong."""
    archive = await asyncio.to_thread(inspect, path)
    command = ["ctr", "--address", str(socket), "--namespace", namespace, "images", "import"]
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            str(path),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "LC_ALL": "C"},
        )
    except FileNotFoundError as error:
        raise ArchiveError("ctr is not installed: it comes with containerd") from error
    output, _ = await process.communicate()
    if process.returncode:
        lines = output.decode(errors="replace").strip().splitlines() or ["no output"]
        raise ArchiveError(f"containerd did not take {path}: {lines[-1]}")
    return archive
