"""What a pod is refused for when it is created (ValidatePodCreate), metadata's own rules excepted."""

from __future__ import annotations

import re

from wherry.api.fieldpath import forbidden_field, invalid_value
from wherry.api.schema import Obj
from wherry.apiserver.kinds.stanzas import containers
from wherry.apiserver.kinds.stanzas.formats import Errors
from wherry.apiserver.kinds.stanzas.pod_spec import pod_spec

MIRROR = "kubernetes.io/config.mirror"
_DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
_INT32 = re.compile(r"0|-?[1-9]\d*|-0")


def validate(pod: Obj) -> Errors:
    out: Errors = []
    metadata, spec = pod["metadata"], pod["spec"]
    if annotations := metadata.get("annotations"):
        _annotations(annotations, spec, out)
    pod_spec(spec, "spec", out, pod_name=metadata.get("name", ""), is_pod=True)
    if not spec.get("serviceAccountName"):
        _tokens_need_account(spec, out)
    for kind in ("containers", "initContainers"):
        for i, one in enumerate(spec.get(kind) or ()):
            containers.untrimmed_image(one, f"spec.{kind}[{i}]", out)
    # A pod that has a uid has been created before: then these are the update's business.
    if "resourceVersion" not in metadata:
        _on_create(spec, out)
    return out


def _on_create(spec: Obj, out: Errors) -> None:
    if spec.get("ephemeralContainers"):
        out.append(forbidden_field("spec.ephemeralContainers", "cannot be set on create"))
    if spec.get("nodeName") and spec.get("schedulingGates"):
        message = "cannot be set until all schedulingGates have been cleared"
        out.append(forbidden_field("spec.nodeName", message))


def _annotations(found: dict[str, str], spec: Obj, out: Errors) -> None:
    if MIRROR in found and not spec.get("nodeName"):
        message = "must set spec.nodeName if mirror pod annotation is set"
        out.append(invalid_value(f"metadata.annotations[{MIRROR}]", found[MIRROR], message))
    cost = found.get(_DELETION_COST)
    if cost is not None and (not _INT32.fullmatch(cost) or not -(2**31) <= int(cost) < 2**31):
        message = "must be a 32bit integer"
        out.append(invalid_value(f"metadata.annotations[{_DELETION_COST}]", cost, message))


def _tokens_need_account(spec: Obj, out: Errors) -> None:
    for i, volume in enumerate(spec.get("volumes") or ()):
        for j, source in enumerate((volume.get("projected") or {}).get("sources") or ()):
            if "serviceAccountToken" in source:
                where = f"spec.volumes[{i}].projected.sources[{j}].serviceAccountToken"
                message = "must not be specified when serviceAccountName is not set"
                out.append(forbidden_field(where, message))
