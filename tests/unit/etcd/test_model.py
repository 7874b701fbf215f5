"""Random transactions, ranges, watches, compactions and restarts against the model."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wherry.component import Env
from wherry.etcd.open import open_store
from wherry.etcd.store import MvccStore
from wherry.etcd.types import Compacted, Compare, Delete, Event, Op, Put, Range

from .model import Model

KEYS = st.sampled_from([b"a", b"a/1", b"a/2", b"b", b"b/1", b"c"])
ENDS = st.sampled_from([None, None, b"\0", b"a0", b"b", b"z"])
VALUES = st.sampled_from([b"", b"1", b"2"])
COMPARES = st.builds(
    Compare,
    KEYS,
    st.sampled_from(["mod", "create", "version"]),
    st.sampled_from(["=", "!=", "<", ">"]),
    st.integers(0, 6),
) | st.builds(Compare, KEYS, st.just("value"), st.sampled_from(["=", "!=", "<", ">"]), VALUES)


def distinct(puts: list[Put], delete: Delete | None) -> list[Op]:
    ops: dict[bytes, Op] = {put.key: put for put in puts}
    if delete is not None:
        ops = {key: op for key, op in ops.items() if key < delete.key}
        return [*ops.values(), delete] if delete.end is None or delete.end == b"\0" else [delete]
    return list(ops.values())


OPS = st.builds(
    distinct,
    st.lists(st.builds(Put, KEYS, VALUES, st.just(0)), max_size=3),
    st.none() | st.builds(Delete, KEYS, ENDS),
)
STEPS = st.lists(
    st.tuples(st.just("txn"), st.lists(COMPARES, max_size=2), OPS, OPS)
    | st.tuples(st.just("burst"), st.lists(OPS, max_size=4))
    | st.tuples(st.just("range"), KEYS, ENDS, st.integers(0, 3), st.integers(0, 20))
    | st.tuples(st.just("watch"), KEYS, ENDS, st.integers(1, 20))
    | st.tuples(st.just("compact"), st.integers(1, 20))
    | st.tuples(st.just("reopen")),
    max_size=25,
)


class Run:
    """One run of steps on a store and the model together."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self.store: MvccStore = open_store(folder, Env())
        self.model = Model()

    async def txn(self, compares: list[Compare], success: list[Op], failure: list[Op]) -> None:
        result = await self.store.txn(compares, success, failure)
        assert result.succeeded == self.model.txn(compares, success, failure)
        assert result.revision == self.model.revision

    async def burst(self, transactions: list[list[Op]]) -> None:
        results = await asyncio.gather(*(self.store.txn([], ops) for ops in transactions))
        for ops, result in zip(transactions, results, strict=True):
            self.model.txn([], ops, [])
            assert result.revision == self.model.revision

    async def range(self, key: bytes, end: bytes | None, limit: int, revision: int) -> None:
        request = Range(key, end, limit, min(revision, self.model.revision))
        if 0 < request.revision < self.model.compacted:
            with pytest.raises(Compacted):
                await self.store.range(request)
        else:
            assert await self.store.range(request) == self.model.range(request)

    async def watch(self, key: bytes, end: bytes | None, revision: int) -> None:
        watch = self.store.watch(key, end, revision=revision)
        if revision < self.model.compacted:
            with pytest.raises(Compacted):
                await anext(watch)
            return
        expected = self.model.watch(key, end, revision)
        found: list[Event] = []
        while len(found) < len(expected):
            found += (await anext(watch)).events
        assert found == expected
        watch.close()

    async def compact(self, revision: int) -> None:
        revision = min(revision, self.model.revision)
        if revision <= self.model.compacted:
            with pytest.raises(Compacted):
                await self.store.compact(revision)
        else:
            await self.store.compact(revision)
            self.model.compacted = revision

    async def reopen(self) -> None:
        if self.folder is not None:
            await self.store.close()
            self.store = open_store(self.folder, Env())

    async def all(self, steps: list[tuple[Any, ...]]) -> None:
        for name, *arguments in steps:
            await getattr(self, name)(*arguments)
            assert self.store.revision == self.model.revision
            assert self.store.compacted == self.model.compacted
        await self.range(b"\0", b"\0", 0, 0)
        await self.watch(b"\0", b"\0", max(1, self.model.compacted))
        records = sum(1 for _ in self.store._engine.scan(0, 1 << 96))
        await self.store.close()
        assert records == self.kept()

    def kept(self) -> int:
        """How many records a store compacted so holds: what is alive, and history since."""
        model = self.model
        states = model.states[max(1, model.compacted) :]
        living = {(kv.key, kv.mod_revision) for state in states for kv in state.values()}
        deletions = {
            (event.kv.key, event.kv.mod_revision)
            for event in model.events
            if event.type == "delete" and event.kv.mod_revision >= model.compacted
        }
        return len(living | deletions)


@given(STEPS)
def test_memory_does_what_the_model_does(steps: list[tuple[Any, ...]]) -> None:
    asyncio.run(Run(None).all(steps))


@settings(max_examples=40)
@given(STEPS)
def test_lmdb_does_what_the_model_does(steps: list[tuple[Any, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(Run(Path(folder)).all(steps))
