"""Lease (coordination.k8s.io): who leads, and heartbeats of nodes. Written more than anything else."""

from __future__ import annotations

from wherry.api.fieldpath import invalid_value
from wherry.api.schema import Obj
from wherry.apiserver.kinds.columns import AGE, NAME, at
from wherry.apiserver.kinds.stanzas.formats import Errors
from wherry.apiserver.kinds.wire import tidies
from wherry.apiserver.registry.strategy import Column, Strategy


def _validate(lease: Obj) -> Errors:
    out: Errors = []
    spec = lease["spec"]
    duration, transitions = spec.get("leaseDurationSeconds"), spec.get("leaseTransitions")
    if duration is not None and duration <= 0:
        out.append(invalid_value("spec.leaseDurationSeconds", duration, "must be greater than 0"))
    if transitions is not None and transitions < 0:
        message = "must be greater than or equal to 0"
        out.append(invalid_value("spec.leaseTransitions", transitions, message))
    if spec.get("holderIdentity") == "":
        out.append(invalid_value("spec.holderIdentity", "", "must not be empty"))
    return out


STRATEGY = Strategy(
    default=tidies("coordination.v1.Lease"),
    validate=_validate,
    has_status=False,
    create_on_update=True,
    unconditional_update=False,
    columns=(NAME, Column("Holder", lambda obj, now: at(obj, "spec.holderIdentity")), AGE),
)
