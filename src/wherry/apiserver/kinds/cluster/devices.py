"""Dynamic resource allocation (resource.k8s.io): stored and shown."""

from __future__ import annotations

from wherry.api.schema import Obj
from wherry.apiserver.kinds.columns import AGE, NAME, at
from wherry.apiserver.kinds.wire import tidies
from wherry.apiserver.registry.strategy import Column, Context, Strategy


def _default_claim_spec(spec: Obj) -> None:
    for request in (spec.get("devices") or {}).get("requests") or ():
        for asked in (request.get("exactly"), *(request.get("firstAvailable") or ())):
            if asked is None:
                continue
            if not asked.get("allocationMode"):
                asked["allocationMode"] = "ExactCount"
            if asked["allocationMode"] == "ExactCount" and not asked.get("count"):
                asked["count"] = 1


def _default_claim(claim: Obj) -> None:
    _default_claim_spec(claim["spec"])


def _default_template(template: Obj) -> None:
    _default_claim_spec(template["spec"]["spec"])


def _prepare_claim(claim: Obj, context: Context) -> None:
    claim["status"] = {}


def _state(claim: Obj, now: float) -> str:
    words = []
    if at(claim, "metadata.deletionTimestamp"):
        words.append("deleted")
    status = claim.get("status") or {}
    if status.get("allocation") is None:
        words.append("pending")
    else:
        words.append("allocated")
        if status.get("reservedFor"):
            words.append("reserved")
    return ",".join(words)


def _node(slice_: Obj, now: float) -> str:
    if name := at(slice_, "spec.nodeName"):
        return str(name)
    return "<all-nodes>" if at(slice_, "spec.allNodes", False) else ""


DEVICE_CLASS = Strategy(
    default=tidies("resource.v1.DeviceClass"), has_status=False, generation=True, columns=(NAME, AGE)
)
RESOURCE_CLAIM = Strategy(
    default=tidies("resource.v1.ResourceClaim", _default_claim),
    prepare_create=_prepare_claim,
    columns=(NAME, Column("State", _state), AGE),
)
RESOURCE_CLAIM_TEMPLATE = Strategy(
    default=tidies("resource.v1.ResourceClaimTemplate", _default_template),
    has_status=False,
    columns=(NAME, AGE),
)
RESOURCE_SLICE = Strategy(
    default=tidies("resource.v1.ResourceSlice"),
    has_status=False,
    generation=True,
    fields={
        "spec.nodeName": lambda obj: at(obj, "spec.nodeName"),
        "spec.driver": lambda obj: at(obj, "spec.driver"),
    },
    columns=(
        NAME,
        Column("Node", _node),
        Column("Driver", lambda obj, now: at(obj, "spec.driver")),
        Column("Pool", lambda obj, now: at(obj, "spec.pool.name")),
        AGE,
    ),
)
