"""NodePorts: two pods cannot have the same host port, protocol and (overlapping) address on one node."""

from __future__ import annotations

import numpy as np

from wherry.scheduler.asks import Ask, Port
from wherry.scheduler.columns import ANY_ADDRESS, Columns, Mask, Rows
from wherry.scheduler.framework import Depends, Refusal, View

NAME = "NodePorts"


def taken_rows(nodes: Columns, port: Port) -> list[int]:
    """Rows where the port cannot be had."""
    address, protocol, number = port
    return [
        row
        for row, held in nodes.ports.get((protocol, number), {}).items()
        if address == ANY_ADDRESS or ANY_ADDRESS in held or address in held
    ]


class NodePorts:
    name = NAME
    depends: Depends = "row"

    def applies(self, ask: Ask, view: View) -> bool:
        return bool(ask.ports)

    def filter(self, ask: Ask, view: View, rows: Rows) -> Mask:
        fits = np.ones(view.nodes.size, np.bool_)
        for port in ask.ports:
            fits[taken_rows(view.nodes, port)] = False
        wanted: Mask = fits[rows]
        return wanted

    def refusals(self, ask: Ask, view: View, rows: tuple[int, ...]) -> list[Refusal]:
        asked = ", ".join(f"{address}:{number}/{protocol}" for address, protocol, number in ask.ports)
        return [
            Refusal(
                NAME,
                "node(s) didn't have free ports for the requested pod ports",
                rows,
                by_leaving_pods=True,
                asked=asked,
                found="taken by another pod",
                remedy="the pod that holds the port leaving, or one more node",
            )
        ]
