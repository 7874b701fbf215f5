"""The caches as admission and authentication read them (`attributes.Reader`): now, without waiting."""

from __future__ import annotations

from collections.abc import Mapping

from wherry.api.schema import Obj
from wherry.apiserver.registry.entry import Entry
from wherry.apiserver.registry.served import Served
from wherry.apiserver.registry.watchcache import ALL


class CacheReader:
    """Objects are shared and never to be changed. Unknown resources have none."""

    def __init__(self, by_name: Mapping[str, Served]) -> None:
        self._by_name = by_name

    def get(self, group_resource: str, name: str, namespace: str = "") -> Obj | None:
        served = self._by_name.get(group_resource)
        if served is None:
            return None
        entry = served.cache.get(served.relative(namespace, name))
        return None if entry is None else _obj(served, entry)

    def list(self, group_resource: str, namespace: str = "") -> list[Obj]:
        served = self._by_name.get(group_resource)
        if served is None:
            return []
        scope = ("namespace", namespace) if namespace else ALL
        return [_obj(served, entry) for entry in served.cache.select(scope)]


def _obj(served: Served, entry: Entry) -> Obj:
    if served.conversion is None:
        return entry.obj
    converted: Obj = entry.form(("obj", served.resource.api_version), served.decode)
    return converted
