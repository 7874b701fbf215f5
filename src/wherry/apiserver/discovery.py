"""Which groups, versions and resources there are: the documents clients read before anything else.

Built from the scheme when first asked for, kept as bytes with an ETag, built again after
`invalidate()`. The legacy form is a document per group and version; the aggregated form
(apidiscovery.k8s.io/v2) is one for `/api` and one for `/apis`, which is what kubectl asks for.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from wherry.api.scheme import Resource, Scheme, Subresource
from wherry.apiserver.bodies import JSON, YAML, encoded, media_types, negotiate
from wherry.http.messages import Request, Response

_AGGREGATED = "application/json;g=apidiscovery.k8s.io;v={};as=APIGroupDiscoveryList"
_VERSIONS = ("v2", "v2beta1")
_STORED_AS = {
    ("autoscaling", "v1", "HorizontalPodAutoscaler"): ("autoscaling", "v2", "HorizontalPodAutoscaler"),
    ("events.k8s.io", "v1", "Event"): ("", "v1", "Event"),
}
"""Kinds served in a version other than the one they are stored in."""


@dataclass(frozen=True, slots=True)
class _Document:
    body: bytes
    etag: str


def storage_version_hash(resource: Resource) -> str:
    """Upstream's: eight bytes of SHA-256 over group/version/kind, base64."""
    import base64

    plain = (resource.group, resource.version, resource.kind)
    text = "/".join(_STORED_AS.get(plain, plain))
    return base64.b64encode(hashlib.sha256(text.encode()).digest()[:8]).decode()


class Discovery:
    def __init__(self, scheme: Scheme, server_address: str = "") -> None:
        self._scheme = scheme
        self._server_address = server_address
        self._values: dict[str, Any] = {}
        self._documents: dict[tuple[str, str], _Document] = {}

    def invalidate(self) -> None:
        """The scheme has changed."""
        self._values.clear()
        self._documents.clear()

    def answer(self, path: str, request: Request) -> Response | None:
        """The discovery document at a path, None when there is none."""
        path = path.rstrip("/")
        if path in ("/api", "/apis"):
            version = _aggregated_asked(request)
            if version:
                return self._aggregated(path, version, request)
        value = self._value(path)
        if value is None:
            return None
        kind = negotiate(request, (JSON, YAML))
        return Response(200, self._document(path, kind, value).body, kind)

    def paths(self) -> list[str]:
        """All discovery paths, for the index at /."""
        found = {"/api", "/apis", "/apis/"}
        for group, versions in self._groups().items():
            root = f"/apis/{group}" if group else "/api"
            found.update((root, *(f"{root}/{version}" for version in versions)))
        return sorted(found)

    def _document(self, path: str, kind: str, value: Any) -> _Document:
        made = self._documents.get((path, kind))
        if made is None:
            body = encoded(value, YAML if kind == YAML else JSON)
            made = _Document(body, f'"{hashlib.sha512(body).hexdigest().upper()}"')
            self._documents[path, kind] = made
        return made

    def _aggregated(self, path: str, version: str, request: Request) -> Response:
        value = self._values.get(path + "+" + version)
        if value is None:
            value = self._values[path + "+" + version] = self._aggregate(path, version)
        document = self._document(path, version, value)
        headers = (("Cache-Control", "public"), ("ETag", document.etag), ("Vary", "Accept"))
        if document.etag in request.headers.get("if-none-match", ""):
            return Response(304, b"", "", headers)
        return Response(200, document.body, _AGGREGATED.format(version), headers)

    def _value(self, path: str) -> Any:
        if path not in self._values:
            self._values |= self._legacy()
        return self._values.get(path)

    def _groups(self) -> dict[str, dict[str, list[Resource]]]:
        """Group to version to resources, in the scheme's order: the first version is preferred."""
        found: dict[str, dict[str, list[Resource]]] = {}
        for resource in self._scheme.all():
            found.setdefault(resource.group, {}).setdefault(resource.version, []).append(resource)
        return found

    def _legacy(self) -> dict[str, Any]:
        values: dict[str, Any] = {}
        listed = []
        for group, versions in self._groups().items():
            root = f"/apis/{group}" if group else "/api"
            for version, resources in versions.items():
                values[f"{root}/{version}"] = _resource_list(group, version, resources)
            if group:
                entry = _group(group, list(versions))
                listed.append(entry)
                values[root] = {"kind": "APIGroup", "apiVersion": "v1", **entry}
            else:
                values[root] = self._api_versions(list(versions))
        values["/apis"] = {"kind": "APIGroupList", "apiVersion": "v1", "groups": listed}
        return values

    def _api_versions(self, versions: list[str]) -> dict[str, Any]:
        address = [{"clientCIDR": "0.0.0.0/0", "serverAddress": self._server_address}]
        return {"kind": "APIVersions", "versions": versions, "serverAddressByClientCIDRs": address}

    def _aggregate(self, path: str, version: str) -> dict[str, Any]:
        items = [
            {
                "metadata": {"name": group} if group else {},
                "versions": [
                    {
                        "version": name,
                        "resources": [_aggregated_resource(entry) for entry in _sorted(resources)],
                        "freshness": "Current",
                    }
                    for name, resources in versions.items()
                ],
            }
            for group, versions in self._groups().items()
            if bool(group) == (path == "/apis")
        ]
        api_version = f"apidiscovery.k8s.io/{version}"
        return {"kind": "APIGroupDiscoveryList", "apiVersion": api_version, "metadata": {}, "items": items}


def _aggregated_asked(request: Request) -> str:
    """The version of aggregated discovery the client prefers to everything else it accepts, or ""."""
    for kind, parameters in media_types(request.headers.get("accept", "")):
        if kind == JSON and parameters.get("as") == "APIGroupDiscoveryList":
            version = parameters.get("v", "")
            if parameters.get("g") == "apidiscovery.k8s.io" and version in _VERSIONS:
                return version
        elif kind in (JSON, YAML) and not parameters.get("as"):
            return ""
    return ""


def _sorted(resources: list[Resource]) -> list[Resource]:
    return sorted(resources, key=lambda resource: resource.name)


def _group(name: str, versions: list[str]) -> dict[str, Any]:
    listed = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": listed, "preferredVersion": listed[0]}


def _resource_list(group: str, version: str, resources: list[Resource]) -> dict[str, Any]:
    entries: list[dict[str, Any]] = []
    for resource in _sorted(resources):
        entries.append(_resource(resource))
        entries += [_subresource(resource, sub) for _, sub in sorted(resource.subresources.items())]
    group_version = f"{group}/{version}" if group else version
    listed: dict[str, Any] = {"kind": "APIResourceList"}
    if group:
        listed["apiVersion"] = "v1"
    return listed | {"groupVersion": group_version, "resources": entries}


def _resource(resource: Resource) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "name": resource.name,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": list(resource.verbs),
    }
    if resource.short_names:
        entry["shortNames"] = list(resource.short_names)
    if resource.categories:
        entry["categories"] = list(resource.categories)
    if "watch" in resource.verbs:
        entry["storageVersionHash"] = storage_version_hash(resource)
    return entry


def _subresource(resource: Resource, sub: Subresource) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "name": f"{resource.name}/{sub.name}",
        "singularName": "",
        "namespaced": resource.namespaced,
    }
    if (sub.group, sub.version) not in (("", ""), (resource.group, resource.version)):
        entry |= {"group": sub.group, "version": sub.version}
    return entry | {"kind": sub.kind, "verbs": list(sub.verbs)}


def _kind(group: str, version: str, kind: str) -> dict[str, str]:
    return {"group": group, "version": version, "kind": kind}


def _aggregated_resource(resource: Resource) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "resource": resource.name,
        "responseKind": _kind("", "", resource.kind),
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.singular,
        "verbs": list(resource.verbs),
    }
    if resource.short_names:
        entry["shortNames"] = list(resource.short_names)
    if resource.categories:
        entry["categories"] = list(resource.categories)
    if resource.subresources:
        entry["subresources"] = [
            {
                "subresource": sub.name,
                "responseKind": _kind(sub.group, sub.version, sub.kind),
                "verbs": list(sub.verbs),
            }
            for _, sub in sorted(resource.subresources.items())
        ]
    return entry
