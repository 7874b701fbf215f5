"""NodeUnschedulable: a cordoned node takes only pods that tolerate its being so."""

from __future__ import annotations

import numpy as np

from wherry.scheduler.asks import Ask
from wherry.scheduler.columns import Mask, Rows
from wherry.scheduler.framework import Depends, Refusal, View

NAME = "NodeUnschedulable"
_TAINT = ("node.kubernetes.io/unschedulable", "", "NoSchedule")


class NodeUnschedulable:
    name = NAME
    depends: Depends = "row"

    def applies(self, ask: Ask, view: View) -> bool:
        return not any(t.tolerates(*_TAINT) for t in ask.tolerations)

    def filter(self, ask: Ask, view: View, rows: Rows) -> Mask:
        return np.logical_not(view.nodes.unschedulable[rows])

    def refusals(self, ask: Ask, view: View, rows: tuple[int, ...]) -> list[Refusal]:
        return [
            Refusal(
                NAME,
                "node(s) were unschedulable",
                rows,
                by_leaving_pods=False,
                asked="a node that takes pods",
                found="cordoned",
                remedy="kubectl uncordon",
            )
        ]
