"""The table of resources: group, version, plural, kind, scope, verbs, subresources.

The built-in table is data (`data/resources.json`, made by tools/build_schema.py). Everything that
names a resource takes a `Resource`; `resource("pods")` or `resource("deployments.apps")` finds one.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class Subresource:
    name: str
    verbs: tuple[str, ...]
    group: str
    version: str
    kind: str


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource of one version. `name` is the plural, as in the URL."""

    group: str
    version: str
    name: str
    kind: str
    namespaced: bool
    singular: str = ""
    verbs: tuple[str, ...] = ()
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: Mapping[str, Subresource] = field(default_factory=dict, hash=False, compare=False)

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def group_resource(self) -> str:
        """`deployments.apps`, or `pods` for the core group, as upstream writes it in messages."""
        return f"{self.name}.{self.group}" if self.group else self.name

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """The URL path of the collection, the object, or its subresource."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        parts = [root]
        if namespace and self.namespaced:
            parts += ["namespaces", quote(namespace, safe="")]
        parts.append(self.name)
        if name:
            parts.append(quote(name, safe=":"))
            if subresource:
                parts.append(subresource)
        return "/".join(parts)


class Scheme:
    """Resources by plural and by kind. Later entries of a group are later versions."""

    def __init__(self, resources: Iterable[Resource] = ()) -> None:
        self._by_plural: dict[tuple[str, str, str], Resource] = {}
        self._by_kind: dict[tuple[str, str], Resource] = {}
        for entry in resources:
            self.add(entry)

    def add(self, entry: Resource) -> None:
        self._by_plural[entry.group, entry.version, entry.name] = entry
        self._by_kind[entry.api_version, entry.kind] = entry

    def remove(self, entry: Resource) -> None:
        self._by_plural.pop((entry.group, entry.version, entry.name), None)
        self._by_kind.pop((entry.api_version, entry.kind), None)

    def find(self, group: str, version: str, plural: str) -> Resource | None:
        return self._by_plural.get((group, version, plural))

    def for_kind(self, api_version: str, kind: str) -> Resource | None:
        return self._by_kind.get((api_version, kind))

    def all(self) -> list[Resource]:
        return list(self._by_plural.values())


def load_table() -> list[Resource]:
    rows = json.loads(Path(__file__).with_name("data").joinpath("resources.json").read_bytes())
    return [
        Resource(
            group=row["group"],
            version=row["version"],
            name=row["name"],
            kind=row["kind"],
            namespaced=row["namespaced"],
            singular=row["singular"],
            verbs=tuple(row["verbs"]),
            short_names=tuple(row["shortNames"]),
            categories=tuple(row["categories"]),
            subresources={
                sub["name"]: Subresource(
                    sub["name"], tuple(sub["verbs"]), sub["group"], sub["version"], sub["kind"]
                )
                for sub in row["subresources"]
            },
        )
        for row in rows
    ]


@functools.cache
def builtin() -> Scheme:
    """The built-in kinds; shared, so copy (`Scheme(builtin().all())`) before adding to it."""
    return Scheme(load_table())


@functools.cache
def resource(name: str) -> Resource:
    """A built-in resource by `plural` or `plural.group`, in its preferred (first listed) version."""
    plural, _, group = name.partition(".")
    for entry in builtin().all():
        if entry.name == plural and entry.group == group:
            return entry
    raise KeyError(f"no built-in resource {name!r}")
