"""A real cluster in a test process.

    from wherry.testing import Cluster

    async with Cluster(nodes=3) as cluster:
        await cluster.apply(deployment)
        await cluster.wait_for("deployments.apps", "web", lambda d: d.status.readyReplicas == 3)

API server, scheduler, controllers and simulated nodes in one event loop: the same code as in
`wherry up`. On a virtual-time loop (`wherry.testing.run`) hours pass in milliseconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wherry.testing.cluster import Cluster
    from wherry.testing.loop import VirtualClock, VirtualLoop, run
    from wherry.testing.threaded import ThreadedCluster

__all__ = ["Cluster", "ThreadedCluster", "VirtualClock", "VirtualLoop", "run"]

_WHERE = {
    "Cluster": "wherry.testing.cluster",
    "ThreadedCluster": "wherry.testing.threaded",
    "VirtualClock": "wherry.testing.loop",
    "VirtualLoop": "wherry.testing.loop",
    "run": "wherry.testing.loop",
}


def __getattr__(name: str) -> Any:
    """Loads what is asked for, so that the pytest plugin costs nothing to those who don't use it."""
    if name not in _WHERE:
        raise AttributeError(name)
    import importlib

    return getattr(importlib.import_module(_WHERE[name]), name)
