"""Environment variables of a container and where they come from."""

from __future__ import annotations

import re
from typing import Any

from wherry.api import quantity, validation_text
from wherry.api.fieldpath import invalid_value, not_supported, required
from wherry.api.schema import Obj
from wherry.apiserver.kinds.stanzas import formats
from wherry.apiserver.kinds.stanzas.formats import Errors

ENV_FIELDS = (
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
)
_KNOWN_FIELDS = frozenset(
    (
        *ENV_FIELDS,
        "metadata.annotations",
        "metadata.labels",
        "spec.restartPolicy",
        "spec.schedulerName",
        "status.phase",
        "spec.hostname",
        "spec.subdomain",
        "spec.host",
    )
)
_CONTAINER_RESOURCES = (
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
)
_HUGE_RESOURCES = ("limits.hugepages-", "requests.hugepages-")
_BYTES = ("1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei")
_SUBSCRIPTED = re.compile(r"(.*)\['(.*)'\]")
_SOURCES = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef")
_ONE_SOURCE = (
    "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"
)
_TOO_MANY = "may not have more than one field specified at a time"


def variables(found: list[Obj], path: str, out: Errors) -> None:
    for i, variable in enumerate(found):
        name = variable.get("name", "")
        if not name:
            out.append(required(f"{path}[{i}].name"))
        elif problems := validation_text.env_name(name):
            formats.complain(problems, f"{path}[{i}].name", name, out)
        source = variable.get("valueFrom")
        if source is not None:
            _source(source, variable.get("value", ""), f"{path}[{i}].valueFrom", out)


def _source(source: Obj, value: str, path: str, out: Errors) -> None:
    if (selector := source.get("fieldRef")) is not None:
        field_selector(selector, ENV_FIELDS, f"{path}.fieldRef", out)
    if (selector := source.get("resourceFieldRef")) is not None:
        resource_selector(selector, f"{path}.resourceFieldRef", out, volume=False)
    for kind in ("configMapKeyRef", "secretKeyRef"):
        if (selector := source.get(kind)) is not None:
            _key_selector(selector, f"{path}.{kind}", out)
    if (selector := source.get("fileKeyRef")) is not None:
        _file_key(selector, f"{path}.fileKeyRef", out)
    count = sum(kind in source for kind in _SOURCES)
    if count == 0:
        out.append(invalid_value(path, "", _ONE_SOURCE))
    elif value:
        out.append(invalid_value(path, "", "may not be specified when `value` is not empty"))
    elif count > 1:
        out.append(invalid_value(path, "", _TOO_MANY))


def field_selector(selector: Obj, allowed: tuple[str, ...], path: str, out: Errors) -> None:
    """v1.ObjectFieldSelector; labels and annotations may be asked for by key."""
    version, field = selector.get("apiVersion", ""), selector.get("fieldPath", "")
    for known, name in ((version, "apiVersion"), (field, "fieldPath")):
        if not known:
            out.append(required(f"{path}.{name}"))
            return
    subscripted = _SUBSCRIPTED.fullmatch(field)
    base = subscripted[1] if subscripted else field
    if version != "v1":
        message = f"unsupported pod version: {version}"
        out.append(invalid_value(f"{path}.fieldPath", field, f"error converting fieldPath: {message}"))
    elif base not in _KNOWN_FIELDS:
        message = f"error converting fieldPath: field label not supported: {field}"
        out.append(invalid_value(f"{path}.fieldPath", field, message))
    elif subscripted is None:
        if field not in allowed:
            out.append(not_supported(f"{path}.fieldPath", field, sorted(allowed)))
    elif base == "metadata.annotations":
        formats.label_key(subscripted[2].lower(), path, out)
    elif base == "metadata.labels":
        formats.label_key(subscripted[2], path, out)
    else:
        message = f"error converting fieldPath: field label does not support subscript: {base}"
        out.append(invalid_value(f"{path}.fieldPath", field, message))


def resource_selector(selector: Obj, path: str, out: Errors, *, volume: bool) -> None:
    """v1.ResourceFieldSelector; a volume belongs to no container, so it must name one."""
    name = selector.get("resource", "")
    if volume and not selector.get("containerName"):
        out.append(required(f"{path}.containerName"))
    elif not name:
        out.append(required(f"{path}.resource"))
    elif name not in _CONTAINER_RESOURCES and not name.startswith(_HUGE_RESOURCES):
        out.append(not_supported(f"{path}.resource", name, _CONTAINER_RESOURCES))
    _divisor(name, selector.get("divisor", "0"), f"{path}.divisor", out)


def _divisor(name: str, divisor: Any, path: str, out: Errors) -> None:
    if quantity.parse(divisor) == 0:
        return
    what, allowed = "", _BYTES
    if name.endswith(".cpu"):
        if str(divisor) not in ("1m", "1"):
            message = "only divisor's values 1m and 1 are supported with the cpu resource"
            out.append(invalid_value(path, name, message))
        return
    if name.endswith(".memory"):
        what = "memory"
    elif name.endswith(".ephemeral-storage"):
        what = "local ephemeral storage"
    elif name.startswith(_HUGE_RESOURCES):
        what = "hugepages"
    if what and str(divisor) not in allowed:
        message = f"only divisor's values {', '.join(_BYTES)} are supported with the {what} resource"
        out.append(invalid_value(path, name, message))


def _key_selector(selector: Obj, path: str, out: Errors) -> None:
    formats.name(selector.get("name", ""), validation_text.dns_subdomain, f"{path}.name", out)
    if not selector.get("key"):
        out.append(required(f"{path}.key"))
    else:
        formats.name(selector["key"], validation_text.config_key, f"{path}.key", out)


def _file_key(selector: Obj, path: str, out: Errors) -> None:
    if not selector.get("key"):
        out.append(required(f"{path}.key"))
    else:
        formats.name(selector["key"], validation_text.env_name, f"{path}.key", out)
    if not selector.get("volumeName"):
        out.append(required(f"{path}.volumeName"))
    if not selector.get("path"):
        out.append(required(f"{path}.path"))
    else:
        formats.file_path(selector["path"], f"{path}.path", out)


def sources(found: list[Obj], path: str, out: Errors) -> None:
    """envFrom: whole ConfigMaps and Secrets."""
    for i, source in enumerate(found):
        here = f"{path}[{i}]"
        if prefix := source.get("prefix"):
            formats.name(prefix, validation_text.env_name, f"{here}.prefix", out)
        given = [kind for kind in ("configMapRef", "secretRef") if kind in source]
        for kind in given:
            name = source[kind].get("name", "")
            if not name:
                out.append(required(f"{here}.{kind}.name"))
                continue
            problems = formats.prefixed(validation_text.dns_subdomain, name)
            formats.complain(problems, f"{here}.{kind}.name", name, out)
        if not given:
            out.append(invalid_value(path, "", "must specify one of: `configMapRef` or `secretRef`"))
        elif len(given) > 1:
            out.append(invalid_value(path, "", _TOO_MANY))
