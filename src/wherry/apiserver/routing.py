"""From method and URL to `RequestInfo`: what is asked, before anyone knows whether it exists.

    GET    /api/v1/namespaces/a/pods/x/log       get    pods/log  a/x
    GET    /apis/apps/v1/deployments?watch=1     watch  deployments.apps
    DELETE /api/v1/namespaces/a/pods             deletecollection
    GET    /healthz                              not a resource

A pure function, the same in every detail as upstream's RequestInfoFactory
(`k8s.io/apiserver/pkg/endpoints/request/requestinfo.go`), deprecated `/watch/` prefixes included. It
checks nothing against the scheme.
"""

from __future__ import annotations

import functools
from urllib.parse import parse_qsl, unquote

from wherry.apiserver.attributes import RequestInfo

_VERBS = {
    "POST": "create",
    "GET": "get",
    "HEAD": "get",
    "PUT": "update",
    "PATCH": "patch",
    "DELETE": "delete",
}
_SPECIAL_VERBS = ("proxy", "watch")
_NAMESPACE_SUBRESOURCES = ("status", "finalize")
_CACHEABLE = 512
"""Longest path and query kept, so that the cache is bounded in bytes too."""


class BadPath(Exception):
    """A path that begins like a resource's and names none; the text is upstream's."""


def parse(method: str, path: str, query: str = "") -> RequestInfo:
    """What a request is about. `path` and `query` as received. Raises BadPath."""
    if len(path) + len(query) <= _CACHEABLE:
        return _parse_cached(method, path, query)
    return _parse(method, path, query)


def _parse(method: str, path: str, query: str) -> RequestInfo:
    decoded = unquote(path) if "%" in path else path
    parts = _split(decoded)
    if len(parts) < 3 or parts[0] not in ("api", "apis"):
        return RequestInfo(method.lower(), decoded)
    group = ""
    if parts.pop(0) == "apis":
        if len(parts) < 3:
            return RequestInfo(method.lower(), decoded)
        group = parts.pop(0)
    version = parts.pop(0)
    verb = _VERBS.get(method, "")
    if parts[0] in _SPECIAL_VERBS:
        if len(parts) < 2:
            raise BadPath(f"unable to determine kind and namespace from url, {path}")
        verb = parts.pop(0)
    namespace = ""
    if parts[0] == "namespaces" and len(parts) > 1:
        namespace = parts[1]
        if len(parts) > 2 and parts[2] not in _NAMESPACE_SUBRESOURCES:
            parts = parts[2:]
    name = parts[1] if len(parts) > 1 else ""
    subresource = parts[2] if len(parts) > 2 and verb != "proxy" else ""
    if not name and verb == "get":
        verb, name = _collection(query)
    elif not name and verb == "delete":
        verb = "deletecollection"
    return RequestInfo(verb, decoded, True, group, version, parts[0], subresource, namespace, name)


_parse_cached = functools.lru_cache(maxsize=4096)(_parse)


def _split(path: str) -> list[str]:
    trimmed = path.strip("/")
    return trimmed.split("/") if trimmed else []


def _collection(query: str) -> tuple[str, str]:
    """list or watch, and the name that a field selector pins it to."""
    watch, name = False, ""
    seen: set[str] = set()
    for key, value in parse_qsl(query, keep_blank_values=True) if query else ():
        if key in seen:
            continue
        seen.add(key)
        if key == "watch":
            watch = value.lower() not in ("false", "0")
        elif key == "fieldSelector":
            name = _pinned_name(value)
    return ("watch" if watch else "list"), name


def _pinned_name(selector: str) -> str:
    """The name in `metadata.name=NAME`, "" when the selector allows more than one name."""
    for term in selector.split(","):
        field, equals, value = term.partition("=")
        if equals and field == "metadata.name":
            name = value.removeprefix("=")
            return "" if name in (".", "..") or "/" in name or "%" in name else name
    return ""
