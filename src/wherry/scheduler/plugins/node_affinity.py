"""NodeAffinity: `nodeSelector`, required and preferred node affinity."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from wherry.api.selectors import Requirement
from wherry.scheduler.asks import Ask, NodeTerm
from wherry.scheduler.columns import Columns, Ints, Mask, Rows
from wherry.scheduler.framework import Depends, Refusal, View, default_normalize

NAME = "NodeAffinity"
OUTSIDE = "node(s) didn't satisfy plugin(s) [NodeAffinity]"
CONFLICT = "pod affinity terms conflict"


def label_matches(nodes: Columns, wanted: Requirement, rows: Rows) -> Mask:
    """Which rows' labels meet a requirement: equality on interned ids, numbers by a table of values."""
    column = nodes.label(wanted.key)
    ids = column.ids[rows]
    fits: Mask
    match wanted.operator:
        case "exists":
            fits = ids >= 0
        case "!":
            fits = ids < 0
        case "in" | "=" | "notin" | "!=":
            known = [column.values[v] for v in wanted.values if v in column.values]
            fits = np.isin(ids, known) if len(known) != 1 else ids == known[0]
            if wanted.operator in ("notin", "!="):
                fits = np.logical_not(fits)
        case _:
            table = [wanted.matches({wanted.key: value}) for value in column.values]
            fits = np.array([*table, False], np.bool_)[ids]
    return fits


def term_matches(nodes: Columns, term: NodeTerm, rows: Rows) -> Mask:
    count = len(nodes.live[rows])
    fits = np.full(count, bool(term.labels or term.fields), np.bool_)
    for wanted in term.labels:
        fits &= label_matches(nodes, wanted, rows)
    if term.fields:
        names = [nodes.names[row] for row in np.arange(len(nodes.live))[rows] if row < nodes.size]
        fits &= np.array([_named(name, term) for name in names], np.bool_)
    return fits


def _named(name: str, term: NodeTerm) -> bool:
    return all(wanted.matches({"metadata.name": name}) for wanted in term.fields)


def required_matches(nodes: Columns, ask: Ask, rows: Rows) -> Mask:
    """Which rows meet nodeSelector and required affinity (also asked by topology spreading)."""
    fits = _all(nodes, ask.node_selector, rows)
    if ask.node_terms is not None:
        any_term = np.zeros(len(fits), np.bool_)
        for term in ask.node_terms:
            any_term |= term_matches(nodes, term, rows)
        fits &= any_term
    return fits


def _all(nodes: Columns, wanted: Iterable[Requirement], rows: Rows) -> Mask:
    fits = np.ones(len(nodes.live[rows]), np.bool_)
    for requirement in wanted:
        fits &= label_matches(nodes, requirement, rows)
    return fits


class NodeAffinity:
    name = NAME
    depends: Depends = "row"
    weight = 2

    def applies(self, ask: Ask, view: View) -> bool:
        return bool(ask.node_selector or ask.node_terms is not None)

    def filter(self, ask: Ask, view: View, rows: Rows) -> Mask:
        return required_matches(view.nodes, ask, rows)

    def refusals(self, ask: Ask, view: View, rows: tuple[int, ...]) -> list[Refusal]:
        named = ask.only_nodes
        outside = () if named is None else tuple(r for r in rows if view.nodes.names[r] not in named)
        inside = rows if named is None else tuple(r for r in rows if view.nodes.names[r] in named)
        return [
            Refusal(
                NAME,
                reason,
                where,
                by_leaving_pods=False,
                asked=_asked(ask),
                found="other labels",
                remedy="a node with these labels: kubectl label node NAME KEY=VALUE",
            )
            for reason, where in (
                (OUTSIDE, outside),
                ("node(s) didn't match Pod's node affinity/selector", inside),
            )
            if where
        ]


class PreferredNodeAffinity:
    """The scoring half of NodeAffinity: the weights of the preferences a node meets."""

    name = NAME
    depends: Depends = "row"
    weight = 2

    def applies(self, ask: Ask, view: View) -> bool:
        return bool(ask.preferred_nodes)

    def score(self, ask: Ask, view: View, rows: Rows) -> Ints:
        total = np.zeros(len(view.nodes.live[rows]), np.int64)
        for weight, term in ask.preferred_nodes:
            total += weight * term_matches(view.nodes, term, rows)
        return total

    def normalize(self, ask: Ask, view: View, raw: Ints) -> Ints:
        return default_normalize(raw, reverse=False)


def _asked(ask: Ask) -> str:
    terms = [",".join(str(r) for r in (*t.labels, *t.fields)) for t in ask.node_terms or ()]
    return " and ".join(
        part for part in (",".join(str(r) for r in ask.node_selector), " or ".join(terms)) if part
    )
