"""TaintToleration: taints that the pod does not tolerate keep it away, or count against the node.

A node's taints are one interned set, so each distinct set is judged once and the verdict looked up.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from wherry.scheduler.asks import Ask, Toleration
from wherry.scheduler.columns import Columns, Ints, Mask, Rows, Taint
from wherry.scheduler.framework import Depends, Refusal, View, default_normalize

NAME = "TaintToleration"
_REPELLING = ("NoSchedule", "NoExecute")
_DISCOURAGING = "PreferNoSchedule"


def untolerated(taints: Iterable[Taint], tolerations: Iterable[Toleration]) -> Taint | None:
    """The first taint that keeps the pod off the node."""
    allowed = tuple(tolerations)
    for taint in taints:
        if taint[2] in _REPELLING and not any(t.tolerates(*taint) for t in allowed):
            return taint
    return None


def tolerated_sets(nodes: Columns, ask: Ask) -> Mask:
    """For each interned set of taints: may the pod go there?"""
    return np.array([untolerated(s, ask.tolerations) is None for s in nodes.taint_sets], np.bool_)


class TaintToleration:
    name = NAME
    depends: Depends = "row"
    weight = 3

    def applies(self, ask: Ask, view: View) -> bool:
        return len(view.nodes.taint_sets) > 1

    def filter(self, ask: Ask, view: View, rows: Rows) -> Mask:
        fits: Mask = tolerated_sets(view.nodes, ask)[view.nodes.taint_set[rows]]
        return fits

    def score(self, ask: Ask, view: View, rows: Rows) -> Ints:
        soft = [t for t in ask.tolerations if t.effect in ("", _DISCOURAGING)]
        against = np.array(
            [
                sum(taint[2] == _DISCOURAGING and not any(t.tolerates(*taint) for t in soft) for taint in s)
                for s in view.nodes.taint_sets
            ],
            np.int64,
        )
        counts: Ints = against[view.nodes.taint_set[rows]]
        return counts

    def normalize(self, ask: Ask, view: View, raw: Ints) -> Ints:
        return default_normalize(raw, reverse=True)

    def refusals(self, ask: Ask, view: View, rows: tuple[int, ...]) -> list[Refusal]:
        sets = view.nodes.taint_sets
        found = {untolerated(sets[view.nodes.taint_set[row]], ask.tolerations) for row in rows}
        names = sorted(f"{key}={value}:{effect}" for key, value, effect in filter(None, found))
        return [
            Refusal(
                NAME,
                "node(s) had untolerated taint(s)",
                rows,
                by_leaving_pods=False,
                asked=f"{len(ask.tolerations)} tolerations",
                found=", ".join(names),
                remedy="a toleration in the pod, or kubectl taint node NAME KEY-",
            )
        ]
