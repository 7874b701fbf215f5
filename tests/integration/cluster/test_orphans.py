"""Orphaned shims are waited for, the supervisor's own children are left to asyncio."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import asyncio, os, sys
from pathlib import Path
from wherry.cluster.orphans import adopt_orphans, reap_as_they_end

SHIM = '''
import ctypes, os
if os.fork():
    os._exit(0)                                   # leaves the parent at birth, as a shim does
ctypes.CDLL(None).prctl(15, b"containerd-shim")   # PR_SET_NAME
print(os.getpid(), flush=True)
os.close(1)
'''

async def main():
    adopt_orphans()
    reap_as_they_end(asyncio.get_running_loop())
    own = await asyncio.create_subprocess_exec("true")
    pids = []
    for _ in range(5):
        shim = await asyncio.create_subprocess_exec(sys.executable, "-c", SHIM, stdout=-1)
        pids.append(int(await shim.stdout.readline()))
        assert await shim.wait() == 0
    assert await own.wait() == 0
    async with asyncio.timeout(20):
        while any(Path(f"/proc/{pid}").exists() for pid in pids):
            await asyncio.sleep(0.01)
    print("reaped", len(pids))

asyncio.run(main())
"""


def test_shims_are_reaped() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, ["reaped 5"]), done.stderr
