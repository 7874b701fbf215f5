"""NodeResourcesFit and NodeResourcesBalancedAllocation.

Fit: what is asked is at most what is left. Its score is LeastAllocated over CPU and memory, counting a
default for containers that ask nothing. Balanced: how evenly CPU and memory would be used, and whether
the pod makes that better or worse (upstream 1.36: half of the change, around 75).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from wherry.scheduler.asks import Ask
from wherry.scheduler.columns import CPU, MEMORY, PODS, Columns, Ints, Mask, Rows
from wherry.scheduler.framework import MAX_SCORE, Depends, Refusal, View


class NodeResourcesFit:
    name = "NodeResourcesFit"
    depends: Depends = "row"
    weight = 1

    def applies(self, ask: Ask, view: View) -> bool:
        return True

    def filter(self, ask: Ask, view: View, rows: Rows) -> Mask:
        nodes = view.nodes
        fits: Mask = nodes.used[PODS, rows] < nodes.capacity[PODS, rows]
        for name, amount in ask.requests.amounts.items():
            index = nodes.resource(name)
            fits &= nodes.used[index, rows] + amount <= nodes.capacity[index, rows]
        return fits

    def score(self, ask: Ask, view: View, rows: Rows) -> Ints:
        nodes = view.nodes
        total = np.zeros(len(nodes.live[rows]), np.int64)
        counted = np.zeros(len(total), np.int64)
        for index, asked in zip((CPU, MEMORY), ask.requests.scored, strict=True):
            capacity = nodes.capacity[index, rows]
            free = capacity - nodes.scored[index, rows] - asked
            total += np.maximum(free, 0) * MAX_SCORE // np.maximum(capacity, 1)
            counted += capacity > 0
        return total // np.maximum(counted, 1)

    def normalize(self, ask: Ask, view: View, raw: Ints) -> Ints:
        return raw

    def refusals(self, ask: Ask, view: View, rows: tuple[int, ...]) -> list[Refusal]:
        nodes, at = view.nodes, np.array(rows, np.intp)
        full = at[nodes.used[PODS, at] >= nodes.capacity[PODS, at]]
        found = [_too_many_pods(nodes, full)] if len(full) else []
        for name, amount in ask.requests.amounts.items():
            index = nodes.resource(name)
            capacity = nodes.capacity[index, at]
            free = capacity - nodes.used[index, at]
            for hopeless in (False, True):
                short = (free < amount) & ((capacity < amount) == hopeless)
                if short.any():
                    found.append(_insufficient(name, amount, at[short], int(free[short].max()), hopeless))
        return found


def _too_many_pods(nodes: Columns, rows: npt.NDArray[np.intp]) -> Refusal:
    return Refusal(
        "NodeResourcesFit",
        "Too many pods",
        tuple(rows.tolist()),
        by_leaving_pods=True,
        asked="room for one pod",
        found=f"at most {int(nodes.capacity[PODS, rows].max())} pods a node, all there",
        remedy="pods leaving, or one more node",
    )


def _insufficient(name: str, amount: int, rows: npt.NDArray[np.intp], most: int, hopeless: bool) -> Refusal:
    unit = "m" if name == "cpu" else ""
    return Refusal(
        "NodeResourcesFit",
        f"Insufficient {name}",
        tuple(rows.tolist()),
        by_leaving_pods=not hopeless,
        asked=f"{amount}{unit} {name}",
        found=f"at most {most}{unit} free",
        remedy=f"a larger node: none of these has {amount}{unit} in all"
        if hopeless
        else f"{amount - most}{unit} {name} freed on one node, or one more node",
    )


class NodeResourcesBalancedAllocation:
    name = "NodeResourcesBalancedAllocation"
    depends: Depends = "row"
    weight = 1

    def applies(self, ask: Ask, view: View) -> bool:
        amounts = ask.requests.amounts
        return bool(amounts.get("cpu") or amounts.get("memory"))

    def score(self, ask: Ask, view: View, rows: Rows) -> Ints:
        with_pod = _balance(view.nodes, rows, ask.requests.amounts)
        without = _balance(view.nodes, rows, {})
        return (MAX_SCORE + MAX_SCORE // 2 + with_pod - without) // 2

    def normalize(self, ask: Ask, view: View, raw: Ints) -> Ints:
        return raw


def _balance(nodes: Columns, rows: Rows, more: dict[str, int]) -> Ints:
    """100 when CPU and memory are used to the same degree, 50 when one is full and the other empty."""
    fractions = []
    known = []
    for index, name in ((CPU, "cpu"), (MEMORY, "memory")):
        capacity = nodes.capacity[index, rows]
        used = nodes.used[index, rows] + more.get(name, 0)
        fractions.append(np.minimum(used / np.maximum(capacity, 1), 1.0))
        known.append(capacity > 0)
    deviation = np.where(known[0] & known[1], np.abs(fractions[0] - fractions[1]) / 2, 0.0)
    return ((1.0 - deviation) * MAX_SCORE).astype(np.int64)
