"""Run inside a network namespace: takes states as JSON lines, puts their rules into its kernel.

{"mode": "nftables", "services": [...], "slices": [...]}   ->  ok
{"clean": true}                                            ->  ok
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from wherry.api.schema import convert, struct_type
from wherry.proxy import sysctls
from wherry.proxy.backends import Backend, backend
from wherry.proxy.changes import Changes
from wherry.proxy.conntrack import Conntrack
from wherry.proxy.settings import Ruling
from wherry.proxy.sync import Syncer

RULING = Ruling(cluster_cidr="10.244.0.0/16", table="wherry-test", suffix="t")


def take_over(changes: Changes, state: dict[str, Any]) -> None:
    """Makes `changes` hold exactly the state's objects."""
    services = [convert(struct_type("v1", "Service"), each) for each in state["services"]]
    slices = [convert(struct_type("discovery.k8s.io/v1", "EndpointSlice"), each) for each in state["slices"]]
    for old in list(changes.services.values()):
        changes.on_service("deleted", old, None)
    for old in [one for behind in changes.slices.values() for one in behind.values()]:
        changes.on_slice("deleted", old, None)
    for new in services:
        changes.on_service("added", None, new)
    for new in slices:
        changes.on_slice("added", None, new)


async def main(mode: Any) -> None:
    sysctls.apply(sysctls.wanted(localhost_node_ports=True))
    changes, kernel = Changes("node"), backend(mode, RULING)
    syncer = Syncer(changes, kernel, min_interval=0, period=60, synced=Conntrack().forget)
    for line in sys.stdin:
        print(await _obey(json.loads(line), changes, kernel, syncer), flush=True)
    kernel.close()


async def _obey(state: dict[str, Any], changes: Changes, kernel: Backend, syncer: Syncer) -> str:
    if state.get("clean"):
        await kernel.clean()
        return "ok"
    take_over(changes, state)
    return "ok" if await syncer.sync() else "refused"


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
