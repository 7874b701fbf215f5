"""The three ways into the store: create, replace, remove, each conditional on what was read.

A write that lost the race comes back as `Moved` with what is there now; the verbs decide whether to try
again. Store failures become refusals here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence

from wherry.api import errors
from wherry.api.errors import ApiError
from wherry.api.schema import Obj
from wherry.apiserver.registry.core import Call, Core
from wherry.apiserver.registry.entry import Entry
from wherry.apiserver.registry.served import Served
from wherry.etcd.types import (
    Compare,
    Delete,
    KeyValue,
    Op,
    Put,
    Range,
    RangeResult,
    StoreFailed,
    StoreFull,
    TxnResult,
)


class Moved(Exception):
    """Another write came first. `current` is what is there now, None when nothing is."""

    def __init__(self, current: KeyValue | None) -> None:
        super().__init__("changed meanwhile")
        self.current = current


async def create(core: Core, call: Call, name: str, obj: Obj) -> Entry:
    """Writes a new object; AlreadyExists when its name is taken."""
    served = call.served
    key = served.key(call.namespace, name)
    value = served.stored_value(obj)
    lease = await core.leases.lease(served.resource.name)
    result = await _txn(core, [Compare(key, "mod", "=", 0)], [Put(key, value, lease)])
    if not result.succeeded:
        raise served.already_exists(name)
    return served.entry(call.namespace, name, result.revision, value)


async def replace(core: Core, served: Served, entry: Entry, obj: Obj) -> Entry:
    """Writes over the state that was read; Moved when it is not there any more."""
    key = served.cache.layout.prefix + entry.key.encode()
    value = served.stored_value(obj)
    lease = await core.leases.lease(served.resource.name)
    result = await _txn(
        core, [Compare(key, "mod", "=", entry.revision)], [Put(key, value, lease)], [Range(key)]
    )
    if not result.succeeded:
        raise Moved(_first(result))
    return served.cache.entry(entry.key, result.revision, value)


async def remove(core: Core, served: Served, entry: Entry) -> Entry:
    """Deletes the state that was read; returns it with the deletion's revision."""
    key = served.cache.layout.prefix + entry.key.encode()
    result = await _txn(core, [Compare(key, "mod", "=", entry.revision)], [Delete(key)], [Range(key)])
    if not result.succeeded:
        raise Moved(_first(result))
    return entry.at(result.revision, len(served.cache.layout.head))


def _first(result: TxnResult) -> KeyValue | None:
    found = result.results[0] if result.results else None
    return found.kvs[0] if isinstance(found, RangeResult) and found.kvs else None


async def _txn(
    core: Core, compares: Sequence[Compare], success: Sequence[Op], failure: Sequence[Op] = ()
) -> TxnResult:
    try:
        result = await core.store.txn(compares, success, failure)
    except StoreFull as error:
        raise errors.unavailable("etcdserver: mvcc: database space exceeded") from error
    except StoreFailed as error:
        raise store_failed(error) from error
    # Who wrote sees what was written, and a writer that never pauses lets the caches keep up.
    if result.succeeded and core.feed.revision < result.revision:
        await core.feed.reached(result.revision)
    return result


def store_failed(error: StoreFailed) -> ApiError:
    return errors.unavailable(f"the store cannot be reached: {error}")


def entry_of(served: Served, namespace: str, name: str, kv: KeyValue) -> Entry:
    return served.entry(namespace, name, kv.mod_revision, kv.value)
