"""Objects by namespace and name, with indices kept up to date as objects change.

Everything it returns is in a stable order (that of arrival), so whoever iterates is deterministic.
Index functions must be pure: an object's old keys are computed again when it goes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from wherry.client.objects import identity

KeyFunction: TypeAlias = Callable[[Any], Iterable[str]]
Objects: TypeAlias = list[Any]
_Identity: TypeAlias = tuple[str, str]


class _Index:
    def __init__(self, keys: KeyFunction) -> None:
        self.keys = keys
        self.objects: dict[str, dict[_Identity, Any]] = {}

    def replace(self, key: _Identity, old: Any | None, new: Any | None) -> None:
        before = dict.fromkeys(self.keys(old)) if old is not None else {}
        after = dict.fromkeys(self.keys(new)) if new is not None else {}
        for value in before:
            if value not in after:
                held = self.objects[value]
                del held[key]
                if not held:
                    del self.objects[value]
        for value in after:
            self.objects.setdefault(value, {})[key] = new


class ObjectCache:
    def __init__(self) -> None:
        self._namespaces: dict[str, dict[str, Any]] = {}
        self._indices: dict[str, _Index] = {}

    def get(self, name: str, namespace: str = "") -> Any | None:
        held = self._namespaces.get(namespace)
        return None if held is None else held.get(name)

    def list(self, namespace: str | None = None) -> Objects:
        if namespace is not None:
            return list(self._namespaces.get(namespace, {}).values())
        return [obj for held in self._namespaces.values() for obj in held.values()]

    def by_index(self, name: str, key: str) -> Objects:
        return list(self._indices[name].objects.get(key, {}).values())

    def add_index(self, name: str, keys: KeyFunction) -> None:
        """Adding the same index again is harmless; another under its name is a ValueError."""
        present = self._indices.get(name)
        if present is not None:
            if present.keys is not keys:
                raise ValueError(f"there is another index {name!r}")
            return
        index = self._indices[name] = _Index(keys)
        for obj in self.list():
            index.replace(identity(obj), None, obj)

    def put(self, obj: Any) -> Any | None:
        """Returns what was there."""
        key = namespace, name = identity(obj)
        held = self._namespaces.setdefault(namespace, {})
        old = held.get(name)
        held[name] = obj
        for index in self._indices.values():
            index.replace(key, old, obj)
        return old

    def remove(self, obj: Any) -> Any | None:
        """By namespace and name; returns what was there."""
        key = namespace, name = identity(obj)
        held = self._namespaces.get(namespace, {})
        old = held.pop(name, None)
        if old is None:
            return None
        if not held:
            del self._namespaces[namespace]
        for index in self._indices.values():
            index.replace(key, old, None)
        return old
