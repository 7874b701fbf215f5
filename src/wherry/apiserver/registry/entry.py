"""One object as the watch cache holds it: bytes ready to be sent, and what was read out of them.

The stored value is `{"kind":K,"apiVersion":V,"metadata":{...},...}` without a resourceVersion. All
objects of a resource so begin with the same bytes (its `head`), and the form that clients get differs
from the stored one by `"resourceVersion":"N",` after them: no encoding happens on the way out.

    stored  {"kind":"Pod","apiVersion":"v1","metadata":{"name":"a",...
    served  {"kind":"Pod","apiVersion":"v1","metadata":{"resourceVersion":"7","name":"a",...
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any

import msgspec

from wherry.api.schema import Obj
from wherry.apiserver.registry import glance

_decode = msgspec.json.Decoder().decode
encode = msgspec.json.Encoder().encode

Fields = Mapping[str, Callable[[Obj], str]]


def head(api_version: str, kind: str) -> bytes:
    """What every stored value of a kind begins with."""
    return b'{"kind":"%b","apiVersion":"%b","metadata":{' % (kind.encode(), api_version.encode())


_METADATA = (
    "name",
    "generateName",
    "namespace",
    "uid",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "labels",
    "annotations",
    "ownerReferences",
    "finalizers",
    "managedFields",
)
"""The order upstream writes metadata in, resourceVersion left out."""


def stored_value(obj: Obj) -> bytes:
    """The bytes to store: `kind`, `apiVersion` and `metadata` first, no resourceVersion."""
    metadata = obj["metadata"]
    ordered: Obj = {
        "kind": obj["kind"],
        "apiVersion": obj["apiVersion"],
        "metadata": {field: metadata[field] for field in _METADATA if field in metadata},
    }
    ordered.update((key, value) for key, value in obj.items() if key not in ordered)
    return encode(ordered)


def decode_value(value: bytes) -> Obj:
    obj: Obj = _decode(value)
    return obj


def served_value(value: bytes, at: int, revision: int) -> bytes:
    """A stored value with its resourceVersion, `at` being the length of the resource's head."""
    return b'%b"resourceVersion":"%d",%b' % (value[:at], revision, value[at:])


class Entry:
    """Immutable, but for what it remembers of itself. `data` is the served form."""

    __slots__ = ("_fields", "_labels", "_obj", "data", "forms", "key", "revision")

    def __init__(self, key: str, revision: int, data: bytes) -> None:
        self.key = key
        self.revision = revision
        self.data = data
        self.forms: dict[Hashable, Any] | None = None
        self._obj: Obj | None = None
        self._labels: dict[str, str] | None = None
        self._fields: dict[str, str] | None = None

    def decode(self) -> Obj:
        """A fresh copy, the caller's to change."""
        obj: Obj = _decode(self.data)
        return obj

    @property
    def obj(self) -> Obj:
        """The object, shared: never to be changed. Kept, so for small kinds and repeated reading."""
        if self._obj is None:
            self._obj = self.decode()
        return self._obj

    @property
    def labels(self) -> dict[str, str]:
        if self._labels is None:
            self._labels = glance.labels(self.data)
        return self._labels

    def fields(self, known: Fields) -> dict[str, str]:
        """The values of the field labels, metadata.name and metadata.namespace included."""
        if self._fields is None:
            namespace, _, name = self.key.rpartition("/")
            found = {"metadata.name": name, "metadata.namespace": namespace}
            if known:
                obj = self._obj or self.decode()
                for label, read in known.items():
                    found[label] = read(obj)
            self._fields = found
        return self._fields

    def at(self, revision: int, size: int) -> Entry:
        """The same content under another resourceVersion (deletions), `size` being the head's length."""
        after = self.data.index(b",", size) + 1
        data = b'%b"resourceVersion":"%d",%b' % (self.data[:size], revision, self.data[after:])
        return Entry(self.key, revision, data)

    def form(self, key: Hashable, make: Callable[[Entry], Any]) -> Any:
        """What `make` gives for this entry, remembered under `key`."""
        forms = self.forms
        if forms is None:
            forms = self.forms = {}
        found = forms.get(key)
        if found is None:
            found = forms[key] = make(self)
        return found
