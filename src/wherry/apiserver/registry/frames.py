"""The frames of a watch, in the form its client asked for.

A frame is a few pieces of bytes, joined when they are sent: the object's own bytes are the cache's, the
same for every watcher. What has to be made (metadata only, another version) is kept with the event, so
that it is made once however many watch; Tables tell the time and are made anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from wherry.apiserver.registry import shapes
from wherry.apiserver.registry.core import Core
from wherry.apiserver.registry.entry import Entry, encode
from wherry.apiserver.registry.negotiation import Accept
from wherry.apiserver.registry.served import Served
from wherry.apiserver.registry.watchcache import Event

CHUNK = 256 * 1024
"""Bytes of frames sent in one piece, about."""
_INITIAL_END = "k8s.io/initial-events-end"
_END = b"}\n"

Frame: TypeAlias = tuple[bytes, bytes, bytes]


def frame(kind: str, body: bytes) -> Frame:
    return _HEADS[kind], body, _END


_KINDS = ("ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR")
_HEADS = {kind: b'{"type":"%b","object":' % kind.encode() for kind in _KINDS}


class Frames:
    def __init__(self, core: Core, served: Served, accept: Accept, included: str) -> None:
        self._core = core
        self._served = served
        self._shape = accept.shape
        self._included = included
        self._first = True

    def of_event(self, kind: str, event: Event, entry: Entry) -> Frame:
        """The event as `kind`, with `entry` as its object."""
        if self._shape == "PartialObjectMetadata":
            made = event.forms.get(kind)
            if made is None:
                made = event.forms[kind] = shapes.partial(entry.data)
            return frame(kind, made)
        return self.of_entry(kind, entry)

    def of_entry(self, kind: str, entry: Entry) -> Frame:
        if self._shape == "object":
            return frame(kind, self._served.render(entry))
        if self._shape == "PartialObjectMetadata":
            return frame(kind, shapes.partial(entry.data))
        first, self._first = self._first, False
        table = shapes.table_event(self._core, self._served, entry, self._included, first=first)
        return frame(kind, table)

    def bookmark(self, revision: int, *, initial_end: bool = False) -> Frame:
        resource = self._served.resource
        metadata: dict[str, object] = {"resourceVersion": str(revision)}
        if initial_end:
            metadata["annotations"] = {_INITIAL_END: "true"}
        body: dict[str, object] = {"kind": resource.kind, "apiVersion": resource.api_version}
        if self._shape == "PartialObjectMetadata":
            body = {"kind": self._shape, "apiVersion": "meta.k8s.io/v1"}
        if self._shape == "Table":
            row = {"cells": [], "object": {**body, "metadata": metadata}}
            body = {"kind": "Table", "apiVersion": "meta.k8s.io/v1", "columnDefinitions": None, "rows": [row]}
            metadata = {"resourceVersion": str(revision)}
        return frame("BOOKMARK", encode({**body, "metadata": metadata}))


def chunks(frames: Iterable[Frame | None]) -> Iterator[bytes]:
    """Frames gathered into pieces worth sending; None is passed over."""
    piece: list[bytes] = []
    size = 0
    for found in frames:
        if found is None:
            continue
        piece += found
        size += len(found[1])
        if size >= CHUNK:
            yield b"".join(piece)
            piece, size = [], 0
    if piece:
        yield b"".join(piece)
