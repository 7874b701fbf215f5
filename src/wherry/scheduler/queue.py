"""Pods that wait for a node: ready now, backing off, or unschedulable until something changes.

    add ----------> active --pop--> (a decision) --place found--> gone
                      ^                  |
       backoff over   |                  | no place            an error
    backoff ----------+                  v                        |
      ^ ^                           unschedulable                 |
      | +-- an event that may help -----+                         |
      +-----------------------------------------------------------+

Order: priority, then the time a pod became ready (PrioritySort). Backoff doubles from 1 s to 10 s with
each attempt; when nothing is active, pods backing off for lack of a place are tried early (upstream's
SchedulerPopFromBackoffQ), those backing off from an error are not. Five minutes without a helping event
and a pod is tried anyway. Time is the event loop's.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from wherry.scheduler.asks import Ask

if TYPE_CHECKING:  # numpy stays off the path of who only needs the queue
    from wherry.scheduler.framework import Verdict

Place: TypeAlias = Literal["active", "backoff", "unschedulable", "out"]


@dataclass(slots=True, eq=False)
class Pending:
    """A pod in the queue. `verdict` says why its last attempt found no place."""

    key: str
    uid: str
    pod: Any
    priority: int
    attempts: int = 0
    place: Place = "out"
    since: float = 0.0
    failed_at: float = 0.0
    after_error: bool = False
    ask: Ask | None = None
    verdict: Verdict | None = None
    ticket: int = 0


Alike: TypeAlias = tuple[Ask | None, frozenset[str]]
_Entry: TypeAlias = tuple[float, float, int, Pending]


class Queue:
    """One consumer (`pop`); everything else is called from the same loop.

    The heaps may hold stale entries: an entry counts only while its ticket is the pod's.
    """

    def __init__(
        self, *, initial_backoff: float = 1.0, max_backoff: float = 10.0, longest_wait: float = 300.0
    ) -> None:
        self._initial_backoff = initial_backoff
        self._max_backoff = max_backoff
        self._longest_wait = longest_wait
        self._pods: dict[str, Pending] = {}
        self._active: list[_Entry] = []
        self._backoff: list[_Entry] = []
        self._errors: list[_Entry] = []
        self._unschedulable: dict[str, Pending] = {}
        self._alike: dict[Alike, dict[str, Pending]] = {}
        self._tickets = 0
        self._wake = asyncio.Event()

    def __len__(self) -> int:
        return len(self._pods)

    def get(self, key: str) -> Pending | None:
        return self._pods.get(key)

    def counts(self) -> dict[Place, int]:
        found: dict[Place, int] = {"active": 0, "backoff": 0, "unschedulable": 0, "out": 0}
        for pending in self._pods.values():
            found[pending.place] += 1
        return found

    def add(self, pod: Any, key: str, priority: int) -> None:
        """A new pod, or a new object of one that waits: what the pod itself changed is worth a try."""
        known = self._pods.get(key)
        if known is not None and known.uid == pod.metadata.uid:
            known.pod = pod
            known.priority = priority
            if known.place == "unschedulable":
                self._ready(known)
            return
        self.delete(key)
        pending = self._pods[key] = Pending(key, pod.metadata.uid, pod, priority)
        self._activate(pending)

    def refresh(self, pod: Any, key: str) -> bool:
        """A newer object that changes nothing about placing. False when the pod is not here."""
        known = self._pods.get(key)
        if known is None or known.uid != pod.metadata.uid:
            return False
        known.pod = pod
        return True

    def delete(self, key: str) -> None:
        pending = self._pods.pop(key, None)
        if pending is not None:
            self._leave(pending)

    async def pop(self) -> Pending:
        """The next pod to place; it stays known (`get`) until `delete`, or is put back."""
        while True:
            pending = self.pop_nowait()
            if pending is not None:
                return pending
            self._wake.clear()
            try:
                async with asyncio.timeout_at(self._next_due()):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def pop_nowait(self) -> Pending | None:
        self._flush(_now())
        pending = _take(self._active) or _take(self._backoff)
        if pending is not None:
            self._leave(pending)
            pending.attempts += 1
        return pending

    def reject(self, pending: Pending, verdict: Verdict) -> None:
        """No place was found: wait for an event that may help one of the plugins."""
        if self._pods.get(pending.key) is not pending:
            return
        pending.verdict = verdict
        pending.after_error = False
        pending.place = "unschedulable"
        pending.since = pending.failed_at = _now()
        self._unschedulable[pending.key] = pending
        self._alike.setdefault(_alike(pending), {})[pending.key] = pending
        self._wake.set()

    def fail(self, pending: Pending) -> None:
        """Something broke on the way (binding refused, say): try again after the backoff."""
        known = self._pods.get(pending.key)
        if known is None:
            self._pods[pending.key] = pending
        elif known is not pending:
            return
        pending.after_error = True
        pending.failed_at = _now()
        self._back_off(pending)

    def wake(self, helps: Callable[[Ask | None, frozenset[str]], bool]) -> int:
        """Moves the unschedulable pods that an event may help, judged by what they ask and which
        plugins refused them; returns how many."""
        alike = [group for (ask, plugins), group in self._alike.items() if helps(ask, plugins)]
        helped = [pending for group in alike for pending in group.values()]
        for pending in helped:
            self._ready(pending)
        return len(helped)

    # -- inside -----------------------------------------------------------------------------------
    def _ready(self, pending: Pending) -> None:
        """To active when its backoff is over, else to backoff."""
        self._leave(pending)
        if _now() >= pending.failed_at + self._backoff_of(pending):
            self._activate(pending)
        else:
            self._back_off(pending)

    def _activate(self, pending: Pending) -> None:
        now = _now()
        pending.place, pending.since, pending.ticket = "active", now, self._ticket()
        heapq.heappush(self._active, (-pending.priority, now, pending.ticket, pending))
        self._wake.set()

    def _back_off(self, pending: Pending) -> None:
        due = pending.failed_at + self._backoff_of(pending)
        pending.place, pending.ticket = "backoff", self._ticket()
        heap = self._errors if pending.after_error else self._backoff
        heapq.heappush(heap, (due, -pending.priority, pending.ticket, pending))
        self._wake.set()

    def _backoff_of(self, pending: Pending) -> float:
        if not pending.attempts:
            return 0.0
        return min(self._initial_backoff * 2.0 ** min(pending.attempts - 1, 32), self._max_backoff)

    def _leave(self, pending: Pending) -> None:
        if self._unschedulable.pop(pending.key, None) is not None:
            group = self._alike[_alike(pending)]
            del group[pending.key]
            if not group:
                del self._alike[_alike(pending)]
        pending.place, pending.ticket = "out", 0

    def _ticket(self) -> int:
        self._tickets += 1
        return self._tickets

    def _flush(self, now: float) -> None:
        for heap in (self._backoff, self._errors):
            while heap and (heap[0][0] <= now or _stale(heap[0])):
                entry = heapq.heappop(heap)
                if not _stale(entry):
                    self._activate(entry[3])
        # Insertion order is the order of `since`: the oldest stand first.
        for pending in list(self._unschedulable.values()):
            if pending.since + self._longest_wait > now:
                break
            self._ready(pending)

    def _next_due(self) -> float | None:
        due = [heap[0][0] for heap in (self._backoff, self._errors) if heap]
        oldest = next(iter(self._unschedulable.values()), None)
        if oldest is not None:
            due.append(oldest.since + self._longest_wait)
        return min(due, default=None)


def _alike(pending: Pending) -> Alike:
    plugins = pending.verdict.plugins if pending.verdict is not None else frozenset[str]()
    return pending.ask, plugins


def _now() -> float:
    return asyncio.get_running_loop().time()


def _stale(entry: _Entry) -> bool:
    return entry[3].ticket != entry[2]


def _take(heap: list[_Entry]) -> Pending | None:
    while heap:
        entry = heapq.heappop(heap)
        if not _stale(entry):
            return entry[3]
    return None
