"""The same things asked of upstream's controllers and of wherry's; what comes of it must be the same.

Needs `WHERRY_REFERENCE`: the directory of a running reference API server with upstream's controllers
(its kubeconfig is used). There are no kubelets on either side: the test plays them, by writing the
status of pods. Names that contain chance are replaced before comparing.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from wherry.api.errors import ApiError
from wherry.api.schema import Obj, to_obj
from wherry.api.scheme import resource
from wherry.client.connect import client_from_kubeconfig
from wherry.client.rest import Client
from wherry.testing.cluster import Cluster

REFERENCE = os.environ.get("WHERRY_REFERENCE", "")
NAMESPACE = "wherry-differential-controllers"

pytestmark = [
    pytest.mark.reference,
    pytest.mark.skipif(not REFERENCE, reason="WHERRY_REFERENCE is not set"),
]

PODS = resource("pods")
EVENTS = resource("events")
DEPLOYMENTS = resource("deployments.apps")
REPLICA_SETS = resource("replicasets.apps")
JOBS = resource("jobs.batch")
NAMESPACES = resource("namespaces")

Scenario: TypeAlias = Callable[["Side"], Awaitable[Any]]


class Side:
    """One of the two clusters, with the kubelet's part played."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def create(self, name: str, obj: Obj) -> None:
        metadata = {"namespace": NAMESPACE, **obj.get("metadata", {})}
        await self.client.create(resource(name), {**obj, "metadata": metadata}, NAMESPACE)

    async def until(self, look: Callable[[], Awaitable[bool]], what: str) -> None:
        for _ in range(300):
            if await look():
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"never came: {what}")

    async def pods(self) -> list[Any]:
        return (await self.client.list(PODS, NAMESPACE)).items

    async def write_pod(self, pod: Any, phase: str, *, ready: bool = False) -> None:
        condition = {
            "type": "Ready",
            "status": str(ready),
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
        status: Obj = {"phase": phase, "conditions": [condition]}
        if phase == "Failed":
            ended = {"exitCode": 3, "finishedAt": "2026-01-01T00:00:00Z"}
            container = {"name": "c", "image": "x", "imageID": "", "ready": False, "restartCount": 0}
            status["containerStatuses"] = [{**container, "state": {"terminated": ended}}]
        try:
            await self.client.patch(
                PODS, pod.metadata.name, {"status": status}, NAMESPACE, subresource="status"
            )
        except ApiError as error:
            if error.reason != "NotFound":
                raise

    async def run_all(self) -> None:
        for pod in await self.pods():
            if pod.status.phase == "Pending" and pod.metadata.deletionTimestamp is None:
                await self.write_pod(pod, "Running", ready=True)

    async def end_deleted(self) -> None:
        """Pods that are to end do so at once."""
        for pod in await self.pods():
            if pod.metadata.deletionTimestamp is not None:
                await self._remove(pod)

    async def remove_all(self) -> None:
        for pod in await self.pods():
            await self._remove(pod)

    async def _remove(self, pod: Any) -> None:
        name, uid = pod.metadata.name, pod.metadata.uid
        try:
            await self.client.delete(PODS, name, NAMESPACE, uid=uid, grace_period_seconds=0)
        except ApiError as error:
            if error.reason not in ("NotFound", "Conflict"):
                raise

    async def events(self, kind: str) -> list[str]:
        """Reasons and messages about objects of a kind, in a fixed order."""
        found = (await self.client.list(EVENTS, NAMESPACE)).items
        about = [e for e in found if e.involvedObject.kind == kind]
        return sorted(f"{e.type} {e.reason}: {e.message} ({e.source.component})" for e in about)


async def in_namespace(client: Client, scenario: Scenario) -> Any:
    side = Side(client)
    await client.create(NAMESPACES, {"metadata": {"name": NAMESPACE}})

    async def has_account() -> bool:
        return bool((await client.list(resource("serviceaccounts"), NAMESPACE)).items)

    try:
        await side.until(has_account, "the default service account")
        return await scenario(side)
    finally:
        await client.delete(NAMESPACES, NAMESPACE)

        async def gone() -> bool:
            try:
                await client.get(NAMESPACES, NAMESPACE)
            except ApiError as error:
                return error.reason == "NotFound"
            await side.remove_all()
            return False

        await side.until(gone, "the end of the namespace")


def both(scenario: Scenario) -> tuple[Any, Any]:
    async def upstream() -> Any:
        client = client_from_kubeconfig(Path(REFERENCE) / "kubeconfig")
        try:
            return await in_namespace(client, scenario)
        finally:
            await client.close()

    async def ours() -> Any:
        async with Cluster(nodes=0) as cluster:
            return await in_namespace(cluster.client, scenario)

    return asyncio.run(upstream()), asyncio.run(ours())


def nameless(value: Any, names: dict[str, str]) -> Any:
    """Without generated names (`names` says what for) and times."""
    if isinstance(value, dict):
        return {k: "TIME" if k.endswith("Time") else nameless(v, names) for k, v in value.items()}
    if isinstance(value, list):
        return [nameless(one, names) for one in value]
    if isinstance(value, str):
        for name in sorted(names, key=len, reverse=True):
            value = value.replace(name, names[name])
        return re.sub(r"(SET-\d+|pod: [a-z]+(?:-\d)?|pod [a-z/-]+)-[a-z0-9]{5}\b", r"\1-POD", value)
    return value


def deployment(image: str, **spec: Any) -> Obj:
    template = {
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "c", "image": image}]},
    }
    full = {"replicas": 3, "selector": {"matchLabels": {"app": "web"}}, "template": template, **spec}
    return {"metadata": {"name": "web", "annotations": {"note": "kept"}}, "spec": full}


async def deployment_picture(side: Side) -> Any:
    live = await side.client.get(DEPLOYMENTS, "web", NAMESPACE)
    sets = (await side.client.list(REPLICA_SETS, NAMESPACE)).items
    key = "deployment.kubernetes.io/revision"
    names = {s.metadata.name: f"SET-{s.metadata.annotations[key]}" for s in sets}
    status = to_obj(live.status)
    status["conditions"] = sorted(status["conditions"], key=lambda c: str(c["type"]))
    picture = {
        "status": status,
        "annotations": dict(live.metadata.annotations),
        "sets": {
            s.metadata.name: [dict(s.metadata.annotations), s.spec.replicas, _counts(s.status)] for s in sets
        },
        "events": await side.events("Deployment"),
        "pods": len(await side.events("ReplicaSet")),
    }
    named: Any = nameless(picture, names)
    named["sets"] = {names[name]: value for name, value in named["sets"].items()}
    return named


def _counts(status: Any) -> Obj:
    """Without the generation: in how many steps a rollout went depends on when pods got ready."""
    return {k: v for k, v in to_obj(status).items() if k != "observedGeneration"}


async def settled(side: Side, generation: int) -> None:
    """Until the rollout is complete, pods being run as they come."""

    async def done() -> bool:
        await side.run_all()
        status = (await side.client.get(DEPLOYMENTS, "web", NAMESPACE)).status
        complete = any(c.reason == "NewReplicaSetAvailable" for c in status.conditions)
        counts = (status.replicas, status.updatedReplicas, status.availableReplicas)
        wanted = (await side.client.get(DEPLOYMENTS, "web", NAMESPACE)).spec.replicas
        return complete and counts == (wanted,) * 3 and (status.observedGeneration or 0) >= generation

    await side.until(done, "the end of the rollout")


def test_rollout_scale_and_rollback() -> None:
    async def scenario(side: Side) -> Any:
        pictures = []
        await side.create("deployments.apps", deployment("one"))
        await settled(side, 1)
        pictures.append(await deployment_picture(side))
        steps = [
            {"template": {"spec": {"containers": [{"name": "c", "image": "two"}]}}},
            {"replicas": 5},
            {"template": {"spec": {"containers": [{"name": "c", "image": "one"}]}}},
        ]
        for number, spec in enumerate(steps, 2):
            await side.client.patch(DEPLOYMENTS, "web", {"spec": spec}, NAMESPACE)
            await settled(side, number)
            pictures.append(await deployment_picture(side))
        return pictures

    upstream, ours = both(scenario)
    assert ours == upstream


def test_recreate() -> None:
    async def scenario(side: Side) -> Any:
        await side.create("deployments.apps", deployment("one", strategy={"type": "Recreate"}))
        await settled(side, 1)
        change = {"template": {"spec": {"containers": [{"name": "c", "image": "two"}]}}}
        await side.client.patch(DEPLOYMENTS, "web", {"spec": change}, NAMESPACE)
        await settled(side, 2)
        return await deployment_picture(side)

    upstream, ours = both(scenario)
    assert ours == upstream


def job(**spec: Any) -> Obj:
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "x"}]}}
    return {"metadata": {"name": "work"}, "spec": {"template": template, **spec}}


async def job_end(side: Side, phase: str) -> Any:
    """Ends every pod that comes in `phase`, until the job is finished."""

    async def finished() -> bool:
        for pod in await side.pods():
            if pod.status.phase == "Pending":
                await side.write_pod(pod, phase)
        live = await side.client.get(JOBS, "work", NAMESPACE)
        return any(c.type in ("Complete", "Failed") for c in live.status.conditions)

    async def told() -> bool:
        return any("SuccessfulCreate" not in line for line in await side.events("Job"))

    await side.until(finished, "the end of the job")
    await side.until(told, "the event of the end")
    live = await side.client.get(JOBS, "work", NAMESPACE)
    pods = sorted(
        ((p.metadata.finalizers, p.metadata.annotations, p.spec.hostname) for p in await side.pods()), key=str
    )
    return nameless([to_obj(live.status), pods, await side.events("Job")], {})


@pytest.mark.parametrize(
    ("spec", "phase"),
    [
        ({}, "Succeeded"),
        ({"completions": 3, "parallelism": 2}, "Succeeded"),
        ({"completions": 3, "parallelism": 2, "completionMode": "Indexed"}, "Succeeded"),
        ({"backoffLimit": 0}, "Failed"),
        ({"activeDeadlineSeconds": 1}, "Running"),
    ],
    ids=["one", "three", "indexed", "failed", "late"],
)
def test_jobs_end_alike(spec: Obj, phase: str) -> None:
    async def scenario(side: Side) -> Any:
        await side.create("jobs.batch", job(**spec))
        return await job_end(side, phase)

    upstream, ours = both(scenario)
    assert ours == upstream


SLICES = resource("endpointslices.discovery.k8s.io")
ENDPOINTS = resource("endpoints")
NODES = resource("nodes")
NODE = "wherry-differential-node"


def backend(name: str, port: int) -> Obj:
    container = {"name": "c", "image": "x", "ports": [{"name": "web", "containerPort": port}]}
    spec = {"nodeName": NODE, "containers": [container], "hostname": name, "subdomain": "hidden"}
    return {"metadata": {"name": name, "labels": {"app": "web"}}, "spec": spec}


def front(name: str, **spec: Any) -> Obj:
    port = {"name": "http", "port": 80, "targetPort": "web"}
    return {"metadata": {"name": name}, "spec": {"selector": {"app": "web"}, "ports": [port], **spec}}


async def endpoint_picture(side: Side) -> Any:
    slices = [to_obj(one) for one in (await side.client.list(SLICES, NAMESPACE)).items]
    whole = [to_obj(one) for one in (await side.client.list(ENDPOINTS, NAMESPACE)).items]
    picture = [
        (s["metadata"]["labels"], s["metadata"]["generateName"], s.get("ports"), s.get("endpoints"))
        for s in slices
    ]
    older = [
        (e["metadata"]["name"], e["metadata"].get("labels"), sorted(e.get("subsets", ()), key=str))
        for e in whole
    ]
    return [_without_uids(sorted(picture, key=str)), _without_uids(sorted(older, key=str))]


def _without_uids(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_uids(v) for k, v in value.items() if k not in ("uid", "annotations")}
    return [_without_uids(one) for one in value] if isinstance(value, list | tuple) else value


def test_endpoints_are_alike() -> None:
    async def scenario(side: Side) -> Any:
        await side.client.create(NODES, {"metadata": {"name": NODE}})
        try:
            return await pictures(side)
        finally:
            await side.remove_all()
            await side.client.delete(NODES, NODE)

    async def pictures(side: Side) -> Any:
        for name, spec in FRONTS.items():
            await side.create("services", front(name, **spec))
        ready = {"one": 8080, "two": 8080, "three": 9090}
        for name, port in ready.items():
            await side.create("pods", backend(name, port))
        for number, name in enumerate(ready, 1):
            address = f"10.9.0.{number}"
            condition = {"type": "Ready", "status": str(name != "two")}
            status = {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}]}
            patch = {"status": {**status, "conditions": [condition]}}
            await side.client.patch(PODS, name, patch, NAMESPACE, subresource="status")

        async def all_told() -> bool:
            slices = (await side.client.list(SLICES, NAMESPACE)).items
            whole = (await side.client.list(ENDPOINTS, NAMESPACE)).items
            in_slices = sum(len(one.endpoints) for one in slices)
            in_whole = sum(len(s.addresses) + len(s.notReadyAddresses) for e in whole for s in e.subsets)
            empty = [one for one in slices if not one.endpoints]
            return in_slices == in_whole == 3 * len(FRONTS) - 3 and len(empty) == 1

        await side.until(all_told, "endpoints of all pods")
        return await endpoint_picture(side)

    upstream, ours = both(scenario)
    assert ours == upstream


FRONTS: dict[str, Obj] = {
    "plain": {},
    "hidden": {"clusterIP": "None"},
    "eager": {"publishNotReadyAddresses": True},
    "nobody": {"selector": {"app": "none"}},
}


STATEFUL_SETS = resource("statefulsets.apps")
DAEMON_SETS = resource("daemonsets.apps")
REVISIONS = resource("controllerrevisions.apps")


async def set_picture(side: Side, what: Any, name: str) -> Any:
    live = await side.client.get(what, name, NAMESPACE)
    revisions = (await side.client.list(REVISIONS, NAMESPACE)).items
    names = {one.metadata.name: f"REVISION-{one.revision}" for one in revisions}
    names |= {one.removeprefix(f"{name}-"): number for one, number in names.items()}
    pods = [
        (p.metadata.labels, p.spec.hostname, p.spec.subdomain, [to_obj(v) for v in p.spec.volumes][:-1])
        for p in await side.pods()
    ]
    affinities = [to_obj(p.spec.affinity) for p in await side.pods() if p.spec.affinity is not None]
    picture = {
        "status": to_obj(live.status),
        "pods": sorted(pods, key=str),
        "affinities": affinities,
        "tolerations": sorted({str(t) for p in await side.pods() for t in p.spec.tolerations}),
        "events": await side.events(live.kind),
        "revisions": sorted((r.revision, dict(r.data["spec"]["template"])) for r in revisions),
    }
    return _tuples_to_lists(nameless(_tuples_to_lists(picture), names))


def _tuples_to_lists(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _tuples_to_lists(v) for k, v in value.items()}
    return [_tuples_to_lists(one) for one in value] if isinstance(value, list | tuple) else value


def test_stateful_sets_are_alike() -> None:
    async def settled_set(side: Side, generation: int) -> None:
        async def done() -> bool:
            await side.run_all()
            await side.end_deleted()
            status = (await side.client.get(STATEFUL_SETS, "db", NAMESPACE)).status
            counts = (status.updatedReplicas, status.availableReplicas, status.currentReplicas)
            same = status.currentRevision == status.updateRevision
            return same and counts == (3, 3, 3) and (status.observedGeneration or 0) >= generation

        await side.until(done, "the end of the rollout")

    async def scenario(side: Side) -> Any:
        spec = deployment("one")["spec"] | {"serviceName": "db"}
        await side.create("statefulsets.apps", {"metadata": {"name": "db"}, "spec": spec})
        await settled_set(side, 1)
        pictures = [await set_picture(side, STATEFUL_SETS, "db")]
        change = {"template": {"spec": {"containers": [{"name": "c", "image": "two"}]}}}
        await side.client.patch(STATEFUL_SETS, "db", {"spec": change}, NAMESPACE)
        await settled_set(side, 2)
        return [*pictures, await set_picture(side, STATEFUL_SETS, "db")]

    upstream, ours = both(scenario)
    assert ours == upstream


def test_daemon_sets_are_alike() -> None:
    async def settled_set(side: Side, generation: int) -> None:
        async def done() -> bool:
            await side.run_all()
            await side.end_deleted()
            status = (await side.client.get(DAEMON_SETS, "d", NAMESPACE)).status
            counts = (status.desiredNumberScheduled, status.updatedNumberScheduled, status.numberAvailable)
            return counts == (1, 1, 1) and (status.observedGeneration or 0) >= generation

        await side.until(done, "the end of the rollout")

    async def scenario(side: Side) -> Any:
        await side.client.create(NODES, {"metadata": {"name": NODE, "labels": {"only": "here"}}})
        ready = [{"type": "Ready", "status": "True", "lastHeartbeatTime": "2026-01-01T00:00:00Z"}]
        patch = {"status": {"conditions": ready, "allocatable": {"cpu": "4", "pods": "10", "memory": "4Gi"}}}
        await side.client.patch(NODES, NODE, patch, subresource="status")
        try:
            spec = deployment("one")["spec"]
            del spec["replicas"]
            spec["template"]["spec"]["nodeSelector"] = {"only": "here"}
            await side.create("daemonsets.apps", {"metadata": {"name": "d"}, "spec": spec})
            await settled_set(side, 1)
            pictures = [await set_picture(side, DAEMON_SETS, "d")]
            change = {"template": {"spec": {"containers": [{"name": "c", "image": "two"}]}}}
            await side.client.patch(DAEMON_SETS, "d", {"spec": change}, NAMESPACE)
            await settled_set(side, 2)
            return [*pictures, await set_picture(side, DAEMON_SETS, "d")]
        finally:
            await side.client.delete(NODES, NODE)

    upstream, ours = both(scenario)
    assert ours == upstream
