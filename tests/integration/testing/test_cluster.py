"""A whole cluster in one event loop, on virtual time: the same components as everywhere else."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path
from typing import Any

import pytest

from wherry.api.errors import ApiError
from wherry.api.scheme import resource
from wherry.testing import Cluster, ThreadedCluster, run

PODS = resource("pods")
KUBECTL = Path.home() / ".cache" / "wherry" / "bin" / "kubectl"


def deployment(name: str = "web", replicas: int = 3, **pod: Any) -> dict[str, Any]:
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "c", "image": "app:v1"}], **pod},
            },
        },
    }


def job(name: str, **spec: Any) -> dict[str, Any]:
    pod = {"restartPolicy": "Never", "containers": [{"name": "c", "image": "app:v1"}]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"template": {"spec": pod}, **spec},
    }


def test_a_deployment_runs_over_the_nodes() -> None:
    async def body() -> None:
        async with Cluster(nodes=3) as cluster:
            await cluster.apply(deployment())
            await cluster.wait_for("deployments.apps", "web", lambda d: d.status.readyReplicas == 3)
            pods = (await cluster.client.list(PODS, "default")).items
            assert {p.status.phase for p in pods} == {"Running"}
            assert len({p.spec.nodeName for p in pods}) == 3
            assert all(p.status.podIP for p in pods)

    run(body())


def test_a_deleted_namespace_goes_away_with_its_content() -> None:
    async def body() -> None:
        async with Cluster() as cluster:
            namespaces = resource("namespaces")
            await cluster.client.create(namespaces, {"metadata": {"name": "team"}})
            await cluster.apply(deployment(), namespace="team")
            await cluster.wait_for(
                "deployments.apps", "web", lambda d: d.status.readyReplicas == 3, namespace="team"
            )
            await cluster.client.delete(namespaces, "team")
            await cluster.advance("2m")
            with pytest.raises(ApiError) as gone:
                await cluster.client.get(namespaces, "team")
            assert gone.value.reason == "NotFound"
            assert not (await cluster.client.list(PODS, "team")).items

    run(body())


def test_a_deployment_rolls_and_shrinks_and_is_collected() -> None:
    async def body() -> None:
        async with Cluster(nodes=2) as cluster:
            await cluster.apply(deployment())
            await cluster.wait_for("deployments.apps", "web", lambda d: d.status.readyReplicas == 3)
            changed = deployment(replicas=2)
            changed["spec"]["template"]["spec"]["containers"][0]["image"] = "app:v2"
            await cluster.apply(changed)
            await cluster.advance("2m")
            pods = (await cluster.client.list(PODS, "default")).items
            assert [p.spec.containers[0].image for p in pods] == ["app:v2"] * 2
            await cluster.client.delete(resource("deployments.apps"), "web", "default")
            await cluster.advance("2m")
            assert not (await cluster.client.list(PODS, "default")).items
            assert not (await cluster.client.list(resource("replicasets.apps"), "default")).items

    run(body())


def test_what_falls_due_in_two_hours_happens() -> None:
    async def body() -> None:
        async with Cluster() as cluster:
            stuck = job("stuck", activeDeadlineSeconds=3600)
            stuck["spec"]["template"]["spec"]["nodeSelector"] = {"no": "node"}
            await cluster.apply(stuck, job("done"))
            await cluster.advance("2h")
            conditions = {
                j.metadata.name: {c.type: c.reason for c in j.status.conditions if c.status == "True"}
                for j in (await cluster.client.list(resource("jobs.batch"), "default")).items
            }
            assert conditions["stuck"]["Failed"] == "DeadlineExceeded"
            assert "Complete" in conditions["done"]
            nodes = (await cluster.client.list(resource("nodes"))).items
            assert all(c.status == "True" for n in nodes for c in n.status.conditions if c.type == "Ready")

    run(body())


async def _course(seed: int) -> list[str]:
    async with Cluster(nodes=3, seed=seed) as cluster:
        await cluster.apply(deployment("a", 3), deployment("b", 2), job("c", completions=3, parallelism=2))
        await cluster.advance("2m")
        await cluster.client.delete(resource("deployments.apps"), "a", "default")
        await cluster.advance("8m")
        return await cluster.events()


def test_the_same_seed_gives_the_same_events_twenty_times() -> None:
    first = run(_course(7))
    assert len(first) > 20
    for _ in range(19):
        assert run(_course(7)) == first
    assert run(_course(8)) != first


def test_real_time_works_too() -> None:
    async def body() -> None:
        async with Cluster(nodes=2) as cluster:
            await cluster.apply(deployment())
            await cluster.wait_for("deployments.apps", "web", lambda d: d.status.readyReplicas == 3)

    asyncio.run(body())


@pytest.mark.skipif(not KUBECTL.exists(), reason="needs kubectl (make kubectl)")
def test_kubectl_through_the_plugin(wherry_cluster: ThreadedCluster) -> None:
    def kubectl(*words: str) -> str:
        command = [str(KUBECTL), "--kubeconfig", str(wherry_cluster.kubeconfig), *words]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout

    kubectl("create", "deployment", "web", "--image=app:v1", "--replicas=2")
    kubectl("rollout", "status", "deployment/web", "--timeout=30s")
    assert kubectl("get", "pods", "--no-headers").count("Running") == 2
