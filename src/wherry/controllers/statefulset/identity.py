"""The pod of one ordinal: its name, labels, host name and claims. Pure.

Follows upstream's `pkg/controller/statefulset/stateful_set_utils.go`.
"""

from __future__ import annotations

import re
from typing import Any

from wherry.api.schema import Obj, convert, struct_named, to_obj
from wherry.api.scheme import resource
from wherry.controllers import pods
from wherry.controllers.history import HASH
from wherry.controllers.ownership import controller_reference

SETS = resource("statefulsets.apps")
POD_NAME = "statefulset.kubernetes.io/pod-name"
POD_INDEX = "apps.kubernetes.io/pod-index"
_TEMPLATE = "io.k8s.api.core.v1.PodTemplateSpec"


def ordinal(owner: Any, pod: Any) -> int | None:
    """The pod's place in the set, None when its name is not one of the set's."""
    match = re.fullmatch(rf"{re.escape(owner.metadata.name)}-(0|[1-9]\d*)", pod.metadata.name)
    return int(match[1]) if match else None


def claims(owner: Any, number: int) -> list[Obj]:
    """The claims that the pod of an ordinal needs; they outlive it."""
    made = []
    for template in owner.spec.volumeClaimTemplates:
        plain = to_obj(template)
        metadata = plain.get("metadata", {})
        labels = {**metadata.get("labels", {}), **owner.spec.selector.matchLabels}
        name = claim_name(owner, metadata["name"], number)
        named = {"name": name, "namespace": owner.metadata.namespace, "labels": labels}
        if metadata.get("annotations"):
            named["annotations"] = metadata["annotations"]
        made.append({"metadata": named, "spec": plain.get("spec", {})})
    return made


def claim_name(owner: Any, template: str, number: int) -> str:
    return f"{template}-{owner.metadata.name}-{number}"


def pod_of(owner: Any, number: int, revision: str, template: Obj) -> Obj:
    typed = convert(struct_named(_TEMPLATE), template)
    pod = pods.from_template(typed, owner, controller_reference(SETS, owner))
    name = f"{owner.metadata.name}-{number}"
    metadata, spec = pod["metadata"], pod["spec"]
    del metadata["generateName"]
    metadata["name"] = name
    metadata["labels"] |= {POD_NAME: name, POD_INDEX: str(number), HASH: revision}
    spec["hostname"] = name
    if owner.spec.serviceName:
        spec["subdomain"] = owner.spec.serviceName
    claimed = {
        template.metadata.name: claim_name(owner, template.metadata.name, number)
        for template in owner.spec.volumeClaimTemplates
    }
    kept = [volume for volume in spec.get("volumes", ()) if volume["name"] not in claimed]
    spec["volumes"] = kept + [
        {"name": volume, "persistentVolumeClaim": {"claimName": claim}} for volume, claim in claimed.items()
    ]
    return pod
