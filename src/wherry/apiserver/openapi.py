"""/openapi/v3 and /openapi/v2: the schema as clients read it, for validation and `kubectl explain`.

The index names a document per group version with a hash in its URL; clients keep documents by hash
for good. Hashes come from what goes into a document, so that the index costs nothing to make;
documents are made when first asked for and kept compressed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qs

from isal import igzip

import wherry
from wherry.api import schema
from wherry.api.scheme import Resource, Scheme
from wherry.apiserver import openapi_paths, openapi_protobuf, openapi_schemas, openapi_v2
from wherry.apiserver.bodies import JSON, media_types
from wherry.http.messages import Request, Response

_ALWAYS = tuple(
    f"io.k8s.apimachinery.pkg.apis.meta.v1.{name}"
    for name in ("APIResourceList", "DeleteOptions", "Patch", "Status", "WatchEvent")
)
_GROUPS = tuple(
    f"io.k8s.apimachinery.pkg.apis.meta.v1.{name}" for name in ("APIGroup", "APIGroupList", "APIVersions")
)
_SECURITY = {
    "BearerToken": {
        "description": "Bearer Token authentication",
        "in": "header",
        "name": "authorization",
        "type": "apiKey",
    }
}
PROTOBUF = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
# what may be asked for -> what is answered; the older name has an @ that is no good in a media type
_V2_TYPES = {
    JSON: JSON,
    "application/*": JSON,
    "*/*": JSON,
    PROTOBUF: PROTOBUF,
    PROTOBUF.replace("v2.v1.0", "v2@v1.0"): PROTOBUF,
}
_NOT_FOUND = Response(404, b"404 page not found\n", "text/plain; charset=utf-8")


class OpenApi:
    def __init__(self, scheme: Scheme, version: str) -> None:
        self._scheme = scheme
        self._version = version
        self._hashes: dict[str, str] = {}
        self._packed: dict[tuple[str, str], bytes] = {}

    def invalidate(self) -> None:
        """The scheme has changed."""
        self._hashes.clear()
        self._packed.clear()

    def answer(self, path: str, request: Request) -> Response:
        """`path` below /openapi: v3, v3/apis/apps/v1, v2."""
        name = path.strip("/")
        if name == "v2":
            return self._v2(request)
        if name == "v3":
            return Response(200, json.dumps({"paths": self._index()}).encode())
        name = name.removeprefix("v3/")
        if name not in self._all_hashes():
            return _NOT_FOUND
        return self._document(name, self._all_hashes()[name], request)

    def _index(self) -> dict[str, Any]:
        return {
            name: {"serverRelativeURL": f"/openapi/v3/{name}?hash={digest}"}
            for name, digest in sorted(self._all_hashes().items())
        }

    def _resources(self) -> dict[str, list[Resource]]:
        """By document name (`api/v1`, `apis/apps/v1`); groups and roots have empty ones."""
        found: dict[str, list[Resource]] = {"api": [], "apis": []}
        for resource in self._scheme.all():
            root = f"apis/{resource.group}" if resource.group else "api"
            found.setdefault(root, [])
            found.setdefault(f"{root}/{resource.version}", []).append(resource)
        return found

    def _all_hashes(self) -> dict[str, str]:
        if not self._hashes:
            packed = files("wherry.api").joinpath("data/schema.json.z").read_bytes()
            base = hashlib.sha512(packed + wherry.__version__.encode() + self._version.encode())
            for name, resources in self._resources().items():
                digest = base.copy()
                digest.update(repr((name, resources)).encode())
                self._hashes[name] = digest.hexdigest().upper()
        return self._hashes

    def _document(self, name: str, digest: str, request: Request, kind: str = JSON) -> Response:
        headers: list[tuple[str, str]] = [("ETag", f'"{digest}"'), ("Vary", "Accept-Encoding, Accept")]
        if parse_qs(request.query).get("hash", [""])[0] == digest:
            headers.append(("Cache-Control", "public, immutable, max-age=31536000"))
        if digest in request.headers.get("if-none-match", ""):
            return Response(304, b"", "", tuple(headers))
        packed = self._packed.get((name, kind))
        if packed is None:
            text = self._v2_bytes(kind) if name == "v2" else _json(self._v3_value(name))
            packed = self._packed[name, kind] = igzip.compress(text, 2, mtime=0)
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(200, packed, kind, (*headers, ("Content-Encoding", "gzip")))
        return Response(200, _unpacked(packed), kind, tuple(headers))

    def _v3_value(self, name: str) -> dict[str, Any]:
        resources = self._resources()[name]
        names: list[str] = list(_ALWAYS if resources else _GROUPS)
        paths: dict[str, Any] = {}
        for resource in resources:
            paths |= openapi_paths.paths(resource)
            names += [
                found
                for api_version, kind in openapi_paths.kinds(resource)
                if (found := schema.definition_name(api_version, kind))
            ]
        return {
            "openapi": "3.0.0",
            "info": {"title": "Kubernetes", "version": "unversioned"},
            "paths": paths,
            "components": {
                "schemas": {name: openapi_schemas.component(name) for name in openapi_schemas.closure(names)},
                "securitySchemes": _SECURITY,
            },
        }

    def _v2(self, request: Request) -> Response:
        accepted = media_types(request.headers.get("accept", ""))
        kind = next((_V2_TYPES[kind] for kind, _ in accepted if kind in _V2_TYPES), None)
        if kind is None:
            return Response(406, b"", "")
        joined = "".join(self._all_hashes().values()).encode()
        return self._document("v2", hashlib.sha512(joined).hexdigest().upper(), request, kind)

    def _v2_bytes(self, kind: str) -> bytes:
        """Made from pieces: as one value it would take many times the memory of its text."""
        resources = list(self._scheme.all())
        names = [
            found
            for resource in resources
            for api_version, kind_name in openapi_paths.kinds(resource)
            if (found := schema.definition_name(api_version, kind_name))
        ]
        frame = openapi_v2.frame(self._version, _SECURITY)
        paths = openapi_v2.path_items(resources)
        definitions = openapi_v2.definitions([*_ALWAYS, *names])
        if kind == PROTOBUF:
            return openapi_protobuf.document(frame, paths, definitions)
        parts = {"paths": _json_object(paths), "definitions": _json_object(definitions)}
        wholes = {key: _json(value) for key, value in frame.items()}
        return b"{%s}" % b",".join(
            b'"%s":%s' % (key.encode(), text) for key, text in (wholes | parts).items()
        )


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


def _json_object(entries: Iterable[tuple[str, Any]]) -> bytes:
    return b"{%s}" % b",".join(_json(name) + b":" + _json(value) for name, value in entries)


def _unpacked(packed: bytes) -> bytes:
    data: bytes = igzip.decompress(packed)  # type: ignore[no-untyped-call]
    return data
