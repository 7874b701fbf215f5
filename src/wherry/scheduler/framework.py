"""What a plugin is, and how a refusal is stated.

A filter says for many nodes at once which fit (True) and, when asked, why the others don't; a score
gives one number a node, which may need normalising over the nodes that fit. `depends` states how far a
plugin's answer for a node reaches, so results can be kept:

    "row"    only the node's own columns       -> redo the rows that changed
    "nodes"  all nodes                         -> redo when any node changed
    "all"    nodes and pods anywhere           -> redo for every pod

Refusals are data (`Refusal`, `Verdict`): what was asked, what was there, what would change it.
`wherry.scheduler.messages` turns them into upstream's words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from wherry.scheduler.asks import Ask
from wherry.scheduler.columns import Columns, Ints, Mask, Rows
from wherry.scheduler.counters import Placed

MAX_SCORE = 100
Depends: TypeAlias = Literal["row", "nodes", "all"]


@dataclass(frozen=True, slots=True)
class View:
    """What plugins may look at: the nodes, and the pods that stand on them."""

    nodes: Columns
    placed: Placed


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reason, and the nodes it holds for.

    `by_leaving_pods`: pods leaving the node could change it (upstream's Unschedulable); otherwise only
    the node, or the pod, could (UnschedulableAndUnresolvable).
    """

    plugin: str
    reason: str
    rows: tuple[int, ...]
    by_leaving_pods: bool
    asked: str = ""
    found: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a pod fits nowhere. `conflict` is set when the pod's own terms contradict each other."""

    nodes: int
    refusals: tuple[Refusal, ...]
    conflict: str = ""

    @property
    def plugins(self) -> frozenset[str]:
        return frozenset(refusal.plugin for refusal in self.refusals)

    def hopeful_rows(self) -> tuple[int, ...]:
        """Rows on which every reason could be changed by pods leaving: where preemption may help."""
        hopeless = {row for r in self.refusals if not r.by_leaving_pods for row in r.rows}
        hopeful = {row for r in self.refusals if r.by_leaving_pods for row in r.rows}
        return tuple(sorted(hopeful - hopeless))


class Filter(Protocol):
    name: str
    depends: Depends

    def applies(self, ask: Ask, view: View) -> bool:
        """False when the plugin would let this pod onto any node."""

    def filter(self, ask: Ask, view: View, rows: Rows) -> Mask:
        """For each row: does the pod fit? A plugin with `depends` "all" always gets every row."""

    def refusals(self, ask: Ask, view: View, rows: tuple[int, ...]) -> list[Refusal]:
        """Why not, for rows that `filter` refused."""


class Score(Protocol):
    name: str
    depends: Depends
    weight: int

    def applies(self, ask: Ask, view: View) -> bool:
        """False when the plugin would give every node the same."""

    def score(self, ask: Ask, view: View, rows: Rows) -> Ints:
        """One number a row, 0..100 unless normalised. One that depends on "all" gets the fitting rows."""

    def normalize(self, ask: Ask, view: View, raw: Ints) -> Ints:
        """Raw scores of the fitting nodes to 0..100."""


def default_normalize(raw: Ints, *, reverse: bool) -> Ints:
    """helper.DefaultNormalizeScore: the largest becomes 100; `reverse` turns the order round."""
    largest = int(raw.max(initial=0))
    if largest == 0:
        return raw + MAX_SCORE if reverse else raw
    scaled: Ints = raw * MAX_SCORE // largest
    return MAX_SCORE - scaled if reverse else scaled
