"""What the API server serves, custom and aggregated resources included, as `Resource`s.

One request with aggregated discovery; a server without it is asked group by group.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from wherry.api.scheme import Resource
from wherry.client.rest import Client, api_error

_AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"
MAX_RESOURCES = 5000


async def preferred_resources(client: Client) -> list[Resource]:
    """Each resource once, in its group's preferred version, in the server's order. Raises ApiError
    when the server cannot tell; a group that is out of order is left out."""
    found: dict[tuple[str, str], Resource] = {}
    for path in ("/api", "/apis"):
        document = await _get(client, path)
        if document.get("kind") == "APIGroupDiscoveryList":
            listed = _aggregated(document)
        else:
            listed = await _one_by_one(client, path, document)
        for resource in listed:
            found.setdefault((resource.group, resource.name), resource)
    return list(found.values())[:MAX_RESOURCES]


async def _get(client: Client, path: str) -> dict[str, Any]:
    response = await client.raw("GET", path, accept=_AGGREGATED)
    if response.status != 200:
        raise api_error(response)
    document: dict[str, Any] = msgspec.json.decode(response.body, type=dict[str, Any])
    return document


def _aggregated(document: dict[str, Any]) -> Iterable[Resource]:
    for group in document.get("items") or ():
        name = group.get("metadata", {}).get("name", "")
        for version in group.get("versions") or ():
            for entry in version.get("resources") or ():
                kind = (entry.get("responseKind") or {}).get("kind")
                if kind and version.get("freshness", "Current") == "Current":
                    yield Resource(
                        group=name,
                        version=version["version"],
                        name=entry["resource"],
                        kind=kind,
                        namespaced=entry.get("scope") == "Namespaced",
                        verbs=tuple(entry.get("verbs") or ()),
                    )


async def _one_by_one(client: Client, path: str, document: dict[str, Any]) -> list[Resource]:
    if path == "/api":
        places = [("", version, f"/api/{version}") for version in document.get("versions") or ()]
    else:
        places = [
            (group["name"], version["version"], f"/apis/{version['groupVersion']}")
            for group in document.get("groups") or ()
            for version in [group.get("preferredVersion") or group["versions"][0], *group["versions"]]
        ]
    found: list[Resource] = []
    for group, version, where in dict.fromkeys(places):
        response = await client.raw("GET", where)
        if response.status == 200:
            listed = msgspec.json.decode(response.body, type=dict[str, Any])
            found += [
                Resource(
                    group=group,
                    version=version,
                    name=entry["name"],
                    kind=entry["kind"],
                    namespaced=bool(entry.get("namespaced")),
                    verbs=tuple(entry.get("verbs") or ()),
                )
                for entry in listed.get("resources") or ()
                if "/" not in entry["name"]
            ]
    return found
