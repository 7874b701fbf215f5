"""Group commit: transactions that wait for the disk share one sync.

The store applies a transaction in memory at once and hands it over here as a `Pending`; whoever is
ready when the disk is goes into one write of the engine, made by one thread. `settle` then runs in the
event loop with that group and the error, if any, in the order in which the transactions were added.

After an error the thread writes nothing more until `resume`: what was added meanwhile may rest on what
failed. The store takes it back and adds it anew.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from wherry.etcd.engine import Change
from wherry.etcd.versions import Applied

MAX_GROUP = 4096
MAX_GROUP_BYTES = 16 << 20


@dataclass(slots=True, eq=False)
class Pending:
    """What is applied and not yet durable. `work` applies it again when something it may rest on
    has failed."""

    work: Callable[[], Applied]
    applied: Applied
    done: asyncio.Future[None]


_RESUME: list[Pending] = []
"""Told from other (never empty) lists in the queue by identity."""


class GroupCommit:
    def __init__(
        self,
        write: Callable[[Sequence[Change]], None],
        settle: Callable[[list[Pending], Exception | None], None],
    ) -> None:
        self._write = write
        self._settle = settle
        self._gathered: list[Pending] = []
        self._queue: SimpleQueue[list[Pending] | None] = SimpleQueue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def add(self, pending: Pending) -> None:
        """Gathers all that is added in one turn of the event loop."""
        if not self._gathered:
            self._loop = asyncio.get_running_loop()
            self._loop.call_soon(self._hand_over)
        self._gathered.append(pending)

    def discard(self) -> None:
        """Forgets what was gathered and not handed over: it is about to be added anew."""
        self._gathered.clear()

    def resume(self) -> None:
        self._queue.put(_RESUME)

    def close(self) -> None:
        """Ends the thread; nothing may be pending."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None

    def _hand_over(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="wherry-commit", daemon=True)
            self._thread.start()
        if self._gathered:
            self._queue.put(self._gathered)
            self._gathered = []

    def _run(self) -> None:
        failed = False
        last = False
        while not last:
            group = self._queue.get()
            if group is None:
                return
            if group is _RESUME:
                failed = False
            elif not failed:
                last = self._join_waiting(group)
                failed = self._commit(group)

    def _join_waiting(self, group: list[Pending]) -> bool:
        """Adds to the group what waits in the queue; whether the end of the queue was among it."""
        size = sum(pending.applied.size for pending in group)
        while len(group) < MAX_GROUP and size < MAX_GROUP_BYTES:
            try:
                more = self._queue.get_nowait()
            except Empty:
                return False
            if more is None:
                return True
            group += more
            size += sum(pending.applied.size for pending in more)
        return False

    def _commit(self, group: list[Pending]) -> bool:
        error: Exception | None = None
        changes = [pending.applied.change for pending in group if pending.applied.change]
        try:
            if changes:
                self._write(changes)
        except Exception as raised:  # noqa: BLE001 - carried to the event loop, which raises it
            error = raised
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(self._settle, group, error)
        except RuntimeError:
            return True  # The loop was closed with transactions under way: nobody waits for them.
        return error is not None
