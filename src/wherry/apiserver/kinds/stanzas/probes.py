"""Probes and lifecycle hooks: one handler each, sane numbers."""

from __future__ import annotations

from wherry.api.fieldpath import forbidden_field, invalid_value, not_supported, required
from wherry.api.schema import Obj
from wherry.apiserver.kinds.stanzas import formats
from wherry.apiserver.kinds.stanzas.formats import Errors

_PROBE_HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc")
_HOOK_HANDLERS = ("exec", "httpGet", "tcpSocket", "sleep")
_NUMBERS = ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold")


def probe(kind: str, found: Obj, path: str, out: Errors) -> None:
    """`kind` is livenessProbe, readinessProbe or startupProbe."""
    _handler(found, _PROBE_HANDLERS, None, path, out)
    for field in _NUMBERS:
        formats.not_negative(found.get(field), f"{path}.{field}", out)
    grace = found.get("terminationGracePeriodSeconds")
    if grace is not None and grace <= 0:
        out.append(invalid_value(f"{path}.terminationGracePeriodSeconds", grace, "must be greater than 0"))
    if kind == "readinessProbe":
        if grace is not None:
            message = "must not be set for readinessProbes"
            out.append(invalid_value(f"{path}.terminationGracePeriodSeconds", grace, message))
    elif found.get("successThreshold", 0) != 1:
        out.append(invalid_value(f"{path}.successThreshold", found.get("successThreshold", 0), "must be 1"))


def lifecycle(found: Obj, grace: int | None, path: str, out: Errors) -> None:
    for hook in ("postStart", "preStop"):
        if (handler := found.get(hook)) is not None:
            _handler(handler, _HOOK_HANDLERS, grace, f"{path}.{hook}", out)
    if found.get("stopSignal") is not None and not found["stopSignal"]:
        out.append(required(f"{path}.stopSignal"))


def _handler(found: Obj, kinds: tuple[str, ...], grace: int | None, path: str, out: Errors) -> None:
    given = [kind for kind in kinds if kind in found]
    if not given:
        out.append(required(path, "must specify a handler type"))
        return
    _action(given[0], found[given[0]], grace, f"{path}.{given[0]}", out)
    for extra in given[1:]:
        out.append(forbidden_field(f"{path}.{extra}", "may not specify more than 1 handler type"))


def _action(kind: str, action: Obj, grace: int | None, path: str, out: Errors) -> None:
    match kind:
        case "exec":
            if not action.get("command"):
                out.append(required(f"{path}.command"))
        case "httpGet":
            _http_get(action, path, out)
        case "tcpSocket":
            formats.port(action.get("port", 0), f"{path}.port", out)
        case "grpc":
            formats.port_number(action.get("port", 0), f"{path}.port", out)
        case "sleep":
            seconds = action.get("seconds", 0)
            if grace is not None and not 0 <= seconds <= grace:
                message = f"must be non-negative and less than terminationGracePeriodSeconds ({grace})"
                out.append(invalid_value(path, seconds, message))


def _http_get(action: Obj, path: str, out: Errors) -> None:
    if not action.get("path"):
        out.append(required(f"{path}.path"))
    formats.port(action.get("port", 0), f"{path}.port", out)
    if action.get("scheme") not in ("HTTP", "HTTPS"):
        out.append(not_supported(f"{path}.scheme", action.get("scheme", ""), ("HTTP", "HTTPS")))
    for header in action.get("httpHeaders") or ():
        formats.header_name(header.get("name", ""), f"{path}.httpHeaders", out)
