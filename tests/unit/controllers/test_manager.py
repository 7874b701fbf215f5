"""Whole controllers against the real API server in one loop, on virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from wherry.api.errors import ApiError
from wherry.api.schema import Obj
from wherry.api.scheme import resource
from wherry.client.rest import Client
from wherry.component import Env
from wherry.controllers.manager import ControllerManager
from wherry.controllers.settings import ControllersSettings
from wherry.testing.cluster import Cluster
from wherry.testing.loop import run

PODS = resource("pods")
MAPS = resource("configmaps")
NODES = resource("nodes")
REPLICA_SETS = resource("replicasets.apps")
DEPLOYMENTS = resource("deployments.apps")
JOBS = resource("jobs.batch")


def in_cluster(body: Callable[[Cluster], Awaitable[None]], nodes: int = 2) -> None:
    async def main() -> None:
        async with Cluster(nodes=nodes) as cluster:
            await body(cluster)

    run(main())


def deployment(replicas: int = 3, **spec: Any) -> Obj:
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "one"}]}}
    full = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template, **spec}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": full}


async def names(client: Client, what: Any, namespace: str = "default") -> list[str]:
    return sorted(o.metadata.name for o in (await client.list(what, namespace)).items)


async def running(cluster: Cluster, count: int = 3) -> None:
    await cluster.wait_for("deployments.apps", "web", lambda d: d.status.availableReplicas == count)


def config_map(name: str, owner: Any | None = None, *, blocks: bool = False, **meta: Any) -> Obj:
    references = []
    if owner is not None:
        o = owner.metadata
        references = [{"apiVersion": "v1", "kind": "ConfigMap", "name": o.name, "uid": o.uid}]
        references[0]["blockOwnerDeletion"] = blocks
    return {"metadata": {"name": name, "namespace": "default", "ownerReferences": references, **meta}}


def test_pods_are_made_once_and_replaced_when_deleted() -> None:
    async def body(cluster: Cluster) -> None:
        await cluster.apply(deployment())
        await running(cluster)
        first = await names(cluster.client, PODS)
        assert len(first) == 3
        await cluster.client.delete(PODS, first[0], "default", grace_period_seconds=0)
        await cluster.advance(40)
        after = await names(cluster.client, PODS)
        assert len(after) == 3
        assert first[0] not in after
        created = [line for line in await cluster.events("default") if "SuccessfulCreate" in line]
        assert len(created) == 4

    in_cluster(body)


def test_a_rollout_ends_with_one_replica_set_in_use() -> None:
    async def body(cluster: Cluster) -> None:
        await cluster.apply(deployment())
        await running(cluster)
        change = {"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "two"}]}}}}
        await cluster.client.patch(DEPLOYMENTS, "web", change, "default", kind="strategic")
        await cluster.wait_for(
            "deployments.apps",
            "web",
            lambda d: d.status.updatedReplicas == d.status.replicas == d.status.availableReplicas == 3,
            seconds=120,
        )
        sets = (await cluster.client.list(REPLICA_SETS, "default")).items
        assert sorted(s.spec.replicas for s in sets) == [0, 3]

    in_cluster(body)


@pytest.mark.parametrize("policy", ["Background", "Foreground"])
def test_deleting_a_deployment_takes_all_below_it(policy: str) -> None:
    async def body(cluster: Cluster) -> None:
        await cluster.apply(deployment())
        await running(cluster)
        await cluster.client.delete(DEPLOYMENTS, "web", "default", propagation_policy=policy)
        await cluster.advance(60)
        assert await names(cluster.client, DEPLOYMENTS) == []
        assert await names(cluster.client, REPLICA_SETS) == []
        assert await names(cluster.client, PODS) == []

    in_cluster(body)


def test_orphans_stay() -> None:
    async def body(cluster: Cluster) -> None:
        await cluster.apply(deployment())
        await running(cluster)
        await cluster.client.delete(DEPLOYMENTS, "web", "default", propagation_policy="Orphan")
        await cluster.advance(60)
        assert await names(cluster.client, DEPLOYMENTS) == []
        sets = (await cluster.client.list(REPLICA_SETS, "default")).items
        assert [s.metadata.ownerReferences for s in sets] == [[]]
        assert len(await names(cluster.client, PODS)) == 3

    in_cluster(body)


def test_an_object_with_two_owners_goes_with_the_last() -> None:
    async def body(cluster: Cluster) -> None:
        client = cluster.client
        one = await client.create(MAPS, config_map("one"))
        two = await client.create(MAPS, config_map("two"))
        child = config_map("child", one)
        child["metadata"]["ownerReferences"] += config_map("x", two)["metadata"]["ownerReferences"]
        await client.create(MAPS, child)
        await cluster.advance(1)
        await client.delete(MAPS, "one", "default")
        await cluster.advance(60)
        left = await client.get(MAPS, "child", "default")
        assert [o.name for o in left.metadata.ownerReferences] == ["two"]
        await client.delete(MAPS, "two", "default")
        await cluster.advance(60)
        assert "child" not in await names(client, MAPS)

    in_cluster(body)


def test_an_owner_that_never_was_is_no_owner() -> None:
    async def body(cluster: Cluster) -> None:
        one = await cluster.client.create(MAPS, config_map("one"))
        child = config_map("child", one)
        child["metadata"]["ownerReferences"][0]["uid"] = "another-uid"
        await cluster.client.create(MAPS, child)
        await cluster.advance(5)
        assert "child" not in await names(cluster.client, MAPS)
        assert "one" in await names(cluster.client, MAPS)

    in_cluster(body)


def test_foreground_deletion_waits_for_what_blocks_it() -> None:
    async def body(cluster: Cluster) -> None:
        client = cluster.client
        owner = await client.create(MAPS, config_map("owner"))
        await client.create(MAPS, config_map("child", owner, blocks=True, finalizers=["x.io/held"]))
        await cluster.advance(1)
        await client.delete(MAPS, "owner", "default", propagation_policy="Foreground")
        await cluster.advance(30)
        assert {"owner", "child"} <= set(await names(client, MAPS))
        await client.patch(MAPS, "child", {"metadata": {"finalizers": None}}, "default")
        await cluster.advance(30)
        assert not {"owner", "child"} & set(await names(client, MAPS))

    in_cluster(body)


def test_a_namespace_tells_what_holds_it_and_goes_when_nothing_does() -> None:
    async def body(cluster: Cluster) -> None:
        client, spaces = cluster.client, resource("namespaces")
        await client.create(spaces, {"metadata": {"name": "room"}})
        await cluster.wait_for("serviceaccounts", "default", namespace="room")
        held = {"metadata": {"name": "held", "namespace": "room", "finalizers": ["x.io/y"]}}
        await client.create(MAPS, held)
        await client.delete(spaces, "room")
        await cluster.advance(8)
        live = await client.get(spaces, "room")
        told = {c.type: c.message for c in live.status.conditions if c.status == "True"}
        assert told == {
            "NamespaceContentRemaining": (
                "Some resources are remaining: configmaps. has 1 resource instances"
            ),
            "NamespaceFinalizersRemaining": (
                "Some content in the namespace has finalizers remaining: x.io/y in 1 resource instances"
            ),
        }
        await client.patch(MAPS, "held", {"metadata": {"finalizers": None}}, "room")
        await cluster.advance(10)
        with pytest.raises(ApiError, match="not found"):
            await client.get(spaces, "room")

    in_cluster(body)


def test_a_silent_node_loses_its_pods() -> None:
    async def body(cluster: Cluster) -> None:
        client = cluster.client
        ready = {"type": "Ready", "status": "True", "lastHeartbeatTime": "2026-01-01T00:00:00Z"}
        await client.create(NODES, {"metadata": {"name": "silent"}})
        await client.patch(NODES, "silent", {"status": {"conditions": [ready]}}, subresource="status")
        toleration = {
            "key": "node.kubernetes.io/unreachable",
            "operator": "Exists",
            "effect": "NoExecute",
            "tolerationSeconds": 100,
        }
        spec = {
            "nodeName": "silent",
            "tolerations": [toleration],
            "terminationGracePeriodSeconds": 0,
            "containers": [{"name": "c", "image": "x"}],
        }
        await client.create(PODS, {"metadata": {"name": "there", "namespace": "default"}, "spec": spec})
        await cluster.advance(45)
        live = await client.get(NODES, "silent")
        assert [c.status for c in live.status.conditions if c.type == "Ready"] == ["True"]
        await cluster.advance(10)
        live = await client.get(NODES, "silent")
        assert [c.status for c in live.status.conditions if c.type == "Ready"] == ["Unknown"]
        assert {(t.key, t.effect) for t in live.spec.taints} >= {
            ("node.kubernetes.io/unreachable", "NoSchedule"),
            ("node.kubernetes.io/unreachable", "NoExecute"),
        }
        assert await names(client, PODS) == ["there"]
        await cluster.advance(110)
        assert await names(client, PODS) == []

    in_cluster(body)


def test_nodes_have_ranges_of_their_own() -> None:
    async def body(cluster: Cluster) -> None:
        nodes = (await cluster.client.list(NODES)).items
        assert len({n.spec.podCIDR for n in nodes}) == 3
        assert all(n.spec.podCIDRs == [n.spec.podCIDR] for n in nodes)

    in_cluster(body, nodes=3)


def test_a_job_with_a_deadline_fails_on_time() -> None:
    async def body(cluster: Cluster) -> None:
        template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "x"}]}}
        spec = {"activeDeadlineSeconds": 300, "ttlSecondsAfterFinished": 60, "template": template}
        job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"}, "spec": spec}
        spec["suspend"] = True
        await cluster.apply(job)
        await cluster.advance(400)
        live = await cluster.client.get(JOBS, "j", "default")
        assert [c.type for c in live.status.conditions] == ["Suspended"]
        await cluster.client.patch(JOBS, "j", {"spec": {"suspend": False, "parallelism": 0}}, "default")
        await cluster.advance(290)
        assert not (await cluster.client.get(JOBS, "j", "default")).status.completionTime
        await cluster.advance(60)
        live = await cluster.client.get(JOBS, "j", "default")
        assert [c.reason for c in live.status.conditions if c.type == "Failed"] == ["DeadlineExceeded"]
        await cluster.advance(60)
        assert await names(cluster.client, JOBS) == []

    in_cluster(body)


def test_endpoints_follow_pods() -> None:
    async def body(cluster: Cluster) -> None:
        service = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "web"},
            "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]},
        }
        await cluster.apply(deployment(), service)
        await running(cluster)
        await cluster.advance(2)
        slices = resource("endpointslices.discovery.k8s.io")
        selector = "kubernetes.io/service-name=web"

        async def addresses() -> list[str]:
            found = (await cluster.client.list(slices, "default", label_selector=selector)).items
            assert len(found) == 1
            return sorted(
                a for one in found for e in one.endpoints if e.conditions.ready for a in e.addresses
            )

        pods = (await cluster.client.list(PODS, "default")).items
        assert await addresses() == sorted(p.status.podIP for p in pods)
        await cluster.client.patch(DEPLOYMENTS, "web", {"spec": {"replicas": 1}}, "default")
        await cluster.advance(60)
        assert len(await addresses()) == 1

    in_cluster(body)


def test_a_manager_that_starts_anew_makes_nothing_twice() -> None:
    """Two managers in turn over one API server: the second finds everything done."""

    async def body(cluster: Cluster) -> None:
        await cluster.apply(deployment(5))
        await running(cluster, 5)
        versions = {p.metadata.uid for p in (await cluster.client.list(PODS, "default")).items}
        second = ControllerManager(cluster.client, Env(), ControllersSettings())
        task = asyncio.create_task(second.run(lambda: None))
        await cluster.advance(120)
        task.cancel()
        await asyncio.wait([task])
        assert {p.metadata.uid for p in (await cluster.client.list(PODS, "default")).items} == versions

    in_cluster(body)
