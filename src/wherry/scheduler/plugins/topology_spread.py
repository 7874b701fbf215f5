"""PodTopologySpread: matching pods are kept evenly over domains (zones, hosts, ...).

The domain of a row is the interned id of its label, so counting pods a domain is one `bincount`.
Filter (`DoNotSchedule`): pods in the domain + this one - the fewest in any eligible domain <= maxSkew.
Score (`ScheduleAnyway`, or the defaults 3 a host and 5 a zone): fewer matching pods are better, domains
that are fewer weigh less.
"""

from __future__ import annotations

import numpy as np

from wherry.scheduler.asks import HOSTNAME, Ask, Spread
from wherry.scheduler.columns import Ids, Ints, Mask, Rows
from wherry.scheduler.counters import Question
from wherry.scheduler.framework import MAX_SCORE, Depends, Refusal, View
from wherry.scheduler.plugins.node_affinity import required_matches
from wherry.scheduler.plugins.taint_toleration import tolerated_sets

NAME = "PodTopologySpread"


def _domains(view: View, constraint: Spread) -> tuple[Ids, int]:
    column = view.nodes.label(constraint.topology)
    return column.ids[: view.nodes.size], len(column.values)


def _counts(ask: Ask, view: View, constraint: Spread) -> Ints:
    question = Question(namespace=ask.namespace, selector=constraint.selector)
    return view.placed.counter(question).read(view.nodes.size)


def _eligible(ask: Ask, view: View, constraint: Spread) -> Mask:
    """Rows that take part in counting: the pod could go there as far as the policies look."""
    nodes, every = view.nodes, view.nodes.all_rows()
    eligible: Mask = nodes.live[every].copy()
    if constraint.honor_affinity and (ask.node_selector or ask.node_terms is not None):
        eligible &= required_matches(nodes, ask, every)
    if constraint.honor_taints:
        eligible &= tolerated_sets(nodes, ask)[nodes.taint_set[every]]
    return eligible


def _labelled(view: View, constraints: tuple[Spread, ...]) -> Mask:
    labelled = np.ones(view.nodes.size, np.bool_)
    for constraint in constraints:
        labelled &= _domains(view, constraint)[0] >= 0
    return labelled


def _in_skew(ask: Ask, view: View, constraint: Spread, labelled: Mask) -> Mask:
    """Rows whose domain may take one more pod."""
    ids, domains = _domains(view, constraint)
    if not domains:
        return np.ones(view.nodes.size, np.bool_)
    rows = np.flatnonzero(labelled & _eligible(ask, view, constraint))
    counts = _counts(ask, view, constraint)
    in_domain = np.bincount(ids[rows], counts[rows], minlength=domains)
    exists = np.bincount(ids[rows], minlength=domains) > 0
    fewest = int(in_domain[exists].min()) if exists.any() else np.iinfo(np.int32).max
    if int(exists.sum()) < constraint.min_domains:
        fewest = 0
    itself = int(constraint.selector.matches(ask.labels))
    fits: Mask = (in_domain + itself - fewest <= constraint.max_skew)[ids]
    return fits


class PodTopologySpread:
    name = NAME
    depends: Depends = "all"

    def applies(self, ask: Ask, view: View) -> bool:
        return bool(ask.spread)

    def filter(self, ask: Ask, view: View, rows: Rows) -> Mask:
        fits = labelled = _labelled(view, ask.spread)
        for constraint in ask.spread:
            fits = fits & _in_skew(ask, view, constraint, labelled)
        return fits[rows]

    def refusals(self, ask: Ask, view: View, rows: tuple[int, ...]) -> list[Refusal]:
        at = np.array(rows, np.intp)
        labelled = _labelled(view, ask.spread)
        # As upstream: constraints are looked at in order, the first that fails names the reason.
        missing = np.zeros(len(at), np.bool_)
        open_ = np.ones(len(at), np.bool_)
        for constraint in ask.spread:
            absent = (_domains(view, constraint)[0] < 0)[at]
            skewed = np.logical_not(_in_skew(ask, view, constraint, labelled)[at])
            missing |= open_ & absent
            open_ &= np.logical_not(absent | skewed)
        skew = np.logical_not(missing)
        keys = ", ".join(c.topology for c in ask.spread)
        text = "node(s) didn't match pod topology spread constraints"
        return [
            Refusal(NAME, reason, tuple(at[where].tolist()), leaving, asked, found, remedy)
            for reason, where, leaving, asked, found, remedy in (
                (
                    f"{text} (missing required label)",
                    missing,
                    False,
                    f"nodes labelled {keys}",
                    "no such label",
                    f"kubectl label node NAME {ask.spread[0].topology}=VALUE",
                ),
                (
                    text,
                    skew,
                    True,
                    "; ".join(f"maxSkew {c.max_skew} over {c.topology}" for c in ask.spread),
                    "too many matching pods in the domain already",
                    "matching pods in the emptiest domain, a larger maxSkew, or ScheduleAnyway",
                ),
            )
            if where.any()
        ]


class PodTopologySpreadScore:
    """The scoring half of PodTopologySpread."""

    name = NAME
    depends: Depends = "all"
    weight = 2

    def applies(self, ask: Ask, view: View) -> bool:
        return bool(ask.soft_spread)

    def score(self, ask: Ask, view: View, rows: Rows) -> Ints:
        fitting = np.arange(view.nodes.size)[rows]
        total = np.zeros(len(fitting))
        scored = self._scored(ask, view)
        inside = fitting[scored[fitting]]
        for constraint in ask.soft_spread:
            ids, domains = _domains(view, constraint)
            counts = _counts(ask, view, constraint)
            if constraint.topology == HOSTNAME:
                size, per_row = len(inside), counts
            else:
                # An absent label is a domain of its own here (possible with the defaults only).
                rows_in = np.flatnonzero(scored & _eligible(ask, view, constraint))
                per_domain = np.bincount(ids[rows_in] + 1, counts[rows_in], minlength=domains + 1)
                size, per_row = len(np.unique(ids[inside])), per_domain[ids + 1]
            value = per_row[fitting] * np.log(size + 2) + (constraint.max_skew - 1)
            total += np.where(ids[fitting] >= 0, value, 0.0)
        raw = np.floor(total + 0.5).astype(np.int64)
        return np.where(scored[fitting], raw, -1)

    def normalize(self, ask: Ask, view: View, raw: Ints) -> Ints:
        scored = raw[raw >= 0]
        if not len(scored):
            return np.zeros(len(raw), np.int64)
        least, most = int(scored.min()), int(scored.max())
        if most == 0:
            return np.where(raw >= 0, MAX_SCORE, 0)
        return np.where(raw >= 0, MAX_SCORE * (most + least - raw) // most, 0)

    def _scored(self, ask: Ask, view: View) -> Mask:
        """Nodes without one of the labels score nothing, unless the constraints are the defaults."""
        if ask.default_spread:
            return np.ones(view.nodes.size, np.bool_)
        return _labelled(view, ask.soft_spread)
