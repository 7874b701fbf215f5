"""ConfigMap and Secret: bags of keys that pods read."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from wherry.api import validation_text
from wherry.api.fieldpath import forbidden_field, invalid_value, required, too_long
from wherry.api.schema import Obj
from wherry.apiserver.kinds.columns import AGE, NAME, at
from wherry.apiserver.kinds.stanzas import formats
from wherry.apiserver.kinds.stanzas.formats import Errors
from wherry.apiserver.kinds.wire import tidies
from wherry.apiserver.registry.strategy import Column, Context, Strategy

MAX_SIZE = 1 << 20
_FROZEN = "field is immutable when `immutable` is set"
_ACCOUNT = "kubernetes.io/service-account.name"
_NEEDED: dict[str, tuple[str, ...]] = {
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
}


def _size(text: str) -> int:
    """Bytes that base64 stands for, without decoding it."""
    return len(text) * 3 // 4 - text[-2:].count("=")


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return b""


def _validate_config_map(config: Obj) -> Errors:
    out: Errors = []
    data, binary = config.get("data") or {}, config.get("binaryData") or {}
    for field, found in (("data", data), ("binaryData", binary)):
        for key in found:
            formats.name(key, validation_text.config_key, f"{field}[{key}]", out)
            if field == "data" and key in binary:
                message = "duplicate of key present in binaryData"
                out.append(invalid_value(f"data[{key}]", key, message))
    size = sum(len(text.encode()) for text in data.values()) + sum(map(_size, binary.values()))
    if size > MAX_SIZE:
        out.append(too_long("[]", MAX_SIZE))
    return out


def _frozen(new: Obj, old: Obj, fields: tuple[str, ...], out: Errors) -> None:
    if not old.get("immutable"):
        return
    if not new.get("immutable"):
        out.append(forbidden_field("immutable", _FROZEN))
    out.extend(forbidden_field(f, _FROZEN) for f in fields if (new.get(f) or {}) != (old.get(f) or {}))


def _validate_config_map_update(new: Obj, old: Obj) -> Errors:
    out: Errors = []
    _frozen(new, old, ("data", "binaryData"), out)
    return out


def _default_secret(secret: Obj) -> None:
    secret.setdefault("type", "Opaque")
    # stringData is a way to write data: it is never stored.
    for key, text in (secret.pop("stringData", None) or {}).items():
        secret.setdefault("data", {})[key] = base64.b64encode(text.encode()).decode()


def _validate_secret(secret: Obj) -> Errors:
    out: Errors = []
    data: dict[str, Any] = secret.get("data") or {}
    for key in data:
        formats.name(key, validation_text.config_key, f"data[{key}]", out)
    if sum(_size(text or "") for text in data.values()) > MAX_SIZE:
        out.append(too_long("data", MAX_SIZE))
    kind = secret.get("type")
    if kind == "kubernetes.io/service-account-token" and not at(secret, "metadata.annotations", {}).get(
        _ACCOUNT
    ):
        out.append(required(f"metadata.annotations[{_ACCOUNT}]"))
    for key in _NEEDED.get(kind or "", ()):
        if key not in data:
            out.append(required(f"data[{key}]"))
        elif "docker" in key:
            _docker(data[key], f"data[{key}]", out)
    if kind == "kubernetes.io/basic-auth" and not data.keys() & {"username", "password"}:
        out += [required("data[username]"), required("data[password]")]
    if kind == "kubernetes.io/ssh-auth" and not data.get("ssh-privatekey"):
        out.append(required("data[ssh-privatekey]"))
    return out


def _docker(text: str, path: str, out: Errors) -> None:
    decoded = _decoded(text)
    try:
        good = isinstance(json.loads(decoded), dict)
        problem = "json: cannot unmarshal into Go value of type map[string]interface {}"
    except ValueError:
        good, problem = False, _go_json_error(decoded)
    if not good:
        out.append(invalid_value(path, "<secret contents redacted>", problem))


def _go_json_error(data: bytes) -> str:
    """encoding/json's words for the usual cases."""
    stripped = data.lstrip()
    if not stripped:
        return "unexpected end of JSON input"
    if stripped[:1] not in b'{["-0123456789tfn':
        return f"invalid character '{chr(stripped[0])}' looking for beginning of value"
    return "unexpected end of JSON input"


def _validate_secret_update(new: Obj, old: Obj) -> Errors:
    out: Errors = []
    formats.immutable(new.get("type", ""), old.get("type", ""), "type", out)
    _frozen(new, old, ("data",), out)
    return out


def _prepare_secret_update(new: Obj, old: Obj, context: Context) -> None:
    # Without a type the old one is meant, or an update by an old client would change it to Opaque.
    if not new.get("type"):
        new["type"] = old.get("type", "")


def _secret_warnings(new: Obj, old: Obj | None) -> list[str]:
    """A pair of files that cannot be a TLS key pair. Whether they fit each other is not looked at."""
    if new.get("type") != "kubernetes.io/tls":
        return []
    data = new.get("data") or {}
    for key, what in (("tls.crt", "certificate"), ("tls.key", "key")):
        if b"-----BEGIN " not in _decoded(data.get(key, "")):
            return [f"tls: failed to find any PEM data in {what} input"]
    return []


def _count(obj: Obj, now: float) -> int:
    return len(obj.get("data") or {}) + len(obj.get("binaryData") or {})


CONFIG_MAP = Strategy(
    default=tidies("core.v1.ConfigMap"),
    validate=_validate_config_map,
    validate_update=_validate_config_map_update,
    has_status=False,
    columns=(NAME, Column("Data", _count), AGE),
)

SECRET = Strategy(
    default=tidies("core.v1.Secret", _default_secret),
    prepare_update=_prepare_secret_update,
    validate=_validate_secret,
    validate_update=_validate_secret_update,
    has_status=False,
    fields={"type": lambda obj: obj.get("type", "")},
    warnings=_secret_warnings,
    columns=(NAME, Column("Type", lambda obj, now: obj.get("type", "")), Column("Data", _count), AGE),
)
