"""DefaultPreemption: which pods of lower priority would have to go for a pod to fit, and on which node.

A what-if: victims are taken out of the columns, the filters asked, and the victims put back, all
before anybody else looks. Nothing is deleted here; `effects` does that with the plan.
Upstream: pkg/scheduler/framework/preemption and plugins/defaultpreemption.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wherry.api.selectors import from_label_selector
from wherry.clock import parse_rfc3339
from wherry.scheduler import messages
from wherry.scheduler.asks import Ask
from wherry.scheduler.counters import PlacedPod
from wherry.scheduler.cycle import Cycle
from wherry.scheduler.framework import Verdict

_LEAST_CANDIDATES = 100
_LEAST_SHARE = 10
PREEMPTED = "PreemptionByScheduler"


@dataclass(frozen=True, slots=True)
class Plan:
    """Delete `victims` and the pod fits on `row`."""

    row: int
    victims: tuple[PlacedPod, ...]
    violations: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """A plan, or why there is none (in upstream's words, for the pod's message).

    `keep_nomination`: the pod's nominated node stays as it is, since its victims are on their way out.
    """

    plan: Plan | None = None
    reason: str = ""
    keep_nomination: bool = False


@dataclass(frozen=True, slots=True)
class Preemptor:
    """The pod in need, and the nominated pods it must leave room for."""

    pod: Any
    ask: Ask
    priority: int
    reserved: tuple[PlacedPod, ...] = ()


def preempt(
    who: Preemptor, verdict: Verdict, cycle: Cycle, budgets: Sequence[Any], rng: random.Random
) -> Outcome:
    """The plan that hurts least: fewest broken budgets, lowest priorities, fewest and youngest pods."""
    if who.pod.spec.preemptionPolicy == "Never":
        return Outcome(reason=messages.NEVER)
    hopeful = verdict.hopeful_rows()
    if _waits_for_victims(who, verdict, cycle):
        return Outcome(reason=messages.TERMINATING_VICTIM, keep_nomination=True)
    reasons: Counter[str] = Counter()
    if not any(priority < who.priority for priority in cycle.view.placed.priorities):
        reasons[messages.NO_VICTIMS] = len(hopeful)
        return Outcome(reason=messages.failed_preemption(verdict.nodes, +reasons))
    plans: list[Plan] = []
    enough = max(len(hopeful) * _LEAST_SHARE // 100, _LEAST_CANDIDATES)
    start = rng.randrange(len(hopeful)) if hopeful else 0
    for row in (*hopeful[start:], *hopeful[:start]):
        plan = _plan_for(who, row, cycle, budgets, reasons)
        if plan is not None:
            plans.append(plan)
            if len(plans) == enough:
                break
    if not plans:
        return Outcome(reason=messages.failed_preemption(verdict.nodes, reasons))
    return Outcome(min(plans, key=_cost))


def _waits_for_victims(who: Preemptor, verdict: Verdict, cycle: Cycle) -> bool:
    """Victims of an earlier preemption are still leaving the nominated node: do not take more."""
    row = cycle.view.nodes.rows.get(who.pod.status.nominatedNodeName or "", -1)
    if row < 0 or any(row in r.rows for r in verdict.refusals if not r.by_leaving_pods):
        return False
    return any(
        p.leaving
        and p.priority < who.priority
        and any(c.type == "DisruptionTarget" and c.reason == PREEMPTED for c in p.pod.status.conditions)
        for p in cycle.view.placed.on(row)
    )


def _plan_for(
    who: Preemptor, row: int, cycle: Cycle, budgets: Sequence[Any], reasons: Counter[str]
) -> Plan | None:
    """The fewest victims on one node; without a plan, why not is added to `reasons`."""
    placed = cycle.view.placed
    candidates = [p for p in placed.on(row) if p.priority < who.priority]
    if not candidates:
        reasons[messages.NO_VICTIMS] += 1
        return None
    candidates.sort(key=_importance)
    beside = [p for p in who.reserved if p.row == row]
    for pod in beside:
        placed.add(pod)
    for pod in candidates:
        placed.remove(pod.key)
    victims: list[PlacedPod] = []
    violations = 0
    fits = cycle.fits(who.ask, row)
    if fits:
        violating, others = _by_budget(candidates, budgets)
        for pod in (*violating, *others):
            placed.add(pod)
            if not cycle.fits(who.ask, row):
                placed.remove(pod.key)
                victims.append(pod)
                violations += pod in violating
    else:
        reasons.update(_why_not(who.ask, row, cycle))
        for pod in candidates:
            placed.add(pod)
    for pod in victims:
        placed.add(pod)
    for pod in beside:
        placed.remove(pod.key)
    if not fits:
        return None
    return Plan(row, tuple(sorted(victims, key=_importance)), violations)


def _why_not(ask: Ask, row: int, cycle: Cycle) -> list[str]:
    rows = np.array([row], np.intp)
    for plugin in cycle.filters:
        if plugin.applies(ask, cycle.view) and not plugin.filter(ask, cycle.view, rows)[0]:
            return [refusal.reason for refusal in plugin.refusals(ask, cycle.view, (row,))]
    return []


def _by_budget(
    candidates: Iterable[PlacedPod], budgets: Sequence[Any]
) -> tuple[list[PlacedPod], list[PlacedPod]]:
    """Pods whose eviction a PodDisruptionBudget forbids, and the others; each eviction uses it up."""
    allowed = [b.status.disruptionsAllowed or 0 for b in budgets]
    selectors = [from_label_selector(b.spec.selector) for b in budgets]
    violating: list[PlacedPod] = []
    others: list[PlacedPod] = []
    for placed in candidates:
        broken = False
        for index, budget in enumerate(budgets):
            if (
                placed.ask.labels
                and budget.metadata.namespace == placed.ask.namespace
                and selectors[index].matches(placed.ask.labels)
                and placed.pod.metadata.name not in budget.status.disruptedPods
            ):
                allowed[index] -= 1
                broken = broken or allowed[index] < 0
        (violating if broken else others).append(placed)
    return violating, others


def _started(placed: PlacedPod) -> float:
    text = placed.pod.status.startTime
    return parse_rfc3339(text) if text else float("inf")


def _importance(placed: PlacedPod) -> tuple[int, float, str]:
    """Sorts the more important first: higher priority, then started earlier."""
    return (-placed.priority, _started(placed), placed.key)


def _cost(plan: Plan) -> tuple[int, int, int, int, float]:
    """Upstream's order of preferences among nodes (pickOneNodeForPreemption); smaller is better."""
    priorities = [p.priority for p in plan.victims]
    highest = max(priorities, default=-(2**31))
    earliest = min((_started(p) for p in plan.victims if p.priority == highest), default=0.0)
    return (
        plan.violations,
        highest,
        sum(priority + 2**31 for priority in priorities),
        len(priorities),
        -earliest,
    )
