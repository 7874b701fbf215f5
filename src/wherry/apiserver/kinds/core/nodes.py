"""Node."""

from __future__ import annotations

from wherry.api.fieldpath import duplicate, forbidden_field, invalid_value
from wherry.api.schema import Obj
from wherry.apiserver.kinds.columns import AGE, NAME, NONE, at
from wherry.apiserver.kinds.core.pod_warnings import node_label_warnings
from wherry.apiserver.kinds.stanzas import formats, resources, scheduling
from wherry.apiserver.kinds.stanzas.formats import Errors
from wherry.apiserver.kinds.wire import tidies
from wherry.apiserver.registry.strategy import Column, Context, Strategy

_ROLE_PREFIX = "node-role.kubernetes.io/"
_ROLE_LABEL = "kubernetes.io/role"
_FROM_EMPTY = 'node updates may not change {} except from "" to valid'


def _default(node: Obj) -> None:
    status, spec = node["status"], node["spec"]
    if "allocatable" not in status and status.get("capacity"):
        status["allocatable"] = dict(status["capacity"])
    # The two forms of the same thing are kept alike (Convert_v1_NodeSpec_To_core_NodeSpec).
    if spec.get("podCIDR") and not spec.get("podCIDRs"):
        spec["podCIDRs"] = [spec["podCIDR"]]
    elif spec.get("podCIDRs") and not spec.get("podCIDR"):
        spec["podCIDR"] = spec["podCIDRs"][0]


def _prepare_update(new: Obj, old: Obj, context: Context) -> None:
    new["status"] = old.get("status", {})


def _validate(node: Obj) -> Errors:
    out: Errors = []
    spec = node["spec"]
    if spec.get("taints"):
        scheduling.taints(spec["taints"], "metadata.taints", out)
    for kind in ("capacity", "allocatable"):
        for name, value in at(node, f"status.{kind}", {}).items():
            resources.quantity_value(name, value, f"status.{kind}.{name}", out)
    ranges = spec.get("podCIDRs") or ()
    for i, value in enumerate(ranges):
        formats.cidr(value, f"spec.podCIDRs[{i}]", out)
        if value in ranges[:i]:
            out.append(duplicate(f"spec.podCIDRs[{i}]", value))
    if len(ranges) > 1 and (len(ranges) > 2 or len({":" in value for value in ranges}) < 2):
        message = "may specify no more than one CIDR for each IP family"
        out.append(invalid_value("spec.podCIDRs", ranges, message))
    return out


def _validate_update(new: Obj, old: Obj) -> Errors:
    out: Errors = []
    before, after = old["spec"], new["spec"]
    if before.get("podCIDRs") and before["podCIDRs"] != after.get("podCIDRs"):
        out.append(forbidden_field("spec.podCIDRs", _FROM_EMPTY.format("podCIDR")))
    if before.get("providerID") and before["providerID"] != after.get("providerID"):
        out.append(forbidden_field("spec.providerID", _FROM_EMPTY.format("providerID")))
    if before.get("externalID") != after.get("externalID"):
        out.append(forbidden_field("spec.externalID", "may not be updated"))
    return out


def _validate_status(new: Obj, old: Obj) -> Errors:
    out = _validate(new)
    addresses = at(new, "status.addresses", ())
    for i, address in enumerate(addresses):
        if address in addresses[:i]:
            shown = {"Type": address.get("type"), "Address": address.get("address")}
            out.append(duplicate(f"status.addresses[{i}]", shown))
    return out


def _status(node: Obj, now: float) -> str:
    ready = next((c for c in at(node, "status.conditions", ()) if c.get("type") == "Ready"), None)
    words = ["Unknown" if ready is None else "Ready" if ready.get("status") == "True" else "NotReady"]
    if at(node, "spec.unschedulable", False):
        words.append("SchedulingDisabled")
    return ",".join(words)


def _roles(node: Obj, now: float) -> str:
    roles = set()
    for key, value in at(node, "metadata.labels", {}).items():
        if key.startswith(_ROLE_PREFIX):
            roles.add(key.removeprefix(_ROLE_PREFIX))
        elif key == _ROLE_LABEL:
            roles.add(value)
    return ",".join(sorted(roles - {""})) or NONE


def _address(node: Obj, kind: str) -> str:
    found = (a.get("address", "") for a in at(node, "status.addresses", ()) if a.get("type") == kind)
    return next(found, NONE)


def _kernel(node: Obj, now: float) -> str:
    version, architecture = (
        at(node, f"status.nodeInfo.{field}") for field in ("kernelVersion", "architecture")
    )
    if not version:
        return "<unknown>"
    return f"{version} ({architecture})" if architecture else str(version)


def _info(name: str, column: str) -> Column:
    value = lambda obj, now: at(obj, f"status.nodeInfo.{name}") or "<unknown>"  # noqa: E731
    return Column(column, value, priority=1)


STRATEGY = Strategy(
    default=tidies("core.v1.Node", _default),
    prepare_update=_prepare_update,
    validate=_validate,
    validate_update=_validate_update,
    validate_status=_validate_status,
    fields={"spec.unschedulable": lambda obj: "true" if at(obj, "spec.unschedulable", False) else "false"},
    columns=(
        NAME,
        Column("Status", _status, description="The status of the node"),
        Column("Roles", _roles, description="The roles of the node"),
        AGE,
        Column("Version", lambda obj, now: at(obj, "status.nodeInfo.kubeletVersion")),
        Column("Internal-IP", lambda obj, now: _address(obj, "InternalIP"), priority=1),
        Column("External-IP", lambda obj, now: _address(obj, "ExternalIP"), priority=1),
        _info("osImage", "OS-Image"),
        Column("Kernel-Version", _kernel, priority=1),
        _info("containerRuntimeVersion", "Container-Runtime"),
    ),
    warnings=node_label_warnings,
)
