"""Objects for tests, typed as the informers give them, and a small world in which ReplicaSets and pods
follow a Deployment's plans."""

from __future__ import annotations

import random
from typing import Any

import msgspec

from wherry.api.schema import Obj, convert, struct_type, to_obj
from wherry.clock import rfc3339
from wherry.controllers.deployment import revisions, sizes
from wherry.controllers.deployment.plan import Plan, plan

NOW = 1_800_000_000.0


def typed(obj: Obj) -> Any:
    return convert(struct_type(obj["apiVersion"], obj["kind"]), obj)


def pod(name: str, *, labels: Obj | None = None, owner: str = "", node: str = "n1", **status: Any) -> Any:
    """Ready and running unless told otherwise."""
    ready = status.pop("ready", True)
    meta: Obj = {"name": name, "namespace": "ns", "uid": f"uid-{name}", "labels": labels or {}}
    meta["creationTimestamp"] = rfc3339(status.pop("created", NOW - 100))
    for field in ("deletionTimestamp", "finalizers", "annotations"):
        if field in status:
            meta[field] = status.pop(field)
    if owner:
        meta["ownerReferences"] = [
            {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": owner, "uid": owner, "controller": True}
        ]
    condition = {
        "type": "Ready",
        "status": "True" if ready else "False",
        "lastTransitionTime": rfc3339(status.pop("ready_at", NOW - 50)),
    }
    spec: Obj = {"containers": status.pop("containers", [{"name": "c"}]), **status.pop("spec", {})}
    if node:
        spec["nodeName"] = node
    full = {"phase": "Running", "podIP": "10.0.0.1", "conditions": [condition], **status}
    return typed({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec, "status": full})


def template(image: str = "one") -> Obj:
    return {
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "c", "image": image}]},
    }


def deployment(replicas: int = 3, image: str = "one", **spec: Any) -> Any:
    metadata = {
        "name": "web",
        "namespace": "ns",
        "uid": "deployment",
        "generation": 1,
        "resourceVersion": "1",
        "annotations": spec.pop("annotations", {}),
    }
    full: Obj = {
        "replicas": replicas,
        "selector": {"matchLabels": {"app": "web"}},
        "template": template(image),
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
        "progressDeadlineSeconds": 600,
        "revisionHistoryLimit": 10,
        **spec,
    }
    return typed({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": full})


class World:
    """Carries out plans at once; pods become ready, or fail to, when `step` says so."""

    def __init__(self, subject: Any, rng: random.Random) -> None:
        self.deployment = subject
        self.sets: dict[str, Any] = {}
        self.rng = rng
        self.now = NOW
        self.events: list[str] = []

    def reconcile(self, old_pods_running: bool = False) -> Plan:
        result = plan(self.deployment, list(self.sets.values()), old_pods_running, self.now)
        if result.create is not None:
            self._create(result.create)
        for change in result.changes:
            self.sets[change.before.metadata.name] = change.after
        for gone in result.remove:
            del self.sets[gone.metadata.name]
        plain = to_obj(self.deployment)
        if result.revision:
            plain["metadata"].setdefault("annotations", {})[revisions.REVISION] = result.revision
        self.deployment = typed({**plain, "status": result.status})
        return result

    def _create(self, obj: Obj) -> None:
        name = obj["metadata"]["name"]
        assert name not in self.sets, "the same ReplicaSet created twice"
        metadata = {**obj["metadata"], "uid": f"uid-{name}", "creationTimestamp": rfc3339(self.now)}
        self.sets[name] = typed({**obj, "metadata": metadata})

    def run_pods(self, *, broken: frozenset[str] = frozenset()) -> None:
        """ReplicaSets follow their spec; some pods of working images become available, some of any
        image break."""
        self.now += 1
        for name, one in self.sets.items():
            size = sizes.replicas(one)
            ready = min(one.status.readyReplicas or 0, size)
            image = one.spec.template.spec.containers[0].image
            ready = 0 if image in broken else self.rng.randint(ready, size)
            status = msgspec.structs.replace(
                one.status,
                replicas=size,
                readyReplicas=ready,
                availableReplicas=ready,
                observedGeneration=one.metadata.generation or 0,
            )
            self.sets[name] = msgspec.structs.replace(one, status=status)

    def change(self, **spec: Any) -> None:
        plain = to_obj(self.deployment)
        plain["spec"] |= spec
        plain["metadata"]["generation"] = (plain["metadata"].get("generation") or 0) + 1
        self.deployment = typed(plain)

    @property
    def total(self) -> int:
        return sizes.total_replicas(self.sets.values())

    @property
    def available(self) -> int:
        return sizes.available(self.sets.values())

    def condition(self, type_: str) -> Any:
        return next((c for c in self.deployment.status.conditions if c.type == type_), None)
