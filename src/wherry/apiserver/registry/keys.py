"""Where objects stand in the store, as upstream lays them out (`/registry/<resource>/<namespace>/<name>`).

Built-in resources go by their plural, some by a name from before (`minions`); the resources of the
extension and aggregation servers, and custom resources, by `<group>/<plural>`. Versions of one
resource, and the two Event APIs, share one place and one stored version.
"""

from __future__ import annotations

import functools

from wherry.api.scheme import Resource, Scheme, builtin

ROOT = b"/registry/"
ROOT_END = b"/registry0"

_SPECIAL = {
    "replicationcontrollers": "controllers",
    "endpoints": "services/endpoints",
    "nodes": "minions",
    "services": "services/specs",
    "ingresses.networking.k8s.io": "ingress",
}
_BY_GROUP = frozenset({"apiextensions.k8s.io", "apiregistration.k8s.io"})

_STORED_AS = {"events.events.k8s.io": "events"}
"""Resources that are another face of a stored one."""


def prefix(resource: Resource) -> bytes:
    """The key prefix of all objects of a resource, with its closing slash."""
    special = _SPECIAL.get(resource.group_resource)
    if special is not None:
        return ROOT + special.encode() + b"/"
    grouped = resource.group in _BY_GROUP or resource.group not in _built_in_groups()
    path = f"{resource.group}/{resource.name}/" if grouped else f"{resource.name}/"
    return ROOT + path.encode()


@functools.cache
def _built_in_groups() -> frozenset[str]:
    return frozenset(entry.group for entry in builtin().all())


def stored(resource: Resource, scheme: Scheme) -> Resource:
    """The resource in whose group and version its objects are stored: the first listed version."""
    name = _STORED_AS.get(resource.group_resource, resource.group_resource)
    for entry in scheme.all():
        if entry.group_resource == name:
            return entry
    return resource


def relative(namespace: str, name: str) -> str:
    """The key below a resource's prefix."""
    return f"{namespace}/{name}" if namespace else name


def route(key: bytes) -> tuple[bytes, bytes]:
    """The two prefixes a key can belong to: `/registry/pods/` and `/registry/pods/default/`."""
    first = key.find(b"/", len(ROOT)) + 1
    second = key.find(b"/", first) + 1
    return key[:first], key[:second]
