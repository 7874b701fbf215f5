"""Registry credentials from a pod's imagePullSecrets (`credentialprovider/keyring`)."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

from wherry.api.errors import ApiError
from wherry.cri.references import full_name
from wherry.cri.types import Auth
from wherry.kubelet.machine.objects import ObjectReader

_MODERN, _LEGACY = ".dockerconfigjson", ".dockercfg"


class PullSecrets:
    def __init__(self, objects: ObjectReader) -> None:
        self._objects = objects

    async def credentials(self, pod: Any, image: str) -> list[Auth]:
        """Those that fit the image's registry, the most specific first. A secret that is missing or
        malformed has none."""
        found: list[tuple[int, Auth]] = []
        for reference in pod.spec.imagePullSecrets:
            try:
                secret = await self._objects.get("secret", pod.metadata.namespace, reference.name)
            except ApiError:
                continue
            found += matching(secret.data, full_name(image))
        return [auth for _, auth in sorted(found, key=lambda pair: -pair[0])]


def matching(data: dict[str, str], image: str) -> Iterator[tuple[int, Auth]]:
    """(how specific, credential) for each entry whose registry pattern fits the image."""
    for pattern, entry in _entries(data):
        registry = pattern.removeprefix("https://").removeprefix("http://")
        registry = registry.removesuffix("/v1/").removesuffix("/v2/").rstrip("/")
        if registry in ("index.docker.io", "registry-1.docker.io"):
            registry = "docker.io"
        host, _, path = registry.partition("/")
        image_host, _, image_path = image.partition("/")
        if fnmatchcase(image_host, host) and (not path or image_path.startswith(path)):
            yield len(registry), _auth(entry, registry)


def _entries(data: dict[str, str]) -> Iterator[tuple[str, dict[str, Any]]]:
    for key in (_MODERN, _LEGACY):
        if key not in data:
            continue
        try:
            decoded = json.loads(base64.b64decode(data[key]))
        except ValueError:
            continue
        entries = decoded.get("auths", {}) if key == _MODERN and isinstance(decoded, dict) else decoded
        if isinstance(entries, dict):
            yield from ((name, entry) for name, entry in entries.items() if isinstance(entry, dict))


def _auth(entry: dict[str, Any], registry: str) -> Auth:
    username, password = str(entry.get("username", "")), str(entry.get("password", ""))
    if not username and isinstance(entry.get("auth"), str):
        try:
            username, _, password = base64.b64decode(entry["auth"]).decode().partition(":")
        except ValueError:
            username = password = ""
    return Auth(
        username, password, server_address=registry, identity_token=str(entry.get("identitytoken", ""))
    )
