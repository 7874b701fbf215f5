"""Which ReplicaSet is the template's, what it is called, and the annotations that remember history.

A ReplicaSet belongs to the current template when its own is the same but for the pod-template-hash
label. The hash itself only has to be stable and short: it is FNV-1a of the template's canonical JSON
(and the collision count), in upstream's safe alphabet; upstream hashes a dump of Go memory, so names
differ from those that it would give, and ReplicaSets made by either are recognised by both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from wherry.api.schema import Obj, to_obj
from wherry.api.scheme import resource
from wherry.controllers import pods
from wherry.controllers.deployment.sizes import max_surge, wanted
from wherry.controllers.hashing import safe_hash
from wherry.controllers.ownership import controller_reference

DEPLOYMENTS = resource("deployments.apps")
REPLICA_SETS = resource("replicasets.apps")

HASH = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"
HISTORY = "deployment.kubernetes.io/revision-history"
DESIRED = "deployment.kubernetes.io/desired-replicas"
MAXIMUM = "deployment.kubernetes.io/max-replicas"
_HISTORY_LENGTH = 2000
_NOT_COPIED = frozenset(
    {
        "kubectl.kubernetes.io/last-applied-configuration",
        REVISION,
        HISTORY,
        DESIRED,
        MAXIMUM,
        "deprecated.deployment.rollback.to",
    }
)


def same_template(a: Any, b: Any) -> bool:
    """Equal but for the hash label."""
    return bool(_unhashed(a) == _unhashed(b))


def _unhashed(template: Any) -> Any:
    if HASH not in template.metadata.labels:
        return template
    labels = {k: v for k, v in template.metadata.labels.items() if k != HASH}
    metadata = msgspec.structs.replace(template.metadata, labels=labels)
    return msgspec.structs.replace(template, metadata=metadata)


def find_new(deployment: Any, replica_sets: Iterable[Any]) -> Any | None:
    """The oldest ReplicaSet of the current template."""
    for one in oldest_first(replica_sets):
        if same_template(one.spec.template, deployment.spec.template):
            return one
    return None


def oldest_first(replica_sets: Iterable[Any]) -> list[Any]:
    return sorted(replica_sets, key=lambda one: (pods.created(one), one.metadata.name))


def revision(annotations: Mapping[str, str]) -> int:
    try:
        return int(annotations.get(REVISION, "0"))
    except ValueError:
        return 0


def next_revision(old: Iterable[Any]) -> int:
    return max((revision(one.metadata.annotations) for one in old), default=0) + 1


def size_annotations(deployment: Any) -> dict[str, str]:
    """What a ReplicaSet is told of the Deployment's size: proportional scaling compares with it."""
    count = wanted(deployment)
    return {DESIRED: str(count), MAXIMUM: str(count + max_surge(deployment))}


def annotations_of_new(deployment: Any, existing: Mapping[str, str], number: int) -> dict[str, str]:
    """The annotations of the current template's ReplicaSet: the Deployment's own, and the revision
    `number` unless it has a higher one; a revision it had before is kept in the history."""
    given = {k: v for k, v in deployment.metadata.annotations.items() if k not in _NOT_COPIED}
    annotations = {**existing, **given}
    before = revision(existing)
    if before < number:
        annotations[REVISION] = str(number)
        if REVISION in existing:
            annotations[HISTORY] = _history(existing.get(HISTORY, ""), existing[REVISION])
    return annotations


def _history(text: str, old: str) -> str:
    revisions = [part for part in text.split(",") if part] + [old]
    while len(revisions) > 1 and len(",".join(revisions)) > _HISTORY_LENGTH:
        revisions.pop(0)
    return ",".join(revisions)


def new_replica_set(deployment: Any, replicas: int, number: int) -> Obj:
    """The ReplicaSet to create for the current template."""
    template = to_obj(deployment.spec.template)
    digest = safe_hash(template, deployment.status.collisionCount)
    metadata = template.setdefault("metadata", {})
    metadata["labels"] = {**metadata.get("labels", {}), HASH: digest}
    selector = to_obj(deployment.spec.selector)
    selector["matchLabels"] = {**selector.get("matchLabels", {}), HASH: digest}
    spec: Obj = {"replicas": replicas, "selector": selector, "template": template}
    if deployment.spec.minReadySeconds:
        spec["minReadySeconds"] = deployment.spec.minReadySeconds
    return {
        "apiVersion": REPLICA_SETS.api_version,
        "kind": REPLICA_SETS.kind,
        "metadata": {
            "name": f"{deployment.metadata.name[: 253 - 1 - len(digest)]}-{digest}",
            "namespace": deployment.metadata.namespace,
            "labels": dict(metadata["labels"]),
            "annotations": annotations_of_new(deployment, {}, number) | size_annotations(deployment),
            "ownerReferences": [controller_reference(DEPLOYMENTS, deployment)],
        },
        "spec": spec,
    }
