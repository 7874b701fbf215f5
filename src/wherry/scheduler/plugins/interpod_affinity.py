"""InterPodAffinity: near pods, or away from them, by topology domain.

Placed pods that a term selects are counted a row (`Placed.counter`), summed a domain with `bincount`,
and looked up for each row. The anti-affinity of pods already placed binds newcomers too: each distinct
term that placed pods carry is kept once, with the rows of its bearers (`Placed.terms`).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from wherry.scheduler.asks import Ask, PodTerm
from wherry.scheduler.columns import Ints, Mask, Rows
from wherry.scheduler.counters import Question
from wherry.scheduler.framework import MAX_SCORE, Depends, Refusal, View

NAME = "InterPodAffinity"
_HARD_AFFINITY_WEIGHT = 1


def _by_domain(view: View, topology: str, counts: Ints) -> Ints:
    """For each row: the sum over the row's domain, 0 where the row has no such label."""
    column = view.nodes.label(topology)
    ids = column.ids[: view.nodes.size]
    rows = np.flatnonzero(counts)
    rows = rows[ids[rows] >= 0]
    sums = np.bincount(ids[rows] + 1, counts[rows], minlength=len(column.values) + 1)
    # Id -1 (absent) becomes 0, where nothing was counted.
    return sums.astype(np.int64)[ids + 1]


def _labelled(view: View, terms: Iterable[PodTerm]) -> Mask:
    fits = np.ones(view.nodes.size, np.bool_)
    for term in terms:
        fits &= view.nodes.label(term.topology).ids[: view.nodes.size] >= 0
    return fits


def _affinity(ask: Ask, view: View) -> Mask:
    """Every required term has a pod in the row's domain; the first of a group may go anywhere."""
    fits = _labelled(view, ask.affinity)
    if not ask.affinity:
        return fits
    matching = view.placed.counter(Question(ask.affinity)).read(view.nodes.size)
    near = fits.copy()
    anywhere = False
    for term in ask.affinity:
        in_domain = _by_domain(view, term.topology, matching)
        anywhere = anywhere or bool(in_domain.any())
        near &= in_domain > 0
    own = view.placed.namespaces.get(ask.namespace, {})
    selects_itself = all(t.selects(ask.namespace, own, ask.labels) for t in ask.affinity)
    return fits if not anywhere and selects_itself else near


def _anti_affinity(ask: Ask, view: View) -> Mask:
    fits = np.ones(view.nodes.size, np.bool_)
    for term in ask.anti_affinity:
        counter = view.placed.counter(Question((term,)))
        if counter.total:
            fits &= _by_domain(view, term.topology, counter.read(view.nodes.size)) == 0
    return fits


def _welcome(ask: Ask, view: View) -> Mask:
    """No placed pod's anti-affinity speaks against this one."""
    fits = np.ones(view.nodes.size, np.bool_)
    for term, bearers in view.placed.terms_selecting(ask, "anti_affinity"):
        fits &= _by_domain(view, term.topology, bearers.read(view.nodes.size)) == 0
    return fits


class InterPodAffinity:
    name = NAME
    depends: Depends = "all"

    def applies(self, ask: Ask, view: View) -> bool:
        return bool(ask.affinity or ask.anti_affinity or view.placed.terms["anti_affinity"])

    def filter(self, ask: Ask, view: View, rows: Rows) -> Mask:
        fits = _affinity(ask, view) & _anti_affinity(ask, view) & _welcome(ask, view)
        return fits[rows]

    def refusals(self, ask: Ask, view: View, rows: tuple[int, ...]) -> list[Refusal]:
        at = np.array(rows, np.intp)
        near, apart = _affinity(ask, view)[at], _anti_affinity(ask, view)[at]
        reasons = (
            (
                "node(s) didn't match pod affinity rules",
                np.logical_not(near),
                False,
                _asked(ask.affinity),
                "no matching pod in the domain",
                "a matching pod placed there",
            ),
            (
                "node(s) didn't match pod anti-affinity rules",
                near & np.logical_not(apart),
                True,
                _asked(ask.anti_affinity),
                "a matching pod in the domain",
                "that pod leaving, or a node in another domain",
            ),
            (
                "node(s) didn't satisfy existing pods anti-affinity rules",
                near & apart,
                True,
                "a domain without pods that refuse this one",
                "a pod whose anti-affinity selects this one",
                "that pod leaving, or a node in another domain",
            ),
        )
        return [
            Refusal(NAME, reason, tuple(at[where].tolist()), leaving, asked, found, remedy)
            for reason, where, leaving, asked, found, remedy in reasons
            if where.any()
        ]


class InterPodAffinityScore:
    """The scoring half of InterPodAffinity: preferences of the pod, and of placed pods about it."""

    name = NAME
    depends: Depends = "all"
    weight = 2

    def applies(self, ask: Ask, view: View) -> bool:
        terms = view.placed.terms
        return bool(
            ask.preferred_affinity
            or ask.preferred_anti_affinity
            or terms["affinity"]
            or terms["preferred_affinity"]
            or terms["preferred_anti_affinity"]
        )

    def score(self, ask: Ask, view: View, rows: Rows) -> Ints:
        size = view.nodes.size
        total = np.zeros(size, np.int64)
        for terms, sign in ((ask.preferred_affinity, 1), (ask.preferred_anti_affinity, -1)):
            for term in terms:
                counter = view.placed.counter(Question((term,)))
                if counter.total:
                    total += sign * term.weight * _by_domain(view, term.topology, counter.read(size))
        placed = view.placed
        for term, bearers in placed.terms_selecting(ask, "affinity"):
            total += _HARD_AFFINITY_WEIGHT * _by_domain(view, term.topology, bearers.read(size))
        for term, bearers in placed.terms_selecting(ask, "preferred_affinity"):
            total += term.weight * _by_domain(view, term.topology, bearers.read(size))
        for term, bearers in placed.terms_selecting(ask, "preferred_anti_affinity"):
            total -= term.weight * _by_domain(view, term.topology, bearers.read(size))
        return total[rows]

    def normalize(self, ask: Ask, view: View, raw: Ints) -> Ints:
        least, most = int(raw.min()), int(raw.max())
        if most == least:
            return np.zeros(len(raw), np.int64)
        return (MAX_SCORE * ((raw - least) / (most - least))).astype(np.int64)


def _asked(terms: tuple[PodTerm, ...]) -> str:
    return "; ".join(f"{term.selector or 'any pod'} by {term.topology}" for term in terms)
