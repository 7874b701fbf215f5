"""What the machine is and has, read from /proc and its like."""

from __future__ import annotations

import os
import platform
import socket
from dataclasses import dataclass
from pathlib import Path

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "ppc64le": "ppc64le", "s390x": "s390x"}


@dataclass(frozen=True, slots=True)
class MachineFacts:
    hostname: str
    cpus: int
    memory: int
    disk: int
    machine_id: str
    system_uuid: str
    boot_id: str
    kernel: str
    os_image: str
    architecture: str
    swap: bool


def read_machine(root: Path) -> MachineFacts:
    """`root` is the folder whose file system counts as the node's storage."""
    memory = _meminfo()
    machine_id = _first_line("/etc/machine-id") or _first_line("/var/lib/dbus/machine-id")
    disk = os.statvfs(root if root.exists() else "/")
    return MachineFacts(
        hostname=socket.gethostname().lower(),
        cpus=os.cpu_count() or 1,
        memory=memory.get("MemTotal", 0),
        disk=disk.f_frsize * disk.f_blocks,
        machine_id=machine_id,
        system_uuid=_first_line("/sys/class/dmi/id/product_uuid") or machine_id,
        boot_id=_first_line("/proc/sys/kernel/random/boot_id"),
        kernel=platform.release(),
        os_image=_os_release("PRETTY_NAME") or "Linux",
        architecture=ARCHITECTURES.get(platform.machine(), platform.machine()),
        swap=memory.get("SwapTotal", 0) > 0,
    )


def memory_available() -> int:
    return _meminfo().get("MemAvailable", 0)


def disk_usage(path: Path) -> tuple[int, int]:
    """(bytes used, bytes in all) of the file system that holds `path`."""
    found = os.statvfs(path)
    total = found.f_frsize * found.f_blocks
    return total - found.f_frsize * found.f_bavail, total


def outbound_address(toward: str, port: int) -> str:
    """The address this machine uses to reach `toward`: the node's own, "" when there is no way."""
    family = socket.AF_INET6 if ":" in toward else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((toward, port))
        except OSError:
            return ""
        address: str = probe.getsockname()[0]
        return address


def _meminfo() -> dict[str, int]:
    """Bytes by name."""
    result: dict[str, int] = {}
    for line in Path("/proc/meminfo").read_text().splitlines():
        name, _, rest = line.partition(":")
        words = rest.split()
        if words and words[0].isdigit():
            result[name] = int(words[0]) * (1024 if words[-1] == "kB" else 1)
    return result


def _first_line(path: str) -> str:
    try:
        return Path(path).read_text().strip().partition("\n")[0]
    except OSError:
        return ""


def _os_release(key: str) -> str:
    try:
        text = Path("/etc/os-release").read_text()
    except OSError:
        return ""
    for line in text.splitlines():
        name, _, value = line.partition("=")
        if name == key:
            return value.strip().strip('"')
    return ""
