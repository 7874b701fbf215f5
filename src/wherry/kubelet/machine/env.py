"""A container's environment, in upstream's order: services, `envFrom`, `env`; the last one wins.

`$(NAME)` in values is replaced by what was defined before it; `$$` is a dollar sign; what isn't
defined stays as it is written. Upstream: `kubelet_pods.makeEnvironmentVariables`, `third_party/
forked/golang/expansion`, `envvars.FromServices`.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from wherry.api.quantity import parse
from wherry.kubelet.host import SetupError
from wherry.kubelet.machine.objects import ObjectReader

_ENV_NAME = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")
_SUBSCRIPT = re.compile(r"metadata\.(labels|annotations)\['([^']+)'\]")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a pod's environment may tell beside its own spec."""

    host_ips: Sequence[str] = ()
    pod_ips: Sequence[str] = ()
    allocatable: Mapping[str, str] | None = None
    services: Iterable[Any] = ()


def expand(text: str, known: Mapping[str, str]) -> str:
    """`$(NAME)` and `$$`, as `expansion.Expand` does it."""
    if "$" not in text:
        return text

    def replace(match: re.Match[str]) -> str:
        found = match.group(0)
        if found == "$$":
            return "$"
        return known.get(found[2:-1], found)

    return re.sub(r"\$\$|\$\([^()]*\)", replace, text)


async def environment(
    pod: Any, container: Any, around: Surroundings, objects: ObjectReader
) -> dict[str, str]:
    """SetupError CreateContainerConfigError when something it needs isn't there."""
    result: dict[str, str] = {}
    namespace = pod.metadata.namespace
    links = pod.spec.enableServiceLinks is not False
    services = service_variables(around.services, namespace, links=links)
    for source in container.envFrom:
        result.update(await _from_source(source, namespace, objects))
    for entry in container.env:
        if entry.valueFrom is not None:
            value = await _value(pod, container, entry.valueFrom, around, objects)
            if value is None:
                continue
        else:
            value = expand(entry.value or "", {**services, **result})
        result[entry.name] = value
    return {**{k: v for k, v in services.items() if k not in result}, **result}


async def _from_source(source: Any, namespace: str, objects: ObjectReader) -> dict[str, str]:
    prefix = source.prefix or ""
    if source.configMapRef is not None:
        ref = source.configMapRef
        found = await objects.find("configmap", namespace, ref.name, optional=bool(ref.optional))
        data = dict(found.data) if found is not None else {}
    elif source.secretRef is not None:
        ref = source.secretRef
        found = await objects.find("secret", namespace, ref.name, optional=bool(ref.optional))
        data = {key: _text(value) for key, value in found.data.items()} if found is not None else {}
    else:
        return {}
    named = {prefix + key: value for key, value in data.items()}
    return {key: value for key, value in named.items() if _ENV_NAME.fullmatch(key)}


async def _value(
    pod: Any, container: Any, source: Any, around: Surroundings, objects: ObjectReader
) -> str | None:
    if source.fieldRef is not None:
        return pod_field(pod, source.fieldRef.fieldPath, around)
    if source.resourceFieldRef is not None:
        return resource_field(pod, container, source.resourceFieldRef, around.allocatable or {})
    if source.configMapKeyRef is not None:
        return await _key("configmap", "ConfigMap", source.configMapKeyRef, pod, objects)
    if source.secretKeyRef is not None:
        return await _key("secret", "Secret", source.secretKeyRef, pod, objects)
    return ""


async def _key(kind: Any, title: str, ref: Any, pod: Any, objects: ObjectReader) -> str | None:
    optional = bool(ref.optional)
    namespace = pod.metadata.namespace
    found = await objects.find(kind, namespace, ref.name, optional=optional)
    if found is None:
        return None
    if ref.key not in found.data:
        if optional:
            return None
        message = f"couldn't find key {ref.key} in {title} {namespace}/{ref.name}"
        raise SetupError("CreateContainerConfigError", message)
    value: str = found.data[ref.key]
    return _text(value) if kind == "secret" else value


def pod_field(pod: Any, path: str, around: Surroundings) -> str:
    """A field of the pod as the downward API shows it."""
    meta, spec = pod.metadata, pod.spec
    subscript = _SUBSCRIPT.fullmatch(path)
    if subscript:
        return str(getattr(meta, subscript.group(1)).get(subscript.group(2), ""))
    simple: dict[str, Callable[[], Any]] = {
        "metadata.name": lambda: meta.name,
        "metadata.namespace": lambda: meta.namespace,
        "metadata.uid": lambda: meta.uid,
        "metadata.labels": lambda: _map_text(meta.labels),
        "metadata.annotations": lambda: _map_text(meta.annotations),
        "spec.nodeName": lambda: spec.nodeName or "",
        "spec.serviceAccountName": lambda: spec.serviceAccountName or "",
        "status.hostIP": lambda: around.host_ips[0] if around.host_ips else "",
        "status.hostIPs": lambda: ",".join(around.host_ips),
        "status.podIP": lambda: around.pod_ips[0] if around.pod_ips else "",
        "status.podIPs": lambda: ",".join(around.pod_ips),
    }
    if path not in simple:
        raise SetupError("CreateContainerConfigError", f"unsupported fieldPath: {path}")
    return str(simple[path]())


def _map_text(values: Mapping[str, str]) -> str:
    return "\n".join(f"{key}={_go_quoted(value)}" for key, value in sorted(values.items()))


def _go_quoted(text: str) -> str:
    """Go's %q for what occurs in labels and annotations."""
    escapes = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
    return '"' + "".join(escapes.get(c, c if c.isprintable() else f"\\u{ord(c):04x}") for c in text) + '"'


def resource_field(pod: Any, container: Any, ref: Any, allocatable: Mapping[str, str]) -> str:
    """`limits.cpu` and its like in units of the divisor, rounded up; a missing limit is the node's."""
    if ref.containerName and ref.containerName != container.name:
        everyone = (*pod.spec.containers, *pod.spec.initContainers)
        container = next((c for c in everyone if c.name == ref.containerName), container)
    kind, _, name = ref.resource.partition(".")
    if kind not in ("limits", "requests"):
        raise SetupError("CreateContainerConfigError", f"unsupported container resource : {ref.resource}")
    resources = container.resources
    values = getattr(resources, kind) if resources is not None else {}
    text = values.get(name)
    if text is None:
        text = allocatable.get(name, "0") if kind == "limits" else "0"
    divisor = parse(ref.divisor) if ref.divisor not in (None, "", "0", 0) else Fraction(1)
    amount = parse(text) / divisor
    return str(-(-amount.numerator // amount.denominator))


def service_variables(services: Iterable[Any], namespace: str, *, links: bool) -> dict[str, str]:
    """Docker-style variables of the services of a pod's namespace and of `kubernetes` in default."""
    chosen: dict[str, Any] = {}
    for service in services:
        meta, ip = service.metadata, service.spec.clusterIP
        if not ip or ip == "None":
            continue
        if meta.namespace == "default" and meta.name == "kubernetes":
            chosen.setdefault(meta.name, service)
        elif links and meta.namespace == namespace:
            chosen[meta.name] = service
    result: dict[str, str] = {}
    for name in sorted(chosen):
        result.update(_service(name, chosen[name]))
    return result


def _service(name: str, service: Any) -> dict[str, str]:
    prefix = name.upper().replace("-", "_")
    ip, ports = service.spec.clusterIP, service.spec.ports
    if not ports:
        return {f"{prefix}_SERVICE_HOST": ip}
    bracketed = f"[{ip}]" if ":" in ip else ip
    result = {f"{prefix}_SERVICE_HOST": ip, f"{prefix}_SERVICE_PORT": str(ports[0].port)}
    for port in ports:
        if port.name:
            result[f"{prefix}_SERVICE_PORT_{port.name.upper().replace('-', '_')}"] = str(port.port)
    for index, port in enumerate(ports):
        protocol = (port.protocol or "TCP").lower()
        url = f"{protocol}://{bracketed}:{port.port}"
        base = f"{prefix}_PORT_{port.port}_{protocol.upper()}"
        if index == 0:
            result[f"{prefix}_PORT"] = url
        result[base] = url
        result[f"{base}_PROTO"] = protocol
        result[f"{base}_PORT"] = str(port.port)
        result[f"{base}_ADDR"] = ip
    return result


def _text(value: str) -> str:
    """A Secret's value as text; bytes that are none are replaced."""
    return base64.b64decode(value).decode("utf-8", "replace")
