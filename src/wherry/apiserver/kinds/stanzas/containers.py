"""Containers: what all three kinds share, and what each may not have.

This runs for every pod written, so the common case (no environment, no mounts) costs a few look-ups.
"""

from __future__ import annotations

from dataclasses import dataclass

from wherry.api import validation_text
from wherry.api.fieldpath import (
    FieldError,
    duplicate,
    forbidden_field,
    invalid_value,
    not_supported,
    required,
)
from wherry.api.schema import Obj
from wherry.apiserver.kinds.stanzas import environment, formats, probes, resources, security
from wherry.apiserver.kinds.stanzas.formats import Errors

PROTOCOLS = ("SCTP", "TCP", "UDP")
PULL_POLICIES = ("Always", "IfNotPresent", "Never")
_MESSAGES = ("File", "FallbackToLogsOnError")
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_PROPAGATIONS = ("Bidirectional", "HostToContainer", "None")
_RECURSIVE = ("Disabled", "Enabled", "IfPossible")
_NOT_EPHEMERAL = ("ports", "resources", *_PROBES, "lifecycle", "restartPolicy", "resizePolicy")
_FOR_SIDECARS = "may not be set for init containers without restartPolicy=Always"
_NOT_HERE = "cannot be set for an Ephemeral Container"


@dataclass(frozen=True, slots=True)
class PodFacts:
    """What a container's checks must know of its pod."""

    volumes: dict[str, Obj]
    claims: frozenset[str]
    grace: int | None
    restart_policy: str
    host_users: bool


def ordinary(found: list[Obj], pod: PodFacts, path: str, out: Errors) -> None:
    if not found:
        out.append(required(path))
        return
    names: set[str] = set()
    for i, one in enumerate(found):
        here = f"{path}[{i}]"
        _shared(one, pod, here, out)
        name = one.get("name", "")
        if name in names:
            out.append(duplicate(f"{here}.name", name))
        names.add(name)
        _watched(one, pod, here, out)
        if "restartPolicy" in one or "restartPolicyRules" in one:
            _restart_rules(one, here, out)
    _host_ports(found, path, out)


def _watched(one: Obj, pod: PodFacts, path: str, out: Errors) -> None:
    """Hooks and probes, for containers that run on."""
    if (lifecycle := one.get("lifecycle")) is not None:
        probes.lifecycle(lifecycle, pod.grace, f"{path}.lifecycle", out)
    for kind in _PROBES:
        if (probe := one.get(kind)) is not None:
            probes.probe(kind, probe, f"{path}.{kind}", out)


def _restart_rules(one: Obj, path: str, out: Errors) -> None:
    policy = one.get("restartPolicy")
    if policy is not None and policy not in ("Always", "Never", "OnFailure"):
        out.append(not_supported(f"{path}.restartPolicy", policy, ("Always", "Never", "OnFailure")))
    if one.get("restartPolicyRules") and policy is None:
        message = "must specify restartPolicy when restart rules are used"
        out.append(required(f"{path}.restartPolicy", message))


def init(found: list[Obj], others: list[Obj], pod: PodFacts, path: str, out: Errors) -> None:
    names = {one.get("name", "") for one in others}
    for i, one in enumerate(found):
        here = f"{path}[{i}]"
        _shared(one, pod, here, out)
        if "restartPolicy" in one or "restartPolicyRules" in one:
            _restart_rules(one, here, out)
        name = one.get("name", "")
        if name in names:
            out.append(duplicate(f"{here}.name", name))
        elif name:
            names.add(name)
        _host_ports([one], path, out)
        if one.get("restartPolicy") == "Always":
            _watched(one, pod, here, out)
            continue
        for field in ("lifecycle", *_PROBES):
            if field in one:
                out.append(forbidden_field(f"{here}.{field}", _FOR_SIDECARS))


def ephemeral(found: list[Obj], others: list[Obj], pod: PodFacts, path: str, out: Errors) -> None:
    targets = {one.get("name", "") for one in others}
    names = set(targets)
    for i, one in enumerate(found):
        here, name = f"{path}[{i}]", one.get("name", "")
        _shared(one, pod, here, out)
        untrimmed_image(one, here, out)
        if name in names:
            out.append(duplicate(f"{here}.name", name))
        names.add(name)
        target = one.get("targetContainerName")
        if target and target not in targets:
            out.append(not_found(f"{here}.targetContainerName", target))
        for field in _NOT_EPHEMERAL:
            if one.get(field):
                out.append(forbidden_field(f"{here}.{field}", _NOT_HERE))
        for j, mount in enumerate(one.get("volumeMounts") or ()):
            for field in ("subPath", "subPathExpr"):
                if mount.get(field):
                    out.append(forbidden_field(f"{here}.volumeMounts[{j}].{field}", _NOT_HERE))


def untrimmed_image(one: Obj, path: str, out: Errors) -> None:
    """Only refused in pods: templates have been allowed it for too long."""
    image = one.get("image", "")
    if image != image.strip():
        out.append(invalid_value(f"{path}.image", image, "must not have leading or trailing whitespace"))


def _shared(one: Obj, pod: PodFacts, path: str, out: Errors) -> None:
    name = one.get("name")
    if not name:
        out.append(required(f"{path}.name"))
    else:
        formats.dns_label(name, f"{path}.name", out)
    if not one.get("image"):
        out.append(required(f"{path}.image"))
    if (messages := one.get("terminationMessagePolicy")) not in _MESSAGES:
        out.append(not_supported(f"{path}.terminationMessagePolicy", messages, _MESSAGES))
    if found := one.get("ports"):
        _ports(found, f"{path}.ports", out)
    if found := one.get("env"):
        environment.variables(found, f"{path}.env", out)
    if found := one.get("envFrom"):
        environment.sources(found, f"{path}.envFrom", out)
    if one.get("volumeMounts"):
        _mounts(one, pod, f"{path}.volumeMounts", out)
    if one.get("volumeDevices"):
        _devices(one, pod, f"{path}.volumeDevices", out)
    if (policy := one.get("imagePullPolicy")) not in PULL_POLICIES:
        formats.one_of(policy, PULL_POLICIES, f"{path}.imagePullPolicy", out)
    if found := one.get("resources"):
        resources.requirements(found, f"{path}.resources", out, claims=pod.claims)
    if one.get("resizePolicy"):
        _resize_policy(one["resizePolicy"], pod.restart_policy, f"{path}.resizePolicy", out)
    if found := one.get("securityContext"):
        security.container(found, f"{path}.securityContext", out, host_users=pod.host_users)


def _ports(found: list[Obj], path: str, out: Errors) -> None:
    names: set[str] = set()
    for i, port in enumerate(found):
        here = f"{path}[{i}]"
        if name := port.get("name"):
            if problems := validation_text.port_name(name):
                formats.complain(problems, f"{here}.name", name, out)
            elif name in names:
                out.append(duplicate(f"{here}.name", name))
            names.add(name)
        if not port.get("containerPort"):
            out.append(required(f"{here}.containerPort"))
        else:
            formats.port_number(port["containerPort"], f"{here}.containerPort", out)
        if host := port.get("hostPort"):
            formats.port_number(host, f"{here}.hostPort", out)
        if (protocol := port.get("protocol")) not in PROTOCOLS:
            formats.one_of(protocol, PROTOCOLS, f"{here}.protocol", out)


def _host_ports(found: list[Obj], path: str, out: Errors) -> None:
    taken: set[str] = set()
    for i, one in enumerate(found):
        for j, port in enumerate(one.get("ports") or ()):
            if not (number := port.get("hostPort")):
                continue
            key = f"{port.get('protocol', '')}/{port.get('hostIP', '')}/{number}"
            if key in taken:
                out.append(duplicate(f"{path}[{i}].ports[{j}].hostPort", key))
            taken.add(key)


def not_found(path: str, value: str) -> FieldError:
    return FieldError("FieldValueNotFound", path, value, "")


def _mounts(one: Obj, pod: PodFacts, path: str, out: Errors) -> None:
    devices = {d.get("name", ""): d.get("devicePath", "") for d in one.get("volumeDevices") or ()}
    taken: set[str] = set()
    privileged = bool((one.get("securityContext") or {}).get("privileged"))
    for i, mount in enumerate(one["volumeMounts"]):
        here, name, where = f"{path}[{i}]", mount.get("name", ""), mount.get("mountPath", "")
        if not name:
            out.append(required(f"{here}.name"))
        if name not in pod.volumes:
            out.append(not_found(f"{here}.name", name))
        if not where:
            out.append(required(f"{here}.mountPath"))
        if where in taken:
            out.append(invalid_value(f"{here}.mountPath", where, "must be unique"))
        taken.add(where)
        if devices:
            if name in devices:
                out.append(invalid_value(f"{here}.name", name, "must not already exist in volumeDevices"))
            if where in devices.values():
                message = "must not already exist as a path in volumeDevices"
                out.append(invalid_value(f"{here}.mountPath", where, message))
        _sub_path(mount, path, here, out)
        if (propagation := mount.get("mountPropagation")) is not None:
            _propagation(propagation, privileged, f"{path}.mountPropagation", out)
        if mount.get("recursiveReadOnly") is not None:
            _recursive(mount, f"{path}.recursiveReadOnly", out)


def _sub_path(mount: Obj, path: str, here: str, out: Errors) -> None:
    plain, expression = mount.get("subPath"), mount.get("subPathExpr")
    if plain:
        formats.relative_path(plain, f"{path}.subPath", out)
    if expression:
        if plain:
            message = "subPathExpr and subPath are mutually exclusive"
            out.append(invalid_value(f"{here}.subPathExpr", expression, message))
        formats.relative_path(expression, f"{path}.subPathExpr", out)


def _propagation(mode: str, privileged: bool, path: str, out: Errors) -> None:
    if mode not in _PROPAGATIONS:
        out.append(not_supported(path, mode, _PROPAGATIONS))
    if mode == "Bidirectional" and not privileged:
        message = "Bidirectional mount propagation is available only to privileged containers"
        out.append(forbidden_field(path, message))


def _recursive(mount: Obj, path: str, out: Errors) -> None:
    mode = mount["recursiveReadOnly"]
    if mode not in _RECURSIVE:
        out.append(not_supported(path, mode, _RECURSIVE))
    elif mode != "Disabled":
        if not mount.get("readOnly"):
            out.append(forbidden_field(path, "may only be specified when readOnly is true"))
        if mount.get("mountPropagation") not in (None, "None"):
            message = "may only be specified when mountPropagation is None or not specified"
            out.append(forbidden_field(path, message))


def _devices(one: Obj, pod: PodFacts, path: str, out: Errors) -> None:
    mounts = {m.get("name", ""): m.get("mountPath", "") for m in one.get("volumeMounts") or ()}
    names: set[str] = set()
    paths: set[str] = set()
    for i, device in enumerate(one["volumeDevices"]):
        here, name, where = f"{path}[{i}]", device.get("name", ""), device.get("devicePath", "")
        if not name:
            out.append(required(f"{here}.name"))
        if name in names:
            out.append(invalid_value(f"{here}.name", name, "must be unique"))
        if name not in pod.volumes:
            out.append(not_found(f"{here}.name", name))
        elif not pod.volumes[name].keys() & {"persistentVolumeClaim", "ephemeral"}:
            message = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode"
            out.append(invalid_value(f"{here}.name", name, message))
        if not where:
            out.append(required(f"{here}.devicePath"))
        if where in paths:
            out.append(invalid_value(f"{here}.devicePath", where, "must be unique"))
        if ".." in where.split("/"):
            out.append(invalid_value(f"{here}.devicePath", where, "can not contain backsteps ('..')"))
        if name in mounts:
            out.append(invalid_value(f"{here}.name", name, "must not already exist in volumeMounts"))
        if where in mounts.values():
            message = "must not already exist as a path in volumeMounts"
            out.append(invalid_value(f"{here}.devicePath", where, message))
        names.add(name)
        paths.add(where)


def _resize_policy(found: list[Obj], restart_policy: str, path: str, out: Errors) -> None:
    seen: set[str] = set()
    for i, rule in enumerate(found):
        name, policy = rule.get("resourceName", ""), rule.get("restartPolicy", "")
        if name in seen:
            out.append(duplicate(f"{path}[{i}]", name))
        seen.add(name)
        formats.one_of(name, ("cpu", "memory"), path, out)
        formats.one_of(policy, ("NotRequired", "RestartContainer"), path, out)
        if restart_policy == "Never" and policy != "NotRequired":
            message = "must be 'NotRequired' when `restartPolicy` is 'Never'"
            out.append(invalid_value(path, policy, message))
