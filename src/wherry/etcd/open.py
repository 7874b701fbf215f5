"""Where a store comes from."""

from __future__ import annotations

from pathlib import Path

from wherry.component import Env
from wherry.etcd.memory import MemoryEngine
from wherry.etcd.retention import Retention
from wherry.etcd.store import MvccStore

DEFAULT_SIZE = 8 << 30
"""etcd's suggested maximum for --quota-backend-bytes."""


def open_store(
    path: Path | None, env: Env, *, size: int = DEFAULT_SIZE, retention: Retention | None = None
) -> MvccStore:
    """The store in the folder `path`, made if it is not there; in memory when `path` is None. It holds
    at most `size` bytes. Raises StoreFailed when the folder cannot be used or another process has it."""
    if path is None:
        return MvccStore(MemoryEngine(size), env, retention or Retention())
    from wherry.etcd.lmdb_engine import LmdbEngine  # Not loaded where all is in memory.

    return MvccStore(LmdbEngine(path, size), env, retention or Retention())
