"""One resource in one version, as the verbs work on it: its table row, strategy, cache and conversion.

Verbs work on objects in the served version; `stored` and `render` are the only ways between that and
the store. For most resources both are the same and cost nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from wherry.api import errors
from wherry.api.errors import ApiError
from wherry.api.schema import Obj
from wherry.api.scheme import Resource
from wherry.apiserver.registry import entry as entries
from wherry.apiserver.registry import keys
from wherry.apiserver.registry.convert import Conversion
from wherry.apiserver.registry.decoding import Wanted
from wherry.apiserver.registry.entry import Entry
from wherry.apiserver.registry.strategy import Strategy
from wherry.apiserver.registry.watchcache import WatchCache


@dataclass(frozen=True, slots=True)
class Served:
    resource: Resource
    strategy: Strategy
    cache: WatchCache
    conversion: Conversion | None = None
    definition: str | None = None
    """The schema's name of the kind; None for kinds that are not built in."""

    @property
    def wanted(self) -> Wanted:
        return Wanted(self.resource.api_version, self.resource.kind, self.definition)

    def relative(self, namespace: str, name: str) -> str:
        """The key within the cache."""
        return f"{namespace}/{name}" if namespace else name

    def key(self, namespace: str, name: str) -> bytes:
        return self.cache.layout.prefix + keys.relative(namespace, name).encode()

    def stored_value(self, obj: Obj) -> bytes:
        """The bytes to store for a served object."""
        return entries.stored_value(self.conversion.to_stored(obj) if self.conversion else obj)

    def entry(self, namespace: str, name: str, revision: int, value: bytes) -> Entry:
        return self.cache.entry(keys.relative(namespace, name), revision, value)

    def render(self, entry: Entry) -> bytes:
        """The entry's bytes in the served version."""
        if self.conversion is None:
            return entry.data
        rendered: bytes = entry.form(self.resource.api_version, self._encode)
        return rendered

    def _encode(self, entry: Entry) -> bytes:
        return entries.encode(self.decode(entry))

    def decode(self, entry: Entry) -> Obj:
        """The object in the served version, a fresh copy."""
        obj = entry.decode()
        return self.conversion.to_served(obj) if self.conversion else obj

    # -- refusals that name the resource

    def not_found(self, name: str) -> ApiError:
        return errors.not_found(self.resource.group, self.resource.name, name)

    def already_exists(self, name: str) -> ApiError:
        return errors.already_exists(self.resource.group, self.resource.name, name)

    def conflict(self, name: str, why: str) -> ApiError:
        return errors.conflict(self.resource.group, self.resource.name, name, why)

    def modified(self, name: str) -> ApiError:
        return errors.object_modified(self.resource.group, self.resource.name, name)
