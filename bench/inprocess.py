"""How soon an in-process cluster is ready: in a fresh interpreter with all imports, and a second one."""

from __future__ import annotations

import json
import subprocess
import sys

from bench.report import Figure, show

PROGRAM = """
import time
begun = time.perf_counter()
import asyncio, json
from wherry.testing import Cluster

async def one(nodes):
    begun = time.perf_counter()
    async with Cluster(nodes=nodes):
        return time.perf_counter() - begun

async def main():
    async with Cluster(nodes=1):
        first = time.perf_counter() - begun
    print(json.dumps([first, min([await one(1) for _ in range(5)]), await one(100)]))

asyncio.run(main())
"""


def main() -> None:
    runs = []
    for _ in range(5):
        done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
        runs.append(json.loads(done.stdout))
    first, second, hundred = (min(run[i] for run in runs) for i in range(3))
    show(
        [
            Figure("first cluster, imports included", first, "s", None, False, "<= 0.5"),
            Figure("second cluster", second, "s", None, False, "<= 0.05"),
            Figure("cluster of 100 nodes", hundred, "s", None, False),
        ]
    )


if __name__ == "__main__":
    main()
