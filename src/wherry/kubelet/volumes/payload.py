"""The files that configMap, secret, downwardAPI and projected volumes hold.

    await files_of(pod, volume, sources) -> {path: File}

Upstream: `volume/configmap`, `volume/secret`, `volume/downwardapi`, `volume/projected`.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from wherry.kubelet.host import SetupError
from wherry.kubelet.machine.env import Surroundings, pod_field, resource_field
from wherry.kubelet.machine.objects import Kind, ObjectReader
from wherry.kubelet.volumes.atomic import File
from wherry.kubelet.volumes.tokens import TokenSource

DEFAULT_MODE = 0o644


@dataclass(frozen=True, slots=True)
class Sources:
    """Where contents come from."""

    objects: ObjectReader
    tokens: TokenSource
    around: Surroundings


async def files_of(pod: Any, volume: Any, sources: Sources) -> dict[str, File]:
    """SetupError FailedMount when something that isn't optional is missing."""
    if volume.configMap is not None:
        spec = volume.configMap
        return await _object("configmap", pod, spec.name, spec, _mode(spec), sources.objects)
    if volume.secret is not None:
        spec = volume.secret
        return await _object("secret", pod, spec.secretName, spec, _mode(spec), sources.objects)
    if volume.downwardAPI is not None:
        return _downward(pod, volume.downwardAPI.items, _mode(volume.downwardAPI), sources.around)
    files: dict[str, File] = {}
    for source in volume.projected.sources:
        files |= await _projection(pod, source, _mode(volume.projected), sources)
    return files


async def _projection(pod: Any, source: Any, mode: int, sources: Sources) -> dict[str, File]:
    if source.configMap is not None:
        spec = source.configMap
        return await _object("configmap", pod, spec.name, spec, mode, sources.objects)
    if source.secret is not None:
        return await _object("secret", pod, source.secret.name, source.secret, mode, sources.objects)
    if source.downwardAPI is not None:
        return _downward(pod, source.downwardAPI.items, mode, sources.around)
    if source.serviceAccountToken is not None:
        spec = source.serviceAccountToken
        token = await sources.tokens.token(pod, spec.audience or "", spec.expirationSeconds or 3600)
        uid, mode = _token_owner(pod, mode)
        return {spec.path: File(token.encode(), mode, uid)}
    raise SetupError("FailedMount", "a projected source of this kind is not supported on this node")


async def _object(
    kind: Kind, pod: Any, name: str, spec: Any, mode: int, objects: ObjectReader
) -> dict[str, File]:
    optional = bool(spec.optional)
    try:
        found = await objects.find(kind, pod.metadata.namespace, name, optional=optional)
    except SetupError as error:
        raise SetupError("FailedMount", error.message) from error
    if found is None:
        return {}
    if kind == "secret":
        data: Mapping[str, bytes] = {key: base64.b64decode(value) for key, value in found.data.items()}
    else:
        texts = {key: value.encode() for key, value in found.data.items()}
        data = texts | {key: base64.b64decode(value) for key, value in found.binaryData.items()}
    if not spec.items:
        return {key: File(value, mode) for key, value in data.items()}
    return _chosen(kind, data, spec.items, mode, optional=optional)


def _chosen(
    kind: Kind, data: Mapping[str, bytes], items: Iterable[Any], mode: int, *, optional: bool
) -> dict[str, File]:
    files: dict[str, File] = {}
    for item in items:
        if item.key in data:
            files[item.path] = File(data[item.key], mode if item.mode is None else item.mode)
        elif not optional:
            what = (
                "configmap references non-existent config"
                if kind == "configmap"
                else "references non-existent secret"
            )
            raise SetupError("FailedMount", f"{what} key: {item.key}")
    return files


def _downward(pod: Any, items: Iterable[Any], mode: int, around: Surroundings) -> dict[str, File]:
    files: dict[str, File] = {}
    for item in items:
        if item.fieldRef is not None:
            text = pod_field(pod, item.fieldRef.fieldPath, around)
        else:
            first = pod.spec.containers[0]
            text = resource_field(pod, first, item.resourceFieldRef, around.allocatable or {})
        files[item.path] = File(text.encode(), mode if item.mode is None else item.mode)
    return files


def _token_owner(pod: Any, mode: int) -> tuple[int, int]:
    """(uid, mode) of a token file: the least that lets the pod's containers read it."""
    context = pod.spec.securityContext
    if context is not None and context.fsGroup is not None:
        return -1, 0o640 if mode == DEFAULT_MODE else mode
    users = {_user(context, c) for c in (*pod.spec.initContainers, *pod.spec.containers)}
    if len(users) == 1 and None not in users:
        return users.pop() or 0, 0o600
    return -1, mode


def _user(pod_context: Any, container: Any) -> int | None:
    own = container.securityContext
    if own is not None and own.runAsUser is not None:
        return int(own.runAsUser)
    return pod_context.runAsUser if pod_context is not None else None


def _mode(spec: Any) -> int:
    return DEFAULT_MODE if spec.defaultMode is None else int(spec.defaultMode)
