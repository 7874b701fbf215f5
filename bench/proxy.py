"""How long rules for many Services of three endpoints take to load, and one change to make.

    python -m bench proxy

Runs in a network namespace of its own (a child of `ip netns exec`), so it needs root and leaves nothing.
Each figure is the whole way: recompile what was touched, write the difference, wait for the kernel.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from typing import Any

from bench.report import Figure, show
from wherry.api.schema import convert, struct_type
from wherry.proxy.apply import ApplyError
from wherry.proxy.backends import backend
from wherry.proxy.changes import Changes
from wherry.proxy.settings import Mode, Ruling
from wherry.proxy.sync import Syncer

CHANGES = 20
# iptables over nftables takes a minute for ten thousand, whoever asks: a tenth shows the same.
SERVICES: dict[Mode, int] = {"nftables": 10_000, "iptables": 1_000}
# Measured once on such a machine (two cores), with rules laid out as upstream lays them out.
UPSTREAM_LOAD: dict[Mode, float] = {"nftables": 79.8, "iptables": 0.43}
UPSTREAM_CHANGE: dict[Mode, float | None] = {"nftables": 260.0, "iptables": None}
MODES: tuple[Mode, ...] = ("nftables", "iptables")


def service(number: int) -> Any:
    ip = f"10.96.{number // 250}.{number % 250 + 1}"
    spec = {"clusterIP": ip, "clusterIPs": [ip], "type": "ClusterIP", "ports": [{"port": 80}]}
    body = {"metadata": {"name": f"s{number}", "namespace": "bench"}, "spec": spec}
    return convert(struct_type("v1", "Service"), body)


def behind(number: int, first: int = 0) -> Any:
    addresses = [(number * 3 + first + i) % 60_000 for i in range(3)]
    body = {
        "metadata": {
            "name": f"s{number}-x",
            "namespace": "bench",
            "labels": {"kubernetes.io/service-name": f"s{number}"},
        },
        "addressType": "IPv4",
        "ports": [{"name": "", "port": 8080, "protocol": "TCP"}],
        "endpoints": [{"addresses": [f"10.244.{a // 250}.{a % 250 + 1}"]} for a in addresses],
    }
    return convert(struct_type("discovery.k8s.io/v1", "EndpointSlice"), body)


async def _nothing(changed: object) -> None:
    """Nobody to tell."""


async def measure(mode: Mode) -> tuple[float, float]:
    """(seconds to load, median milliseconds of one change)."""
    changes = Changes("node")
    kernel = backend(mode, Ruling(cluster_cidr="10.244.0.0/16"))
    syncer = Syncer(changes, kernel, min_interval=0, period=60, synced=_nothing)
    slices = {number: behind(number) for number in range(SERVICES[mode])}
    start = time.perf_counter()
    for number, each in slices.items():
        changes.on_service("added", None, service(number))
        changes.on_slice("added", None, each)
    if not await syncer.sync():
        raise ApplyError("the load was refused")
    load = time.perf_counter() - start
    took = []
    for number in range(CHANGES):
        start = time.perf_counter()
        changes.on_slice("modified", slices[number], behind(number, 7))
        if not await syncer.sync():
            raise ApplyError("a change was refused")
        took.append(time.perf_counter() - start)
    kernel.close()
    return load, statistics.median(took) * 1000


def main() -> None:
    if os.geteuid() != 0:
        print("skipped: needs root for a network namespace of its own")
        return
    figures = []
    for mode in MODES:
        name = f"wherry-bench-{os.getpid()}"
        subprocess.run(["ip", "netns", "add", name], check=True)
        try:
            child = [sys.executable, "-m", "bench.proxy", mode]
            done = subprocess.run(["ip", "netns", "exec", name, *child], check=True, capture_output=True)
        finally:
            subprocess.run(["ip", "netns", "del", name], check=True)
        load, change = json.loads(done.stdout)
        what = f"{mode}: load {SERVICES[mode]:,}"
        figures.append(Figure(what, load, "s", UPSTREAM_LOAD[mode], higher=False))
        figures.append(Figure(f"{mode}: one change", change, "ms", UPSTREAM_CHANGE[mode], higher=False))
    show(figures)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(asyncio.run(measure("iptables" if sys.argv[1] == "iptables" else "nftables"))))
    else:
        main()
