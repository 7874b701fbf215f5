"""Security contexts, of pods and of containers."""

from __future__ import annotations

import re
from typing import Any

from wherry.api.fieldpath import duplicate, invalid_value, not_supported, required, too_long
from wherry.api.schema import Obj
from wherry.apiserver.kinds.stanzas import formats
from wherry.apiserver.kinds.stanzas.formats import Errors

PROFILES = ("Localhost", "RuntimeDefault", "Unconfined")
_SYSCTL = "([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?"
_SYSCTL_FORM = re.compile(_SYSCTL)
_SYSCTL_MAX = 253
_IPC_SYSCTLS = ("kernel.shmmax", "kernel.shmall", "kernel.shmmni", "kernel.sem", "kernel.shm_rmid_forced")
_PROFILE_MAX = 4095
_CHOICES = (
    ("fsGroupChangePolicy", ("Always", "OnRootMismatch")),
    ("supplementalGroupsPolicy", ("Merge", "Strict")),
    ("seLinuxChangePolicy", ("MountOption", "Recursive")),
)


def pod(found: Obj, spec: Obj, path: str, out: Errors) -> None:
    for field in ("fsGroup", "runAsUser", "runAsGroup"):
        formats.identity(found.get(field), f"{path}.{field}", out)
    for i, group in enumerate(found.get("supplementalGroups") or ()):
        formats.identity(group, f"{path}.supplementalGroups[{i}]", out)
    if spec.get("shareProcessNamespace") and spec.get("hostPID"):
        message = "ShareProcessNamespace and HostPID cannot both be enabled"
        out.append(invalid_value(f"{path}.shareProcessNamespace", True, message))
    if found.get("sysctls"):
        _sysctls(found["sysctls"], spec, f"{path}.sysctls", out)
    for field, allowed in _CHOICES:
        if (choice := found.get(field)) is not None and choice not in allowed:
            out.append(not_supported(f"{path}.{field}", choice, allowed))
    _profiles(found, path, out)


def _profiles(found: Obj, path: str, out: Errors) -> None:
    if (profile := found.get("seccompProfile")) is not None:
        _seccomp(profile, f"{path}.seccompProfile", out)
    if (profile := found.get("appArmorProfile")) is not None:
        _app_armor(profile, f"{path}.appArmorProfile", out)


def container(found: Obj, path: str, out: Errors, *, host_users: bool = True) -> None:
    for field in ("runAsUser", "runAsGroup"):
        formats.identity(found.get(field), f"{path}.{field}", out)
    if (mount := found.get("procMount")) is not None:
        if mount not in ("Default", "Unmasked"):
            out.append(not_supported(f"{path}.procMount", mount, ("Default", "Unmasked")))
        if host_users and mount == "Unmasked":
            message = "`hostUsers` must be false to use `Unmasked`"
            out.append(invalid_value(f"{path}.procMount", mount, message))
    _profiles(found, path, out)
    if found.get("allowPrivilegeEscalation") is False:
        refused = "cannot set `allowPrivilegeEscalation` to false and "
        if found.get("privileged"):
            out.append(invalid_value(path, _as_go(found), f"{refused}`privileged` to true"))
        if "CAP_SYS_ADMIN" in ((found.get("capabilities") or {}).get("add") or ()):
            out.append(invalid_value(path, _as_go(found), f"{refused}`capabilities.Add` CAP_SYS_ADMIN"))


_GO_FIELDS = [
    "Capabilities",
    "Privileged",
    "SELinuxOptions",
    "WindowsOptions",
    "RunAsUser",
    "RunAsGroup",
    "RunAsNonRoot",
    "ReadOnlyRootFilesystem",
    "AllowPrivilegeEscalation",
    "ProcMount",
    "SeccompProfile",
    "AppArmorProfile",
]


_GO_STANZAS = {
    "Capabilities": ("Add", "Drop"),
    "SeccompProfile": ("Type", "LocalhostProfile"),
    "AppArmorProfile": ("Type", "LocalhostProfile"),
}


def _as_go(found: Obj) -> dict[str, Any]:
    """Upstream shows its internal type, field by field."""
    shown: dict[str, Any] = {}
    for field in _GO_FIELDS:
        wire = "seLinuxOptions" if field == "SELinuxOptions" else field[0].lower() + field[1:]
        value = found.get(wire)
        if isinstance(value, dict):
            value = {key[0].upper() + key[1:]: inner for key, inner in value.items()}
        if value is not None and field in _GO_STANZAS:
            value = {name: value.get(name) for name in _GO_STANZAS[field]}
        shown[field] = value
    return shown


def _seccomp(profile: Obj, path: str, out: Errors) -> None:
    kind, local = profile.get("type", ""), profile.get("localhostProfile")
    if not kind:
        out.append(required(f"{path}.type", "type is required when seccompProfile is set"))
    elif kind not in PROFILES:
        out.append(not_supported(f"{path}.type", kind, PROFILES))
    if kind == "Localhost":
        if local is None:
            message = "must be set when seccomp type is Localhost"
            out.append(required(f"{path}.localhostProfile", message))
        else:
            formats.relative_path(local, f"{path}.localhostProfile", out)
    elif local is not None:
        shown = {"Type": kind, "LocalhostProfile": local}
        message = "can only be set when seccomp type is Localhost"
        out.append(invalid_value(f"{path}.localhostProfile", shown, message))


def _app_armor(profile: Obj, path: str, out: Errors) -> None:
    kind, local = profile.get("type", ""), profile.get("localhostProfile")
    here = f"{path}.localhostProfile"
    if kind == "Localhost":
        if not local:
            out.append(required(here, "must be set when AppArmor type is Localhost"))
        elif local != local.strip():
            out.append(invalid_value(here, local, "must not be padded with whitespace"))
        elif len(local) > _PROFILE_MAX:
            out.append(too_long(here, _PROFILE_MAX))
    elif not kind:
        out.append(required(f"{path}.type", "type is required when appArmorProfile is set"))
    elif kind not in PROFILES:
        out.append(not_supported(f"{path}.type", kind, PROFILES))
    elif local is not None:
        out.append(invalid_value(here, local, "can only be set when AppArmor type is Localhost"))


def _sysctls(found: list[Obj], spec: Obj, path: str, out: Errors) -> None:
    seen: set[str] = set()
    for i, entry in enumerate(found):
        here, name = f"{path}[{i}].name", entry.get("name", "")
        if not name:
            out.append(required(here))
        elif len(name) > _SYSCTL_MAX or not _SYSCTL_FORM.fullmatch(name):
            message = f"must have at most {_SYSCTL_MAX} characters and match regex ^{_SYSCTL}$"
            out.append(invalid_value(here, name, message))
        elif name in seen:
            out.append(duplicate(here, name))
        dotted = name.replace("/", ".")
        if spec.get("hostNetwork") and dotted.startswith("net."):
            out.append(invalid_value(here, name, "may not be specified when 'hostNetwork' is true"))
        elif spec.get("hostIPC") and (
            dotted in _IPC_SYSCTLS or dotted.startswith(("kernel.msg", "fs.mqueue."))
        ):
            out.append(invalid_value(here, name, "may not be specified when 'hostIPC' is true"))
        seen.add(name)
