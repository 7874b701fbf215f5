"""The types responses are decoded into: an object, a list of them, a watch event, per resource.

Built-in kinds become Structs (`wherry.api.schema`), others plain dicts. Asked for metadata only, any
kind becomes `PartialObjectMetadata`, with the real kind and apiVersion in it.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple, TypeAlias

import msgspec

from wherry.api import schema
from wherry.api.errors import ApiError
from wherry.api.scheme import Resource
from wherry.client.objects import set_type


class ObjectList(NamedTuple):
    items: list[Any]
    resource_version: str
    continue_: str
    remaining: int


class WatchEvent(NamedTuple):
    """`type` is ADDED, MODIFIED, DELETED or BOOKMARK (its object has a resourceVersion only)."""

    type: str
    object: Any


class Shape(NamedTuple):
    object: Any
    list: Any


class _ListMeta(msgspec.Struct, frozen=True, gc=False):
    resourceVersion: str | None = None
    continue_: str | None = msgspec.field(default=None, name="continue")
    remainingItemCount: int | None = None


class _Event(msgspec.Struct, frozen=True):
    type: str
    object: msgspec.Raw


class _TypeMeta(msgspec.Struct, frozen=True):
    apiVersion: str | None = None
    kind: str | None = None


_Plain: TypeAlias = dict[str, Any]


@functools.cache
def _partial_metadata() -> Any:
    meta = schema.struct_named("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta")
    return msgspec.defstruct(
        "PartialObjectMetadata",
        [
            ("apiVersion", str | None, None),
            ("kind", str | None, None),
            ("metadata", meta, msgspec.field(default_factory=meta)),
        ],
        frozen=True,
        omit_defaults=True,
        gc=False,
    )


@functools.cache
def shape(api_version: str, kind: str, metadata_only: bool = False) -> Shape:
    item: Any = _Plain
    if metadata_only:
        item = _partial_metadata()
    elif schema.definition_name(api_version, kind) is not None:
        item = schema.struct_type(api_version, kind)
    fields: list[Any] = [
        ("items", list[item] | None, None),
        ("metadata", _ListMeta, msgspec.field(default_factory=_ListMeta)),
    ]
    return Shape(item, msgspec.defstruct(f"{kind}List", fields, frozen=True))


def decode_object(data: bytes, res: Resource, metadata_only: bool = False) -> Any:
    obj = schema.decode(shape(res.api_version, res.kind, metadata_only).object, data)
    set_type(obj, res.api_version, res.kind)
    return obj


def decode_answer(data: bytes) -> Any:
    """What a subresource answers (a Scale, a Status, a TokenRequest ...) says itself what it is."""
    head = schema.decode(_TypeMeta, data)
    return schema.decode(shape(head.apiVersion or "", head.kind or "").object, data)


def decode_list(data: bytes, res: Resource, metadata_only: bool = False) -> ObjectList:
    envelope = schema.decode(shape(res.api_version, res.kind, metadata_only).list, data)
    items: list[Any] = envelope.items or []
    for item in items:
        set_type(item, res.api_version, res.kind)
    meta = envelope.metadata
    return ObjectList(items, meta.resourceVersion or "", meta.continue_ or "", meta.remainingItemCount or 0)


def decode_event(line: bytes, res: Resource, metadata_only: bool = False) -> WatchEvent:
    """One line of a watch. Raises the ApiError that an ERROR event carries."""
    event = schema.decode(_Event, line)
    if event.type == "ERROR":
        status: dict[str, Any] = msgspec.json.decode(event.object)
        raise ApiError.from_status(status, 500)
    return WatchEvent(event.type, decode_object(bytes(event.object), res, metadata_only))
