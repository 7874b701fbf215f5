"""`SimulatedNodes.silence`: a node that is lost, and comes back."""

from __future__ import annotations

import asyncio
import random

from wherry.api.scheme import resource
from wherry.component import Env
from wherry.kubelet.simulated import SimulatedNodes, SimulatedSettings
from wherry.testing import Cluster, VirtualClock, run

PODS, LEASES = resource("pods"), resource("leases.coordination.k8s.io")


def test_a_silent_node_does_nothing_until_it_is_revived() -> None:
    async def main() -> None:
        async with Cluster(nodes=0) as cluster:
            env = Env(VirtualClock(), random.Random(3))
            nodes = SimulatedNodes(cluster.client, env, SimulatedSettings(count=1, prefix="lost"))
            ready = asyncio.Event()
            task = asyncio.create_task(nodes.run(ready.set))
            await ready.wait()
            body = {
                "metadata": {"name": "p"},
                "spec": {"nodeName": "lost-0", "containers": [{"name": "c", "image": "x"}]},
            }
            await cluster.client.create(PODS, body, "default")
            await asyncio.sleep(5)
            before = await cluster.client.get(PODS, "p", "default")
            lease = await cluster.client.get(LEASES, "lost-0", "kube-node-lease")
            nodes.silence("lost-0")
            await cluster.client.create(PODS, {**body, "metadata": {"name": "q"}}, "default")
            await asyncio.sleep(30)
            same = await cluster.client.get(LEASES, "lost-0", "kube-node-lease")
            assert same.spec.renewTime == lease.spec.renewTime
            assert (await cluster.client.get(PODS, "q", "default")).status.phase == "Pending"
            nodes.revive("lost-0")
            await asyncio.sleep(15)
            assert (await cluster.client.get(PODS, "q", "default")).status.phase == "Running"
            after = await cluster.client.get(PODS, "p", "default")
            assert after.status.containerStatuses == before.status.containerStatuses
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    run(main(), autojump=True)
