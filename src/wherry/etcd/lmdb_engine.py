"""The engine on disk: LMDB, a B+tree with copy-on-write pages, so a torn write cannot be seen.

Two trees: `log` holds a record under its position (12 bytes, big-endian), `numbers` holds the compacted
revision, the format and the leases. Records are only ever appended and dropped, never changed.
A commit writes the pages, syncs, writes the root and syncs again; a process or machine that dies finds
the state of the last commit. `size` bounds what is stored; the map is larger by a headroom, because in a
copy-on-write tree deleting needs room too.

One process at a time: a lock on the folder sees to it. `write` is called by one thread, the rest from
any: LMDB's readers see a snapshot and wait for nobody.
"""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import lmdb

from wherry.etcd.engine import Change, Found, size_of
from wherry.etcd.keyindex import REVISION_SHIFT
from wherry.etcd.types import KeyValue, StoreFailed, StoreFull

HEADER = struct.Struct(">QQQI")
"""Create revision, version, lease, length of the key; the key and the value follow."""

POSITION_BYTES = 12
FORMAT = b"wherry-1"
PAGE = 4096
HEADROOM = 8 << 20
"""What a commit may need beside the records in it: copies of pages, and the list of free ones."""


class LmdbEngine:
    blocking = True

    def __init__(self, folder: Path, size: int) -> None:
        """Raises StoreFailed when the folder cannot be used."""
        self.full = False
        self._limit = size
        self._lock = _lock(folder)
        try:
            self._env: Any = lmdb.open(
                str(folder),
                map_size=(size + max(size // 4, HEADROOM)) // PAGE * PAGE,
                max_dbs=2,
                mode=0o600,
                meminit=False,
                max_readers=64,
            )
            self._log = self._env.open_db(b"log")
            self._numbers = self._env.open_db(b"numbers")
            written = self._format()
        except lmdb.Error as error:
            os.close(self._lock)
            raise StoreFailed(f"cannot open the store in {folder}: {error}") from error
        if written != FORMAT:
            self.close()
            known = FORMAT.decode()
            raise StoreFailed(f"the store has format {written.decode(errors='replace')}, not {known}")

    def recover(self) -> Iterator[Found]:
        with self._env.begin(db=self._log, buffers=True) as txn:
            for key, record in txn.cursor():
                _, _, lease, length = HEADER.unpack_from(record)
                name = bytes(record[HEADER.size : HEADER.size + length])
                yield Found(int.from_bytes(key, "big"), name, lease, len(record))

    def numbers(self) -> tuple[int, dict[int, float]]:
        compacted, leases = 0, {}
        with self._env.begin(db=self._numbers) as txn:
            for key, value in txn.cursor():
                if key == b"compacted":
                    compacted = int.from_bytes(value, "big")
                elif key.startswith(b"lease/"):
                    leases[int.from_bytes(key[6:], "big")] = struct.unpack(">d", value)[0]
        return compacted, leases

    def get(self, position: int) -> KeyValue:
        with self._env.begin(db=self._log) as txn:
            return _decoded(position, txn.get(position.to_bytes(POSITION_BYTES, "big")))

    def get_many(self, positions: Iterable[int]) -> list[KeyValue]:
        with self._env.begin(db=self._log) as txn:
            get = txn.get
            return [_decoded(each, get(each.to_bytes(POSITION_BYTES, "big"))) for each in positions]

    def scan(self, start: int, stop: int) -> Generator[tuple[int, KeyValue], None, None]:
        with self._env.begin(db=self._log) as txn, txn.cursor() as cursor:
            found = cursor.set_range(start.to_bytes(POSITION_BYTES, "big"))
            while found:
                position = int.from_bytes(cursor.key(), "big")
                if position >= stop:
                    return
                yield position, _decoded(position, cursor.value())
                found = cursor.next()

    def write(self, changes: Sequence[Change]) -> None:
        try:
            with self._env.begin(write=True, db=self._log) as txn:
                for change in changes:
                    for position, kv in change.puts:
                        if not txn.put(position.to_bytes(POSITION_BYTES, "big"), _encoded(kv), append=True):
                            raise StoreFailed(f"the store has records from position {position} on already")
                    for position in change.drops:
                        txn.delete(position.to_bytes(POSITION_BYTES, "big"))
                    if change.leases or change.compacted:
                        self._write_numbers(txn, change)
                used = _pages(txn.stat(self._log)) + _pages(txn.stat(self._numbers))
        except (lmdb.MapFullError, lmdb.DiskError, lmdb.TxnFullError) as error:
            raise StoreFull(f"etcdserver: mvcc: database space exceeded: {error}") from error
        except lmdb.Error as error:
            # A write that the disk took only in part is an input/output error to LMDB.
            if self._disk_is_full(changes):
                raise StoreFull(f"etcdserver: no space left on the disk of the store: {error}") from error
            raise StoreFailed(f"cannot write to the store: {error}") from error
        self.full = used * PAGE > self._limit

    def _disk_is_full(self, changes: Sequence[Change]) -> bool:
        disk = os.fstatvfs(self._lock)
        wanted = sum(size_of(kv) for change in changes for _, kv in change.puts)
        return disk.f_bavail * disk.f_frsize < wanted + HEADROOM

    def close(self) -> None:
        self._env.close()
        os.close(self._lock)

    def _write_numbers(self, txn: Any, change: Change) -> None:
        if change.compacted:
            txn.put(b"compacted", change.compacted.to_bytes(8, "big"), db=self._numbers)
        for lease, ttl in change.leases.items():
            key = b"lease/" + lease.to_bytes(8, "big")
            if ttl is None:
                txn.delete(key, db=self._numbers)
            else:
                txn.put(key, struct.pack(">d", ttl), db=self._numbers)

    def _format(self) -> bytes:
        """What the store was written with; written now if it is new."""
        with self._env.begin(write=True, db=self._numbers) as txn:
            found: bytes | None = txn.get(b"format")
            if found is None:
                txn.put(b"format", FORMAT)
            return FORMAT if found is None else found


def _lock(folder: Path) -> int:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(folder / "owner.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreFailed(f"cannot use {folder} for the store: {error.strerror}") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise StoreFailed(f"the store in {folder} is in use by another process") from error
    return handle


def _encoded(kv: KeyValue) -> bytes:
    return HEADER.pack(kv.create_revision, kv.version, kv.lease, len(kv.key)) + kv.key + kv.value


def _decoded(position: int, record: bytes) -> KeyValue:
    created, version, lease, length = HEADER.unpack_from(record)
    value_at = HEADER.size + length
    key = record[HEADER.size : value_at]
    return KeyValue(key, record[value_at:], created, position >> REVISION_SHIFT, version, lease)


def _pages(stat: dict[str, int]) -> int:
    return stat["branch_pages"] + stat["leaf_pages"] + stat["overflow_pages"]
