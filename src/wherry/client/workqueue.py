"""Keys waiting to be reconciled: each at most once, in the order they came, by one worker at a time.

    add("a")  add("a")  add("b")      waiting: a b
    get() -> a                        waiting: b        at work: a
    add("a")                          waiting: b        at work: a (again)
    done("a")                         waiting: b a

`add_after` puts a key in later (the earliest wish wins), `add_rate_limited` after a time that doubles
with each failure of that key (5 ms to 1000 s) until `forget`. Semantics of client-go's workqueue. A
queue is as long as there are objects, so it needs no bound of its own. Time is the event loop's.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections.abc import Awaitable, Callable

from wherry.api.errors import ApiError

BASE_DELAY = 0.005
MAX_DELAY = 1000.0

log = logging.getLogger("wherry.client")


class QueueClosed(Exception):
    """Nothing more comes out of the queue."""


class WorkQueue:
    def __init__(self) -> None:
        self._ready: asyncio.Queue[str | None] = asyncio.Queue()
        self._dirty: dict[str, None] = {}
        self._working: set[str] = set()
        self._closed = False
        self._failures: dict[str, int] = {}
        self._due: dict[str, float] = {}
        self._heap: list[tuple[float, int, str]] = []
        self._sequence = 0
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        """Keys ready to be taken."""
        return self._ready.qsize()

    def add(self, key: str) -> None:
        if self._closed or key in self._dirty:
            return
        self._dirty[key] = None
        if key not in self._working:
            self._ready.put_nowait(key)

    def add_after(self, key: str, seconds: float) -> None:
        if seconds <= 0:
            self.add(key)
            return
        if self._closed:
            return
        when = asyncio.get_running_loop().time() + seconds
        if self._due.get(key, when + 1.0) <= when:
            return
        self._due[key] = when
        self._sequence += 1
        heapq.heappush(self._heap, (when, self._sequence, key))
        if self._heap[0][2] == key:
            self._arm()

    def add_rate_limited(self, key: str) -> None:
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        self.add_after(key, min(MAX_DELAY, BASE_DELAY * 2 ** min(failures, 30)))

    def forget(self, key: str) -> None:
        self._failures.pop(key, None)

    def retries(self, key: str) -> int:
        return self._failures.get(key, 0)

    async def get(self) -> str:
        """Raises QueueClosed. Whoever got a key says `done` when through with it."""
        key = await self._ready.get()
        if key is None:
            self._ready.put_nowait(None)
            raise QueueClosed
        del self._dirty[key]
        self._working.add(key)
        return key

    def done(self, key: str) -> None:
        self._working.discard(key)
        if key in self._dirty:
            self._ready.put_nowait(key)

    def close(self) -> None:
        """What is ready is still handed out; what is delayed is dropped, and so is what comes later."""
        if not self._closed:
            self._closed = True
            self._heap.clear()
            self._due.clear()
            self._arm()
            self._ready.put_nowait(None)

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._heap:
            self._timer = asyncio.get_running_loop().call_at(self._heap[0][0], self._fire, self._heap[0][0])

    def _fire(self, instant: float) -> None:
        """Entries that an earlier wish overtook are in the heap still, and skipped. The loop may be a
        hair early, so the instant it was set for counts too."""
        self._timer = None
        now = max(instant, asyncio.get_running_loop().time())
        while self._heap and self._heap[0][0] <= now:
            when, _, key = heapq.heappop(self._heap)
            if self._due.get(key) == when:
                del self._due[key]
                self.add(key)
        self._arm()


async def run_workers(
    queue: WorkQueue,
    reconcile: Callable[[str], Awaitable[float | None]],
    workers: int = 1,
    *,
    name: str = "",
) -> None:
    """Calls `reconcile(key)` for what comes out of the queue, until it is closed or this is cancelled.
    It returns the seconds after which to come back, or None; when it raises, the key comes back by its
    rate limit."""

    async def work() -> None:
        while True:
            try:
                key = await queue.get()
            except QueueClosed:
                return
            try:
                await _reconcile(queue, reconcile, key, name)
            finally:
                queue.done(key)

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(work())


async def _reconcile(
    queue: WorkQueue, reconcile: Callable[[str], Awaitable[float | None]], key: str, name: str
) -> None:
    try:
        again = await reconcile(key)
    except (ApiError, OSError) as error:
        expected = isinstance(error, ApiError) and error.reason == "Conflict"
        level = logging.DEBUG if expected else logging.WARNING
        log.log(level, 'error syncing "%s": %s controller="%s"', key, error, name)
        queue.add_rate_limited(key)
    except Exception:
        log.exception('bug while syncing "%s" controller="%s"', key, name)
        queue.add_rate_limited(key)
    else:
        queue.forget(key)
        if again is not None:
            queue.add_after(key, again)
