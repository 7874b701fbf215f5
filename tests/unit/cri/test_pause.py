from __future__ import annotations

import os
import platform
import signal
import subprocess
import time
from pathlib import Path

import pytest

from wherry.cri.pause import ARCHITECTURES, pause_elf

here = pytest.mark.skipif(platform.machine() not in ARCHITECTURES, reason="no pause for this machine")


@pytest.fixture
def pause(tmp_path: Path) -> Path:
    path = tmp_path / "pause"
    path.write_bytes(pause_elf(platform.machine()))
    path.chmod(0o755)
    return path


def state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]


def wait_for(what: str, pid: int) -> None:
    end = time.monotonic() + 5
    while state(pid) != what:
        assert time.monotonic() < end
        os.sched_yield()


@pytest.mark.parametrize("machine", sorted(ARCHITECTURES))
def test_is_a_small_elf(machine: str) -> None:
    elf = pause_elf(machine)
    assert elf.startswith(b"\x7fELF\x02\x01\x01") and len(elf) < 256


def test_other_machines_have_none() -> None:
    with pytest.raises(KeyError):
        pause_elf("mips")


@here
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ends_well_when_asked(pause: Path, number: signal.Signals) -> None:
    process = subprocess.Popen([pause])
    wait_for("S", process.pid)
    process.send_signal(signal.SIGCHLD)  # no children: goes on waiting
    wait_for("S", process.pid)
    process.send_signal(number)
    assert process.wait(5) == 0


@here
def test_reaps_children(pause: Path) -> None:
    """A process that becomes pause has a child that ends only after that."""
    reader, writer = os.pipe()
    parent = os.fork()
    if parent == 0:
        child = os.fork()
        if child == 0:
            os.close(writer)
            os.read(reader, 1)  # until the test closes its end
            os._exit(0)
        os.close(reader)
        os.close(writer)
        os.execv(pause, ["pause"])
    os.close(reader)
    try:
        end = time.monotonic() + 5
        children = Path(f"/proc/{parent}/task/{parent}/children")
        while Path(f"/proc/{parent}/exe").resolve() != pause or not children.read_text():
            assert time.monotonic() < end
        os.close(writer)
        while children.read_text():
            assert time.monotonic() < end
    finally:
        os.kill(parent, signal.SIGTERM)
        assert os.waitpid(parent, 0)[1] == 0
