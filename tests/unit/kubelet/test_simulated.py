"""Simulated nodes in a whole cluster in this process: what pods go through, on virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from wherry.api.scheme import resource
from wherry.testing import Cluster, run

PODS, NODES, EVENTS = resource("pods"), resource("nodes"), resource("events")
LEASES = resource("leases.coordination.k8s.io")


def pod(name: str, node: str = "node-0", **spec: Any) -> dict[str, Any]:
    meta = {"name": name, "annotations": spec.pop("annotations", {})}
    return {"metadata": meta, "spec": {"nodeName": node, "containers": [{"name": "c", "image": "x"}], **spec}}


def in_cluster(body: Callable[[Cluster], Awaitable[Any]], nodes: int = 2) -> Any:
    async def main() -> Any:
        async with Cluster(nodes=nodes) as cluster:
            return await body(cluster)

    return run(main(), autojump=True)


async def until(cluster: Cluster, name: str, condition: Callable[[Any], bool]) -> Any:
    for _ in range(2000):
        found = await cluster.client.get(PODS, name, "default")
        if condition(found):
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(found.status)


def phase(*wanted: str) -> Callable[[Any], bool]:
    return lambda found: found.status.phase in wanted


def test_nodes_are_ready_and_beat() -> None:
    async def body(cluster: Cluster) -> None:
        nodes = (await cluster.client.list(NODES)).items
        assert [node.metadata.name for node in nodes] == ["node-0", "node-1"]
        assert nodes[0].status.allocatable["pods"] == "110"
        before = await cluster.client.get(LEASES, "node-1", "kube-node-lease")
        await asyncio.sleep(30)
        after = await cluster.client.get(LEASES, "node-1", "kube-node-lease")
        assert after.spec.renewTime > before.spec.renewTime
        node = await cluster.client.get(NODES, "node-1")
        assert next(c.status for c in node.status.conditions if c.type == "Ready") == "True"

    in_cluster(body)


def test_a_pod_runs_with_an_address_of_its_node() -> None:
    async def body(cluster: Cluster) -> None:
        for number in range(3):
            await cluster.client.create(PODS, pod(f"p{number}", "node-1"), "default")
        found = [await until(cluster, f"p{n}", phase("Running")) for n in range(3)]
        node = await cluster.client.get(NODES, "node-1")
        prefix = node.spec.podCIDR.rsplit(".", 1)[0]
        addresses = {p.status.podIP for p in found}
        assert len(addresses) == 3 and all(a.startswith(prefix) for a in addresses)
        assert all(c.status == "True" for c in found[0].status.conditions)
        assert found[0].status.containerStatuses[0].containerID.startswith("simulated://")

    in_cluster(body)


def test_pods_that_end() -> None:
    async def body(cluster: Cluster) -> None:
        await cluster.client.create(PODS, pod("good", restartPolicy="Never"), "default")
        script = {"wherry.dev/run-seconds": "60", "wherry.dev/exit-code": "3"}
        await cluster.client.create(PODS, pod("bad", restartPolicy="Never", annotations=script), "default")
        good = await until(cluster, "good", phase("Succeeded"))
        assert good.status.containerStatuses[0].state.terminated.reason == "Completed"
        bad = await until(cluster, "bad", phase("Failed"))
        ended = bad.status.containerStatuses[0].state.terminated
        assert ended.exitCode == 3 and ended.finishedAt > ended.startedAt

    in_cluster(body)


def test_a_crash_loop_backs_off() -> None:
    async def body(cluster: Cluster) -> None:
        script = {"wherry.dev/run-seconds": "1", "wherry.dev/exit-code": "1"}
        await cluster.client.create(PODS, pod("crash", annotations=script), "default")
        await asyncio.sleep(300)
        found = await cluster.client.get(PODS, "crash", "default")
        status = found.status.containerStatuses[0]
        # at once, then after 10, 20, 40, 80 and 160 s, each with a second of running
        assert status.restartCount == 5 and status.state.waiting.reason == "CrashLoopBackOff"
        assert status.state.waiting.message.startswith("back-off 2m40s restarting failed container=c")

    in_cluster(body)


def test_init_containers_come_first() -> None:
    async def body(cluster: Cluster) -> None:
        init = [{"name": "i", "image": "x"}, {"name": "s", "image": "x", "restartPolicy": "Always"}]
        await cluster.client.create(PODS, pod("init", initContainers=init), "default")
        found = await until(cluster, "init", phase("Running"))
        one, side = found.status.initContainerStatuses
        assert one.state.terminated.exitCode == 0 and side.state.running is not None

    in_cluster(body)


def test_a_deleted_pod_goes_and_its_address_comes_back() -> None:
    async def body(cluster: Cluster) -> None:
        await cluster.client.create(PODS, pod("p"), "default")
        await until(cluster, "p", phase("Running"))
        await cluster.client.delete(PODS, "p", "default")
        for _ in range(100):
            if not (await cluster.client.list(PODS, "default")).items:
                return
            await asyncio.sleep(0.05)
        raise AssertionError("still there")

    in_cluster(body)


def test_a_deadline_ends_a_pod() -> None:
    async def body(cluster: Cluster) -> None:
        await cluster.client.create(PODS, pod("late", activeDeadlineSeconds=30), "default")
        await asyncio.sleep(29)
        assert (await cluster.client.get(PODS, "late", "default")).status.phase == "Running"
        found = await until(cluster, "late", phase("Failed"))
        assert found.status.reason == "DeadlineExceeded"

    in_cluster(body)


def test_events_in_upstreams_words() -> None:
    async def body(cluster: Cluster) -> list[tuple[str, str]]:
        await cluster.client.create(PODS, pod("p"), "default")
        await until(cluster, "p", phase("Running"))
        await asyncio.sleep(1)
        found = (await cluster.client.list(EVENTS, "default")).items
        return [(e.reason, e.message) for e in found if e.involvedObject.name == "p"]

    words = in_cluster(body)
    assert ("Created", "Container created") in words and ("Started", "Container started") in words


def test_the_same_seed_tells_the_same_story() -> None:
    async def body(cluster: Cluster) -> list[Any]:
        for number in range(5):
            await cluster.client.create(PODS, pod(f"p{number}", f"node-{number % 2}"), "default")
        await asyncio.sleep(60)
        items = (await cluster.client.list(PODS, "default")).items
        return [(p.metadata.uid, p.status.podIP, p.status.containerStatuses[0].containerID) for p in items]

    assert in_cluster(body) == in_cluster(body)
