"""`wherry simulated-nodes`: nodes without machines against any API server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from wherry import KUBERNETES_VERSION
from wherry.api.quantity import is_valid
from wherry.client.connect import client_from_kubeconfig
from wherry.client.kubeconfig import KubeconfigError
from wherry.component import Env
from wherry.component_flags import Flag, UsageError
from wherry.kubelet.simulated import SimulatedNodes, SimulatedSettings

MOST = 10_000

FLAGS: tuple[Flag, ...] = (
    Flag("--kubeconfig", help="Path to a kubeconfig file, specifying how to connect to the API server."),
    Flag("--nodes", "int", default=1, help="How many nodes."),
    Flag("--name-prefix", default="node", help="Nodes are named PREFIX-0, PREFIX-1, ..."),
    Flag("--node-cpu", default="32", help="CPUs of each node."),
    Flag("--node-memory", default="256Gi", help="Memory of each node."),
    Flag("--node-pods", default="110", help="How many pods a node takes."),
    Flag("--node-labels", "map", help="Labels of the nodes."),
    Flag("--zones", "int", default=0, help="Spread the nodes over this many zones."),
    Flag("--start-duration", "duration", default=0.01, help="How long starting a container takes."),
    Flag("--v", "int", short="-v", help="How much to log."),
)


def settings(flags: dict[str, Any]) -> SimulatedSettings:
    """UsageError for a value that can't be used."""
    if not 0 < flags["nodes"] <= MOST:
        raise UsageError(f"--nodes must be between 1 and {MOST}")
    for name in ("node_cpu", "node_memory", "node_pods"):
        if not is_valid(flags[name]):
            raise UsageError(f"--{name.replace('_', '-')}: invalid quantity {flags[name]!r}")
    return SimulatedSettings(
        count=flags["nodes"],
        prefix=flags["name_prefix"],
        cpu=flags["node_cpu"],
        memory=flags["node_memory"],
        pods=flags["node_pods"],
        labels=flags["node_labels"],
        zones=flags["zones"],
        start_seconds=flags["start_duration"],
    )


async def serve(flags: dict[str, Any], ready: Callable[[], None]) -> None:
    chosen = settings(flags)
    if not flags["kubeconfig"]:
        raise UsageError("--kubeconfig is needed")
    agent = f"simulated-nodes/{KUBERNETES_VERSION}"
    try:
        client = client_from_kubeconfig(Path(flags["kubeconfig"]), user_agent=agent)
    except KubeconfigError as error:
        raise UsageError(f"--kubeconfig: {error}") from error
    try:
        await SimulatedNodes(client, Env(), chosen).run(ready)
    finally:
        await client.close()
