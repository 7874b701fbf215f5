"""Reads a kubeconfig: which server, whom to trust, who we are.

Takes one context out of the file (the current one unless named). Relative paths are relative to the
file, and `...-data` wins over the path, as in kubectl. Not supported, and said so: exec and
auth-provider plugins, proxies, passwords.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MAX_SIZE = 4 * 1024 * 1024


class KubeconfigError(Exception):
    """The file cannot be used; the message is one line for the person who wrote it."""


@dataclass(frozen=True, slots=True)
class ClientConfig:
    """`ca`, `certificate` and `key` are PEM. Without `ca` the system's authorities are trusted. A
    `token_file` is read again as it changes, and wins over `token`."""

    server: str
    ca: bytes = b""
    certificate: bytes = b""
    key: bytes = b""
    token: str = ""
    token_file: str = ""
    insecure: bool = False
    tls_server_name: str = ""
    namespace: str = "default"


def load(path: str | Path, context: str = "") -> ClientConfig:
    """Raises KubeconfigError."""
    file = Path(path).expanduser()
    try:
        with file.open("rb") as stream:
            data = stream.read(MAX_SIZE + 1)
    except OSError as error:
        raise KubeconfigError(f"cannot read {file}: {error.strerror}") from error
    if len(data) > MAX_SIZE:
        raise KubeconfigError(f"{file} is larger than a kubeconfig may be")
    try:
        return from_mapping(_parse(data), file.parent, context)
    except KubeconfigError as error:
        raise KubeconfigError(f"{file}: {error}") from error.__cause__


def _parse(data: bytes) -> Any:
    """JSON is tried first: it is YAML too, and needs no YAML library."""
    try:
        return json.loads(data)
    except ValueError:
        import yaml

    try:
        return yaml.load(data, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise KubeconfigError(f"not YAML: {' '.join(str(error).split())}") from error


def from_mapping(config: Any, folder: Path, context: str = "") -> ClientConfig:
    """A parsed kubeconfig; relative paths in it are relative to `folder`."""
    if not isinstance(config, Mapping):
        raise KubeconfigError("not a kubeconfig")
    name = context or _text(config, "current-context")
    if not name:
        raise KubeconfigError("no context is given and there is no current-context")
    chosen = _entry(config, "contexts", "context", name)
    cluster = _entry(config, "clusters", "cluster", _text(chosen, "cluster"))
    user_name = _text(chosen, "user")
    user = _entry(config, "users", "user", user_name) if user_name else {}
    for plugin in ("exec", "auth-provider", "username"):
        if user.get(plugin):
            raise KubeconfigError(f'user "{user_name}" signs in by {plugin}, which is not supported')
    if cluster.get("proxy-url"):
        raise KubeconfigError("proxy-url is not supported")
    server = _text(cluster, "server")
    if not server:
        raise KubeconfigError(f'cluster "{_text(chosen, "cluster")}" has no server')
    token_file = _text(user, "tokenFile")
    return ClientConfig(
        server=server,
        ca=_material(cluster, "certificate-authority", folder),
        certificate=_material(user, "client-certificate", folder),
        key=_material(user, "client-key", folder),
        token=_text(user, "token"),
        token_file=str(folder / token_file) if token_file else "",
        insecure=cluster.get("insecure-skip-tls-verify") is True,
        tls_server_name=_text(cluster, "tls-server-name"),
        namespace=_text(chosen, "namespace") or "default",
    )


def _entry(config: Mapping[str, Any], section: str, field: str, name: str) -> Mapping[str, Any]:
    entries = config.get(section)
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, Mapping) and entry.get("name") == name:
            found = entry.get(field) or {}
            if isinstance(found, Mapping):
                return found
    raise KubeconfigError(f'{field} "{name}" does not exist')


def _text(mapping: Mapping[str, Any], key: str) -> str:
    value = mapping.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise KubeconfigError(f"{key} must be a string")
    return value


def _material(mapping: Mapping[str, Any], key: str, folder: Path) -> bytes:
    inline = _text(mapping, f"{key}-data")
    if inline:
        try:
            return base64.b64decode(inline, validate=True)
        except binascii.Error as error:
            raise KubeconfigError(f"{key}-data is not base64") from error
    path = _text(mapping, key)
    if not path:
        return b""
    file = folder / Path(path).expanduser()
    try:
        return file.read_bytes()
    except OSError as error:
        raise KubeconfigError(f"cannot read {key} {file}: {error.strerror}") from error
