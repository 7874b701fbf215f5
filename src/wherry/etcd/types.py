"""The narrow waist between the API server and whatever stores its objects.

Memory engine, LMDB engine and (later) a real etcd behind gRPC implement `Store`; the API server
sees nothing else. The model is etcd v3's: one revision counter, a key's value at a revision, watches
from any revision that is not compacted, leases. A write that returned is durable.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Literal, NamedTuple, Protocol, TypeAlias


class KeyValue(NamedTuple):
    key: bytes
    value: bytes
    create_revision: int
    mod_revision: int
    version: int
    """1 for a key just created, + 1 for every change."""
    lease: int = 0


class Event(NamedTuple):
    """A put has `kv`; a delete has `kv` with an empty value and the revision of the deletion. `prev`
    is the key's state before, None when it did not exist or history no longer has it."""

    type: Literal["put", "delete"]
    kv: KeyValue
    prev: KeyValue | None


class RangeResult(NamedTuple):
    kvs: list[KeyValue]
    more: bool
    total: int
    """How many keys the range holds, whatever `limit` was."""
    revision: int
    """The store's revision when it was read."""


class Compare(NamedTuple):
    """`target` `op` `value`; a missing key has revision and version 0."""

    key: bytes
    target: Literal["mod", "create", "version", "value", "lease"]
    op: Literal["=", "!=", "<", ">"]
    value: int | bytes


class Put(NamedTuple):
    key: bytes
    value: bytes
    lease: int = 0


class Delete(NamedTuple):
    key: bytes
    end: bytes | None = None


class Range(NamedTuple):
    """`end` None is the one key; b"\\0" is to the end of the key space."""

    key: bytes
    end: bytes | None = None
    limit: int = 0
    revision: int = 0
    keys_only: bool = False
    count_only: bool = False


Op: TypeAlias = Put | Delete | Range


class PutResult(NamedTuple):
    prev: KeyValue | None


class DeleteResult(NamedTuple):
    prev: list[KeyValue]


OpResult: TypeAlias = PutResult | DeleteResult | RangeResult


class TxnResult(NamedTuple):
    succeeded: bool
    revision: int
    """The store's revision after it: that of the writes, if there were any."""
    results: list[OpResult]


class Compacted(Exception):
    """The revision asked for is older than the history kept."""

    def __init__(self, compact_revision: int) -> None:
        super().__init__("etcdserver: mvcc: required revision has been compacted")
        self.compact_revision = compact_revision


class FutureRevision(Exception):
    """The revision asked for has not happened."""


class StoreFull(Exception):
    """No room left on disk or in the quota; nothing was written."""


class StoreFailed(Exception):
    """The store cannot be read or written at all (a broken disk, a lost remote)."""


class Batch(NamedTuple):
    """Events in revision order, complete up to and including `revision`. Without events it is a
    progress mark."""

    events: list[Event]
    revision: int


class Watch(Protocol):
    """An async iterator of batches. Raises `Compacted` when it starts too far back or fell behind what
    history keeps. A slow reader costs bounded memory: it is served from history, not from a queue.
    `close` ends it; iteration then stops."""

    def __aiter__(self) -> AsyncIterator[Batch]: ...
    async def __anext__(self) -> Batch: ...
    def close(self) -> None: ...


class Store(Protocol):
    @property
    def revision(self) -> int:
        """Of the last write. A new store starts at 1."""

    @property
    def compacted(self) -> int: ...

    async def range(self, request: Range) -> RangeResult:
        """Raises Compacted, FutureRevision."""

    async def txn(
        self, compares: Sequence[Compare], success: Sequence[Op], failure: Sequence[Op] = ()
    ) -> TxnResult:
        """All of `success` when every compare holds, else all of `failure`; one revision for all
        writes in it. Returns when the writes are on disk. Raises StoreFull, StoreFailed."""

    def watch(self, key: bytes, end: bytes | None, *, revision: int = 0) -> Watch:
        """Events of a key or range from `revision` on (0: from now)."""

    async def compact(self, revision: int) -> None:
        """Forget what only revisions before `revision` need. Raises Compacted, FutureRevision."""

    async def lease_grant(self, ttl: float, lease: int = 0) -> int:
        """Keys put under the lease go away `ttl` seconds after the last keep-alive."""

    async def lease_keep_alive(self, lease: int) -> float:
        """The new time to live; KeyError when the lease is gone."""

    async def lease_revoke(self, lease: int) -> None: ...

    async def close(self) -> None: ...
