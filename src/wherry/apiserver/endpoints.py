"""Everything the API server answers that is no resource: discovery, OpenAPI, health, version, metrics."""

from __future__ import annotations

import json
import platform
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import wherry
from wherry.api import errors
from wherry.api.scheme import Scheme
from wherry.apiserver.attributes import RequestInfo
from wherry.apiserver.auth import oidc
from wherry.apiserver.auth.keys import KeyRing
from wherry.apiserver.bodies import JSON, answer, encoded, negotiate
from wherry.apiserver.discovery import Discovery
from wherry.apiserver.filters import InFlight
from wherry.apiserver.health import NOT_FOUND, Health
from wherry.apiserver.kubelet_proxy import method_not_allowed
from wherry.apiserver.metrics import RequestMetrics
from wherry.apiserver.openapi import OpenApi
from wherry.http.messages import Request, Response

Endpoint: TypeAlias = Callable[[str, Request], Awaitable[Response]]

_METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def version_info() -> dict[str, str]:
    """/version, as clients compare it."""
    major, minor = wherry.KUBERNETES_VERSION.removeprefix("v").split(".")[:2]
    previous = str(int(minor) - 1)
    return {
        "major": major,
        "minor": minor,
        "emulationMajor": major,
        "emulationMinor": minor,
        "minCompatibilityMajor": major,
        "minCompatibilityMinor": previous,
        "gitVersion": f"{wherry.KUBERNETES_VERSION}+wherry-{wherry.__version__}",
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": f"python{platform.python_version()}",
        "compiler": platform.python_implementation().lower(),
        "platform": f"{platform.system().lower()}/{_MACHINES.get(platform.machine(), platform.machine())}",
    }


_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}


class Endpoints:
    """`answer` picks by the first segment of the path."""

    def __init__(
        self,
        scheme: Scheme,
        server_address: str,
        health: Health,
        metrics: RequestMetrics,
        in_flight: InFlight,
        keys: KeyRing,
        issuer: str,
    ) -> None:
        self.discovery = Discovery(scheme, server_address)
        self.openapi = OpenApi(scheme, wherry.KUBERNETES_VERSION)
        self._scheme = scheme
        self._server_address = server_address
        self._health = health
        self._metrics = metrics
        self._in_flight = in_flight
        self._keys = keys
        self._issuer = issuer
        self._table: dict[str, Endpoint] = {
            "": self._index,
            "api": self._discovery,
            "apis": self._discovery,
            "healthz": health.answer,
            "livez": health.answer,
            "readyz": health.answer,
            "metrics": self._metrics_text,
            "openapi": self._openapi,
            "openid": self._jwks,
            "version": self._version,
            ".well-known": self._oidc,
        }

    async def answer(self, info: RequestInfo, request: Request) -> Response:
        """Raises ApiError."""
        root = info.path.strip("/").partition("/")[0]
        endpoint = self._table.get(root)
        if endpoint is None:
            return NOT_FOUND
        if request.method not in ("GET", "HEAD"):
            raise method_not_allowed()
        return await endpoint(info.path, request)

    async def _discovery(self, path: str, request: Request) -> Response:
        found = self.discovery.answer(path, request)
        if found is not None:
            return found
        if path.strip("/").count("/") == 1 and path.startswith("/apis/"):
            return NOT_FOUND
        raise no_such_resource()

    async def _openapi(self, path: str, request: Request) -> Response:
        return self.openapi.answer(path.removeprefix("/openapi"), request)

    async def _version(self, path: str, request: Request) -> Response:
        if path.rstrip("/") != "/version":
            return NOT_FOUND
        kind = negotiate(request, (JSON,))
        return Response(200, json.dumps(version_info(), indent=2).encode(), kind)

    async def _index(self, path: str, request: Request) -> Response:
        own = ["/metrics", "/openapi/v2", "/openapi/v3", "/openid/v1/jwks", "/version"]
        own += ["/.well-known/openid-configuration", *self._health.paths()]
        return answer(request, {"paths": sorted([*self.discovery.paths(), *own])})

    async def _metrics_text(self, path: str, request: Request) -> Response:
        if path != "/metrics":
            return NOT_FOUND
        known = frozenset((entry.group, entry.version, entry.name) for entry in self._scheme.all())
        text = self._metrics.text(self._in_flight.current, known)
        return Response(200, text.encode(), _METRICS_TYPE)

    async def _oidc(self, path: str, request: Request) -> Response:
        if path != "/.well-known/openid-configuration":
            return NOT_FOUND
        jwks_uri = f"https://{self._server_address}/openid/v1/jwks"
        return _json(oidc.configuration(self._issuer, jwks_uri, self._keys), JSON)

    async def _jwks(self, path: str, request: Request) -> Response:
        if path != "/openid/v1/jwks":
            return NOT_FOUND
        return _json(oidc.jwks(self._keys), "application/jwk-set+json")


def _json(value: Any, content_type: str) -> Response:
    headers = (("Cache-Control", "public, max-age=3600"),)
    return Response(200, encoded(value, JSON), content_type, headers)


def no_such_resource() -> errors.ApiError:
    return errors.ApiError("NotFound", "the server could not find the requested resource", details={})
