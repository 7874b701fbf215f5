"""The scheduler without its surroundings: told what happens, asked for decisions, all in one call each.

Informer events come in through `on_*`; `decide` places one pod and returns the effects that make it so.
No I/O and no waiting: the component (`scheduler.py`) brings events and carries effects out.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from wherry.scheduler import messages
from wherry.scheduler.asks import Ask
from wherry.scheduler.cache import Cache, finished, key_of, placed_pod, priority_of
from wherry.scheduler.counters import PlacedPod
from wherry.scheduler.cycle import Choice, Cycle
from wherry.scheduler.decisions import Bind, Effect, Evict, Report
from wherry.scheduler.framework import Verdict, View
from wherry.scheduler.hints import Change, may_help
from wherry.scheduler.nominations import Nominations
from wherry.scheduler.preemption import Outcome, Preemptor, preempt
from wherry.scheduler.queue import Pending, Queue
from wherry.scheduler.workloads import Workloads

Event: TypeAlias = Literal["added", "modified", "deleted"]


@dataclass(slots=True)
class Core:
    """`profiles` are the scheduler names answered to; `budgets` lists PodDisruptionBudgets."""

    queue: Queue
    workloads: Workloads
    rng: random.Random
    profiles: frozenset[str]
    budgets: Callable[[], Sequence[Any]] = tuple
    cache: Cache = field(default_factory=Cache)
    nominations: Nominations = field(default_factory=Nominations)
    cycle: Cycle = field(init=False)

    def __post_init__(self) -> None:
        self.cycle = Cycle(View(self.cache.nodes, self.cache.placed), self.rng)

    # -- what happens -----------------------------------------------------------------------------
    def on_node(self, event: Event, old: Any | None, new: Any | None) -> None:
        if event == "deleted" or new is None:
            if old is not None:
                self.cache.remove_node(old.metadata.name)
                self._wake(Change("node-removed"))
            return
        row = self.cache.set_node(new)
        if row is not None:
            self._wake(Change("node", row))

    def on_namespace(self, event: Event, old: Any | None, new: Any | None) -> None:
        gone = event == "deleted" or new is None
        about = old if gone else new
        if about is None:
            return
        labels = None if gone else about.metadata.labels
        if self.cache.placed.set_namespace(about.metadata.name, labels):
            self._wake(Change("namespace"))

    def on_pod(self, event: Event, old: Any | None, new: Any | None) -> None:
        if event == "deleted" or new is None:
            if old is not None:
                self._pod_gone(old)
            return
        if old is not None and old.metadata.uid != new.metadata.uid:
            self._pod_gone(old)
            old = None
        if finished(new):
            self._pod_gone(new)
        elif new.spec.nodeName:
            self._pod_placed(new)
        elif self._mine(new):
            self._pod_waiting(old, new)
        else:
            self._pod_gone(new)

    def _mine(self, pod: Any) -> bool:
        """Ours to place now: not another scheduler's, not gated, not on its way out."""
        return (
            (pod.spec.schedulerName or "") in self.profiles
            and not pod.spec.schedulingGates
            and pod.metadata.deletionTimestamp is None
        )

    def _pod_placed(self, pod: Any) -> None:
        key = key_of(pod)
        self.queue.delete(key)
        self.nominations.drop(key)
        before, now = self.cache.set_pod(pod)
        if before is not None:
            self._wake(Change("pod-removed", before.row, before))
        if now is not None:
            self._wake(Change("pod-added", now.row, now))

    def _pod_waiting(self, old: Any | None, pod: Any) -> None:
        key = key_of(pod)
        if self.cache.assumed(key, pod.metadata.uid):
            return
        self._nominate(pod)
        same = old is not None and old.spec == pod.spec and old.metadata.labels == pod.metadata.labels
        if not (same and self.queue.refresh(pod, key)):
            self.queue.add(pod, key, priority_of(pod))

    def _pod_gone(self, pod: Any) -> None:
        key = key_of(pod)
        waiting = self.queue.get(key)
        if waiting is not None and waiting.uid == pod.metadata.uid:
            self.queue.delete(key)
        self.nominations.drop(key)
        placed = self.cache.placed.pods.get(key)
        if placed is not None and placed.uid == pod.metadata.uid:
            self.cache.remove_pod(key)
            self._wake(Change("pod-removed", placed.row, placed))

    def _nominate(self, pod: Any) -> None:
        node = pod.status.nominatedNodeName
        if not node:
            self.nominations.drop(key_of(pod))
        elif node in self.cache.nodes.rows:
            row = self.cache.nodes.rows[node]
            self.nominations.set(placed_pod(pod, self.cache.asks.of(pod), row))

    def _wake(self, change: Change) -> None:
        self.queue.wake(lambda ask, plugins: may_help(ask, plugins, change, self.cycle))

    # -- what is decided --------------------------------------------------------------------------
    def decide(self, pending: Pending) -> list[Effect]:
        """Places the pod (assumed at once) or sets it aside with the reason."""
        pod = pending.pod
        ask = pending.ask = self.cache.asks.of(pod, self._default_selector(pod))
        reserved = self.nominations.beside(pending.key, pending.priority)
        choice = self._promised(pending, ask, reserved) or self.cycle.choose(ask, reserved)
        if choice.row is None:
            return self._rejected(pending, ask, choice.verdict or Verdict(0, ()), reserved)
        self.queue.delete(pending.key)
        self.nominations.drop(pending.key)
        self.cache.assume(pod, ask, choice.row)
        placed = self.cache.placed.pods[pending.key]
        self._wake(Change("pod-added", placed.row, placed))
        return [Bind(pending, self.cache.nodes.names[choice.row])]

    def unbound(self, pending: Pending, why: str) -> Report | None:
        """A binding failed: the place is free again, and the pod, if still there, comes again later."""
        placed = self.cache.forget(pending.key, pending.uid)
        if placed is None:
            return None
        self._wake(Change("pod-removed", placed.row, placed))
        self.queue.fail(pending)
        return Report(pending.pod, why, "SchedulerError")

    def _default_selector(self, pod: Any) -> Any:
        return None if pod.spec.topologySpreadConstraints else self.workloads.selector_of(pod)

    def _promised(self, pending: Pending, ask: Ask, reserved: tuple[PlacedPod, ...]) -> Choice | None:
        """The nominated node, when the pod fits there now."""
        promise = self.nominations.of(pending.key)
        if promise is None or any(r.row == promise.row for r in reserved):
            return None
        return Choice(promise.row, 1) if self.cycle.fits(ask, promise.row) else None

    def _rejected(
        self, pending: Pending, ask: Ask, verdict: Verdict, reserved: tuple[PlacedPod, ...]
    ) -> list[Effect]:
        self.queue.reject(pending, verdict)
        pod, nodes = pending.pod, self.cache.nodes
        outcome = Outcome()
        if verdict.nodes and not verdict.conflict:
            who = Preemptor(pod, ask, pending.priority, reserved)
            outcome = preempt(who, verdict, self.cycle, self.budgets(), self.rng)
        message = messages.unschedulable(verdict, outcome.reason)
        plan = outcome.plan
        if plan is None:
            if not outcome.keep_nomination:
                self.nominations.drop(pending.key)
            return [Report(pod, message, nominated=None if outcome.keep_nomination else "")]
        node = nodes.names[plan.row]
        self.nominations.set(placed_pod(pod, ask, plan.row))
        evictions = [Evict(v.pod, pod, node) for v in plan.victims if not v.leaving]
        return [Report(pod, message, nominated=node), *evictions]
