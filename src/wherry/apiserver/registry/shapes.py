"""Objects in the forms a client may ask for instead of themselves: Table and PartialObjectMetadata.

Tables carry the columns `kubectl get` prints (`Strategy.columns`); their rows come with the object's
metadata, the whole object, or nothing, as `includeObject` says.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence

import msgspec

from wherry.api import errors
from wherry.api.schema import Obj
from wherry.apiserver.registry.core import Core
from wherry.apiserver.registry.entry import Entry, encode
from wherry.apiserver.registry.negotiation import Accept
from wherry.apiserver.registry.options import Query
from wherry.apiserver.registry.served import Served
from wherry.apiserver.registry.strategy import Column

_META = b"meta.k8s.io/v1"
_INCLUDES = ("None", "Metadata", "Object")


class _Head(msgspec.Struct, gc=False):
    metadata: msgspec.Raw


_head = msgspec.json.Decoder(_Head)

_PARTIAL = b'{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":%b}'

_NAME = (
    "Name must be unique within a namespace. Is required when creating resources, although some resources "
    "may allow a client to request the generation of an appropriate name automatically. Name is primarily "
    "intended for creation idempotence and configuration definition. Cannot be updated. More info: "
    "https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names"
)
_CREATED = (
    "CreationTimestamp is a timestamp representing the server time when this object was created. It is not "
    "guaranteed to be set in happens-before order across separate operations. Clients may not set this "
    "value. It is represented in RFC3339 form and is in UTC.\n\nPopulated by the system. Read-only. Null "
    "for lists. More info: "
    "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata"
)

DEFAULT_COLUMNS = (
    Column("Name", lambda obj, now: obj["metadata"].get("name", ""), format="name", description=_NAME),
    Column(
        "Created At",
        lambda obj, now: obj["metadata"].get("creationTimestamp", ""),
        type="date",
        description=_CREATED,
    ),
)


def partial(data: bytes) -> bytes:
    """PartialObjectMetadata of an encoded object."""
    return _PARTIAL % bytes(_head.decode(data).metadata)


def shaped(core: Core, served: Served, accept: Accept, body: bytes, query: Query) -> bytes:
    """One encoded object, in the shape asked for."""
    if accept.shape == "object":
        return body
    if accept.shape == "PartialObjectMetadata":
        return partial(body)
    obj: Obj = msgspec.json.decode(body)
    meta = encode({"resourceVersion": obj["metadata"].get("resourceVersion", "")})
    row = _row(served, obj, body, include(query), core.now())
    return _table(meta, columns(served), [row])


def shaped_list(
    core: Core, served: Served, accept: Accept, entries: Sequence[Entry], meta: bytes, query: Query
) -> bytes:
    """Encoded objects, as a Table or a PartialObjectMetadataList."""
    if accept.shape == "PartialObjectMetadata":
        items = b",".join(partial(entry.data) for entry in entries)
        head = b'{"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/v1","metadata":'
        return b"".join((head, meta, b',"items":[', items, b"]}"))
    included, now = include(query), core.now()
    rows = [_row(served, served.decode(entry), served.render(entry), included, now) for entry in entries]
    return _table(meta, columns(served), rows)


def table_event(core: Core, served: Served, entry: Entry, included: str, *, first: bool) -> bytes:
    """A watch event's object as a Table of one row; only the first of a watch defines columns."""
    obj = served.decode(entry)
    row = _row(served, obj, served.render(entry), included, core.now())
    meta = encode({"resourceVersion": str(entry.revision)})
    return _table(meta, columns(served) if first else (), [row])


def include(query: Query) -> str:
    asked = query.get("includeObject", "") or "Metadata"
    if asked not in _INCLUDES:
        raise errors.bad_request(f"unrecognized includeObject value: {asked!r}")
    return asked


def columns(served: Served) -> Sequence[Column]:
    return served.strategy.columns or DEFAULT_COLUMNS


def _row(served: Served, obj: Obj, body: bytes, included: str, now: float) -> bytes:
    cells = encode([column.value(obj, now) for column in columns(served)])
    if included == "None":
        return b'{"cells":%b,"object":null}' % cells
    return b'{"cells":%b,"object":%b}' % (cells, body if included == "Object" else partial(body))


def _table(meta: bytes, defined: Sequence[Column], rows: Iterable[bytes]) -> bytes:
    listed = b",".join(rows)
    return b'{"kind":"Table","apiVersion":"%b","metadata":%b,"columnDefinitions":%b,"rows":%b}' % (
        _META,
        meta,
        _definitions(tuple(defined)) if defined else b"null",
        b"null" if not listed and defined is DEFAULT_COLUMNS else b"[%b]" % listed,
    )


@functools.cache
def _definitions(defined: tuple[Column, ...]) -> bytes:
    return encode(
        [
            {
                "name": column.name,
                "type": column.type,
                "format": column.format,
                "description": column.description,
                "priority": column.priority,
            }
            for column in defined
        ]
    )
