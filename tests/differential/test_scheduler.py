"""The same pods offered to upstream's scheduler and to wherry's, on the same nodes of one API server;
both must choose the same node, or say the same of why there is none.

Needs `WHERRY_REFERENCE`: the directory of a running reference API server with upstream's scheduler. Pods
for wherry's carry another `schedulerName`. Each pod is deleted before the next comes, so both see the
same cluster; cases have at most one node that fits, since upstream draws among equals.
"""

from __future__ import annotations

import asyncio
import os
import random
from pathlib import Path
from typing import Any

import pytest

from wherry.api.errors import ApiError
from wherry.api.schema import Obj
from wherry.api.scheme import resource
from wherry.client.connect import client_from_kubeconfig
from wherry.client.rest import Client
from wherry.component import Env
from wherry.scheduler.scheduler import Scheduler
from wherry.scheduler.settings import SchedulerSettings

REFERENCE = os.environ.get("WHERRY_REFERENCE", "")
NAMESPACE = "wherry-differential-scheduler"
NAMES = {"upstream": "default-scheduler", "wherry": "wherry-differential"}
PODS, NODES = resource("pods"), resource("nodes")
CLASSES, ACCOUNTS = resource("priorityclasses.scheduling.k8s.io"), resource("serviceaccounts")

pytestmark = [
    pytest.mark.reference,
    pytest.mark.skipif(not REFERENCE, reason="WHERRY_REFERENCE is not set"),
]

ROLE = "wherry-differential"
TAINT = {"key": "k", "value": "v", "effect": "NoSchedule"}


def node(name: str, zone: str, cpu: str = "4", spec: Obj | None = None, **labels: str) -> Obj:
    size = {"cpu": cpu, "memory": "8Gi", "pods": "110"}
    own = {"kubernetes.io/hostname": name, "zone": zone, "role": ROLE}
    ready = {"type": "Ready", "status": "True", "lastHeartbeatTime": None, "lastTransitionTime": None}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": own | labels},
        "spec": spec or {},
        "status": {"allocatable": size, "capacity": size, "conditions": [ready]},
    }


CLUSTER = [
    node("wd-1", "a"),
    node("wd-2", "b", "2", {"taints": [TAINT]}),
    node("wd-3", "b", "8", disk="ssd"),
    node("wd-4", "c", "1", {"unschedulable": True}),
]
RESIDENTS: list[Obj] = [
    {"name": "db", "node": "wd-3", "labels": {"app": "db"}, "cpu": "1"},
    {"name": "alone", "node": "wd-1", "labels": {"app": "alone"}, "cpu": "2", "apart": "guest"},
]


def term(topology: str, **labels: str) -> Obj:
    return {"topologyKey": topology, "labelSelector": {"matchLabels": labels}}


def required(*terms: Obj) -> Obj:
    return {"requiredDuringSchedulingIgnoredDuringExecution": list(terms)}


def spread(topology: str, skew: int = 1, **more: Any) -> list[Obj]:
    selector = {"matchLabels": {"app": "db"}}
    stanza = {"maxSkew": skew, "topologyKey": topology, "whenUnsatisfiable": "DoNotSchedule"}
    return [{**stanza, "labelSelector": selector, **more}]


def expression(key: str, operator: str, *values: str) -> Obj:
    wanted = {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}
    return {
        "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [wanted]}}
    }


def named(*names: str) -> Obj:
    wanted = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": list(names)}]}
    return {
        "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [wanted]}}
    }


CASES: dict[str, Obj] = {
    "large": {"cpu": "5"},
    "too large": {"cpu": "9"},
    "scalar": {"resources": {"requests": {"example.com/x": "1"}, "limits": {"example.com/x": "1"}}},
    "selector": {"nodeSelector": {"disk": "ssd"}},
    "no such label": {"nodeSelector": {"disk": "tape"}},
    "affinity not in": {"affinity": expression("zone", "NotIn", "b"), "cpu": "1"},
    "affinity exists": {"affinity": expression("disk", "Exists")},
    "one node by name": {"affinity": named("wd-3")},
    "tainted node by name": {"affinity": named("wd-2")},
    "unknown node by name": {"affinity": named("nowhere")},
    "tolerates": {
        "nodeSelector": {"kubernetes.io/hostname": "wd-2"},
        "tolerations": [{"operator": "Exists"}],
    },
    "near": {"affinity": {"podAffinity": required(term("kubernetes.io/hostname", app="db"))}},
    "near nobody": {"affinity": {"podAffinity": required(term("zone", app="nobody"))}},
    "near itself": {
        "affinity": {"podAffinity": required(term("zone", app="self"))},
        "labels": {"app": "self"},
        "nodeSelector": {"disk": "ssd"},
    },
    "apart": {
        "affinity": {"podAntiAffinity": required(term("zone", app="db"))},
        "nodeSelector": {"zone": "a"},
    },
    "apart from all": {
        "affinity": {"podAntiAffinity": required(term("zone", app="db"), term("zone", app="alone"))},
    },
    "unwelcome": {"labels": {"app": "guest"}},
    "spread over zones": {"topologySpreadConstraints": spread("zone"), "labels": {"app": "db"}},
    "spread with more domains": {
        "topologySpreadConstraints": spread("zone", minDomains=5),
        "labels": {"app": "db"},
    },
    "spread over a missing label": {"topologySpreadConstraints": spread("rack"), "labels": {"app": "db"}},
    "spread honouring taints": {
        "topologySpreadConstraints": spread("kubernetes.io/hostname", nodeTaintsPolicy="Honor"),
        "labels": {"app": "db"},
    },
    "polite": {"cpu": "8", "priorityClassName": "wd-polite"},
    "important but too large": {"cpu": "9", "priorityClassName": "wd-high"},
}


def pod(name: str, scheduler: str, case: Obj) -> Obj:
    spec = {k: v for k, v in case.items() if k not in ("cpu", "labels", "resources", "node", "name", "apart")}
    resources = case.get("resources") or ({"requests": {"cpu": case["cpu"]}} if "cpu" in case else {})
    spec.setdefault("nodeSelector", {})["role"] = ROLE
    if "node" in case:
        spec["nodeName"] = case["node"]
    if "apart" in case:
        spec["affinity"] = {"podAntiAffinity": required(term("kubernetes.io/hostname", app=case["apart"]))}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": case.get("labels", {})},
        "spec": {
            **spec,
            "schedulerName": scheduler,
            "terminationGracePeriodSeconds": 0,
            "containers": [{"name": "c", "image": "x", "resources": resources}],
        },
    }


async def offered(client: Client, name: str, scheduler: str, case: Obj) -> str:
    """The node a scheduler chose, or its message."""
    await client.create(PODS, pod(name, scheduler, case), NAMESPACE)
    try:
        for _ in range(400):
            found = await client.get(PODS, name, NAMESPACE)
            if found.spec.nodeName:
                return f"on {found.spec.nodeName}"
            said = [c for c in found.status.conditions if c.type == "PodScheduled"]
            if said:
                return f"{said[0].reason}: {said[0].message}"
            await asyncio.sleep(0.02)
        return "silence"
    finally:
        await client.delete(PODS, name, NAMESPACE, grace_period_seconds=0)


async def ignoring(reason: str, attempt: Any) -> None:
    try:
        await attempt
    except ApiError as error:
        if error.reason != reason:
            raise


async def prepare(client: Client) -> None:
    meta = {"name": NAMESPACE}
    spaces = resource("namespaces")
    await ignoring(
        "AlreadyExists", client.create(spaces, {"apiVersion": "v1", "kind": "Namespace", "metadata": meta})
    )
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "default", "namespace": NAMESPACE},
    }
    await ignoring("AlreadyExists", client.create(ACCOUNTS, account, NAMESPACE))
    for name, policy in (("wd-high", "PreemptLowerPriority"), ("wd-polite", "Never")):
        body = {"metadata": {"name": name}, "value": 1000, "preemptionPolicy": policy}
        kind = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass"}
        await ignoring("AlreadyExists", client.create(CLASSES, kind | body))
    for each in CLUSTER:
        name = each["metadata"]["name"]
        await client.create(NODES, each)
        # Admission taints new nodes as not ready; only the test's own taints are wanted.
        await client.patch(NODES, name, {"spec": {"taints": each["spec"].get("taints")}})
        await client.patch(NODES, name, {"status": each["status"]}, subresource="status")
    for resident in RESIDENTS:
        await client.create(PODS, pod(resident["name"], NAMES["upstream"], resident), NAMESPACE)


async def tidy(client: Client) -> None:
    for each in RESIDENTS:
        await ignoring("NotFound", client.delete(PODS, each["name"], NAMESPACE, grace_period_seconds=0))
    for each in CLUSTER:
        await ignoring("NotFound", client.delete(NODES, each["metadata"]["name"]))
    for name in ("wd-high", "wd-polite"):
        await ignoring("NotFound", client.delete(CLASSES, name))
    await ignoring("NotFound", client.delete(resource("namespaces"), NAMESPACE))


async def compared() -> dict[str, dict[str, str]]:
    client = client_from_kubeconfig(Path(REFERENCE) / "kubeconfig")
    found: dict[str, dict[str, str]] = {}
    settings = SchedulerSettings(profiles=(NAMES["wherry"],))
    scheduler = Scheduler(client, Env(rng=random.Random(1)), settings)
    try:
        await tidy(client)
        await prepare(client)
        ready = asyncio.Event()
        ours = asyncio.create_task(scheduler.run(ready.set))
        await ready.wait()
        for number, (case, wanted) in enumerate(CASES.items()):
            found[case] = {
                side: await offered(client, f"{side}-{number}", name, dict(wanted))
                for side, name in NAMES.items()
            }
        ours.cancel()
        await asyncio.wait([ours])
    finally:
        await tidy(client)
        await client.close()
    return found


def test_both_schedulers_decide_alike() -> None:
    found = asyncio.run(compared())
    if all(sides["upstream"] == "silence" for sides in found.values()):
        pytest.skip("no upstream scheduler runs beside the reference API server")
    different = {case: sides for case, sides in found.items() if sides["upstream"] != sides["wherry"]}
    assert different == {}
    placed = [case for case, sides in found.items() if sides["wherry"].startswith("on ")]
    assert len(placed) >= 8
