"""What may change in a pod once it is there (ValidatePodUpdate, ValidatePodStatusUpdate).

Very little: images, the deadline, more tolerations, fewer scheduling gates. The spec with those set back
to what they were must equal the old one.
"""

from __future__ import annotations

import copy
from typing import Any

from wherry.api import validation_text
from wherry.api.fieldpath import duplicate, forbidden_field, invalid_value, required
from wherry.api.schema import Obj
from wherry.apiserver.kinds.core.pod_validation import MIRROR
from wherry.apiserver.kinds.differences import differences
from wherry.apiserver.kinds.stanzas import containers, formats
from wherry.apiserver.kinds.stanzas.formats import Errors

UPDATABLE = ",".join(
    (
        "`spec.containers[*].image`",
        "`spec.initContainers[*].image`",
        "`spec.activeDeadlineSeconds`",
        "`spec.tolerations` (only additions to existing tolerations)",
        "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)",
    )
)
_SYSTEM_CONDITIONS = ("PodScheduled", "Ready", "Initialized")


def validate_update(new: Obj, old: Obj) -> Errors:
    out: Errors = []
    before, after = old["spec"], new["spec"]
    _mirror(new["metadata"], old["metadata"], out)
    for kind in ("containers", "initContainers"):
        if not _same_containers(after.get(kind) or [], before.get(kind) or [], f"spec.{kind}", out):
            return out
    if not _deadline(after.get("activeDeadlineSeconds"), before.get("activeDeadlineSeconds"), out):
        return out
    _tolerations(after.get("tolerations") or [], before.get("tolerations") or [], out)
    _gates(after.get("schedulingGates") or [], before.get("schedulingGates") or [], out)
    if after == before:
        return out
    munged = _with_old_values(after, before)
    if before.get("schedulingGates"):
        _gated(munged, before, out)
    if munged != before:
        message = f"pod updates may not change fields other than {UPDATABLE}\n"
        out.append(forbidden_field("spec", message + differences(before, munged, "core.PodSpec")))
    return out


def _mirror(new: Obj, old: Obj, out: Errors) -> None:
    was, now = (m.get("annotations", {}).get(MIRROR) for m in (old, new))
    if was is not None and now != was:
        message = "may not remove or update mirror pod annotation"
        out.append(forbidden_field(f"metadata.annotations[{MIRROR}]", message))
    elif was is None and now is not None:
        message = "may not add mirror pod annotation"
        out.append(forbidden_field(f"metadata.annotations[{MIRROR}]", message))


def _same_containers(new: list[Obj], old: list[Obj], path: str, out: Errors) -> bool:
    if len(new) != len(old):
        out.append(forbidden_field(path, "pod updates may not add or remove containers"))
        return False
    for i, one in enumerate(new):
        if not one.get("image"):
            out.append(required(f"{path}[{i}].image"))
        containers.untrimmed_image(one, f"{path}[{i}]", out)
    return True


def _deadline(new: int | None, old: int | None, out: Errors) -> bool:
    path = "spec.activeDeadlineSeconds"
    if new is not None:
        if not 0 <= new <= formats.MAX_INT32:
            formats.in_range(new, 0, formats.MAX_INT32, path, out)
            return False
        if old is not None and old < new:
            out.append(invalid_value(path, new, "must be less than or equal to previous value"))
            return False
    elif old is not None:
        out.append(invalid_value(path, None, "must not update from a positive integer to nil value"))
    return True


def _tolerations(new: list[Obj], old: list[Obj], out: Errors) -> None:
    def key(toleration: Obj) -> Obj:
        return {field: value for field, value in toleration.items() if field != "tolerationSeconds"}

    there = [key(toleration) for toleration in new]
    if any(key(toleration) not in there for toleration in old):
        message = "existing toleration can not be modified except its tolerationSeconds"
        out.append(forbidden_field("spec.tolerations", message))


def _gates(new: list[Obj], old: list[Obj], out: Errors) -> None:
    known = {gate.get("name") for gate in old}
    for i, gate in enumerate(new):
        if gate.get("name") not in known:
            message = f"only deletion is allowed, but found new scheduling gate '{gate.get('name')}'"
            out.append(forbidden_field(f"spec.schedulingGates[{i}].name", message))


def _put(spec: Obj, field: str, value: Any) -> None:
    if value is None:
        spec.pop(field, None)
    else:
        spec[field] = value


def _with_old_values(new: Obj, old: Obj) -> Obj:
    """The new spec with everything that may change set back."""
    spec = copy.deepcopy(new)
    for kind in ("containers", "initContainers"):
        for one, was in zip(spec.get(kind) or (), old.get(kind) or (), strict=True):
            _put(one, "image", was.get("image"))
    for field in ("activeDeadlineSeconds", "schedulingGates", "tolerations"):
        _put(spec, field, old.get(field))
    if old.get("terminationGracePeriodSeconds", 0) < 0 and spec.get("terminationGracePeriodSeconds") == 1:
        spec["terminationGracePeriodSeconds"] = old["terminationGracePeriodSeconds"]
    return spec


def _gated(munged: Obj, old: Obj, out: Errors) -> None:
    """While it is gated a pod's node selector and node affinity may be narrowed."""
    was, now = old.get("nodeSelector") or {}, munged.get("nodeSelector") or {}
    if any(now.get(key) != value for key, value in was.items()):
        message = "only additions to spec.nodeSelector are allowed (no mutations or deletions)"
        out.append(invalid_value("spec.nodeSelector", now, message))
    _put(munged, "nodeSelector", old.get("nodeSelector"))
    affinity = dict(munged.get("affinity") or {})
    _narrowed(affinity.pop("nodeAffinity", None), (old.get("affinity") or {}).get("nodeAffinity"), out)
    if (node := (old.get("affinity") or {}).get("nodeAffinity")) is not None:
        affinity["nodeAffinity"] = node
    _put(munged, "affinity", affinity if affinity or "affinity" in old else None)


def _narrowed(new: Obj | None, old: Obj | None, out: Errors) -> None:
    field = "requiredDuringSchedulingIgnoredDuringExecution"
    was = ((old or {}).get(field) or {}).get("nodeSelectorTerms") or []
    now = ((new or {}).get(field) or {}).get("nodeSelectorTerms") or []
    path = f"spec.affinity.nodeAffinity.{field}.nodeSelectorTerms"
    if not was:
        return
    if len(was) != len(now):
        message = "no additions/deletions to non-empty NodeSelectorTerms list are allowed"
        out.append(invalid_value(path, now, message))
        return
    for i, (term, before) in enumerate(zip(now, was, strict=True)):
        fields = ("matchExpressions", "matchFields")
        pairs = [(term.get(f) or [], before.get(f) or []) for f in fields]
        grown = all(after[: len(rules)] == rules for after, rules in pairs)
        if not grown or (not any(rules for _, rules in pairs) and any(after for after, _ in pairs)):
            message = "only additions are allowed (no mutations or deletions)"
            out.append(invalid_value(f"{path}[{i}]", term, message))


def validate_status(new: Obj, old: Obj) -> Errors:
    out: Errors = []
    status, before, spec = new.get("status") or {}, old.get("status") or {}, old["spec"]
    for i, condition in enumerate(status.get("conditions") or ()):
        if condition.get("type") not in _SYSTEM_CONDITIONS:
            formats.label_key(condition.get("type", ""), f"metadata.conditions[{i}].Type", out)
    nominated = status.get("nominatedNodeName")
    if nominated and nominated != before.get("nominatedNodeName"):
        formats.name(nominated, validation_text.dns_subdomain, "status.nominatedNodeName", out)
        if spec.get("nodeName"):
            message = "may not be set on pods that are already bound to a node"
            out.append(forbidden_field("status.nominatedNodeName", message))
    if before.get("qosClass"):
        formats.immutable(status.get("qosClass", ""), before["qosClass"], "status.qosClass", out)
    sidecars = {c["name"] for c in spec.get("initContainers") or () if c.get("restartPolicy") == "Always"}
    policy = spec.get("restartPolicy", "")
    for field, restarts, free in (
        ("containerStatuses", policy, frozenset()),
        ("initContainerStatuses", policy, frozenset(sidecars)),
        ("ephemeralContainerStatuses", "Never", frozenset()),
    ):
        _transitions(status.get(field) or (), before.get(field) or (), restarts, free, f"status.{field}", out)
    _addresses(status, out)
    return out


def _transitions(new: Any, old: Any, policy: str, free: frozenset[str], path: str, out: Errors) -> None:
    if policy == "Always":
        return
    for i, was in enumerate(old):
        ended = (was.get("state") or {}).get("terminated")
        if ended is None or (ended.get("exitCode", 0) and policy == "OnFailure") or was.get("name") in free:
            continue
        for now in new:
            if now.get("name") == was.get("name") and "terminated" not in (now.get("state") or {}):
                message = "may not be transitioned to non-terminated state"
                out.append(forbidden_field(f"{path}[{i}].state", message))


def _addresses(status: Obj, out: Errors) -> None:
    hosts = status.get("hostIPs") or []
    if hosts and status.get("hostIP", "") != hosts[0].get("ip"):
        out.append(invalid_value("status.hostIPs[0].ip", hosts[0].get("ip"), "must be equal to `hostIP`"))
    for field in ("podIPs", "hostIPs"):
        found = [entry.get("ip", "") for entry in status.get(field) or ()]
        for i, address in enumerate(found):
            formats.ip(address, f"status.{field}[{i}]", out)
            if address in found[:i]:
                out.append(duplicate(f"status.{field}[{i}]", {"IP": address}))
        if len(found) > 1 and (len(found) > 2 or len({":" in address for address in found}) < 2):
            message = "may specify no more than one IP for each IP family"
            shown = [{"IP": address} for address in found]
            out.append(invalid_value(f"status.{field}", shown, message))
