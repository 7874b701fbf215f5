"""NodeName: `spec.nodeName` as a wish (a pod that has it never reaches a scheduler, but a what-if may)."""

from __future__ import annotations

import numpy as np

from wherry.scheduler.asks import Ask
from wherry.scheduler.columns import Mask, Rows
from wherry.scheduler.framework import Depends, Refusal, View

NAME = "NodeName"


class NodeName:
    name = NAME
    depends: Depends = "row"

    def applies(self, ask: Ask, view: View) -> bool:
        return bool(ask.node_name)

    def filter(self, ask: Ask, view: View, rows: Rows) -> Mask:
        wanted = view.nodes.rows.get(ask.node_name, -1)
        fits: Mask = np.arange(view.nodes.size)[rows] == wanted
        return fits

    def refusals(self, ask: Ask, view: View, rows: tuple[int, ...]) -> list[Refusal]:
        return [
            Refusal(
                NAME,
                "node(s) didn't match the requested node name",
                rows,
                by_leaving_pods=False,
                asked=ask.node_name,
                found="another node",
                remedy="the node joining, or another nodeName",
            )
        ]
