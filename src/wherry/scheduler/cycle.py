"""One pod's way through filters and scores: pure until somebody acts on the decision.

What depends on a row alone is kept in a `Memo` per Ask and redone only for rows that changed since, so
the thousandth pod of a Deployment costs a handful of array operations. What depends on pods elsewhere
(spreading, affinity) is worked out for every pod, vectorised over all nodes.

Invariant: after `_fresh`, a memo equals what a computation from nothing would give.
"""

from __future__ import annotations

import random
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from wherry.scheduler.asks import Ask
from wherry.scheduler.columns import Columns, Ints, Rows
from wherry.scheduler.counters import PlacedPod
from wherry.scheduler.framework import Depends, Filter, Refusal, Score, Verdict, View
from wherry.scheduler.plugins.node_affinity import CONFLICT
from wherry.scheduler.plugins.node_affinity import NAME as NODE_AFFINITY
from wherry.scheduler.plugins.registry import FILTERS, SCORES

Codes: TypeAlias = npt.NDArray[np.int8]
"""For each row: 0 fits, n refused by FILTERS[n - 1], -1 no node there."""

_NO_NODE = -1
_MEMOS = 256


@dataclass(slots=True)
class Memo:
    epoch: int
    generation: int
    position: int
    codes: Codes
    scores: dict[int, Ints]
    verdict: Verdict | None = None
    verdict_at: tuple[int, int, int] = (-1, -1, -1)


@dataclass(frozen=True, slots=True)
class Choice:
    """The node for a pod, or why there is none. `codes` says who refused which row."""

    row: int | None
    feasible: int = 0
    verdict: Verdict | None = None


@dataclass(slots=True)
class Cycle:
    """Decides; changes nothing but its own memory (and, undone at once, what-ifs in the columns)."""

    view: View
    rng: random.Random
    filters: tuple[Filter, ...] = FILTERS
    scorers: tuple[Score, ...] = SCORES
    _memos: OrderedDict[Ask, Memo] = field(default_factory=OrderedDict)

    def choose(self, ask: Ask, reserved: Iterable[PlacedPod] = ()) -> Choice:
        """The best node. `reserved` are nominated pods that must still fit beside this one."""
        nodes = self.view.nodes
        if not nodes.live_count:
            return Choice(None, verdict=Verdict(0, ()))
        if ask.only_nodes is not None:
            return self._choose_among(ask, ask.only_nodes, reserved)
        memo = self._fresh(ask)
        now = (nodes.epoch, nodes.generation, len(nodes.log))
        if memo.verdict is not None and memo.verdict_at == now:
            return Choice(None, verdict=memo.verdict)
        codes = self._complete(ask, memo.codes[: nodes.size])
        codes = self._beside(ask, codes, reserved)
        fitting = np.flatnonzero(codes == 0)
        if len(fitting):
            return Choice(self._best(ask, fitting, memo.scores), len(fitting))
        verdict = self.explain(ask, codes)
        if (nodes.epoch, nodes.generation, len(nodes.log)) == now:
            # Nothing was tried beside reserved pods: the same holds for the next that asks the same.
            memo.verdict, memo.verdict_at = verdict, now
        return Choice(None, verdict=verdict)

    def fits(self, ask: Ask, row: int) -> bool:
        """Would the pod fit on this node as things stand?"""
        rows = np.array([row], np.intp)
        if not self.view.nodes.live[row]:
            return False
        return all(
            self._filter(plugin, ask, rows)[0] for plugin in self.filters if plugin.applies(ask, self.view)
        )

    def row_fits(self, ask: Ask, row: int, names: Iterable[str]) -> bool:
        """Do those of the named filters that look at the node alone let the pod onto it?"""
        rows, wanted = np.array([row], np.intp), frozenset(names)
        chosen = [p for p in self.filters if p.name in wanted and p.depends == "row"]
        return all(p.filter(ask, self.view, rows)[0] for p in chosen if p.applies(ask, self.view))

    def explain(self, ask: Ask, codes: Codes) -> Verdict:
        """Who refused which node and why, as data."""
        refusals: list[Refusal] = []
        for index, plugin in enumerate(self.filters):
            rows = tuple(np.flatnonzero(codes == index + 1).tolist())
            if rows:
                refusals += plugin.refusals(ask, self.view, rows)
        return Verdict(self.view.nodes.live_count, tuple(refusals))

    # -- inside -----------------------------------------------------------------------------------
    def _fresh(self, ask: Ask) -> Memo:
        """The memo of an ask, with rows that changed since its last use redone."""
        nodes = self.view.nodes
        memo = self._memos.get(ask)
        if memo is not None:
            self._memos.move_to_end(ask)
            changed = _changed(nodes, memo)
        if memo is None or changed is None or len(memo.codes) < nodes.size:
            capacity = len(nodes.live)
            memo = Memo(nodes.epoch, -1, 0, np.zeros(capacity, np.int8), {})
            self._memos[ask] = memo
            if len(self._memos) > _MEMOS:
                self._memos.popitem(last=False)
            self._redo(ask, memo, nodes.all_rows())
        elif len(changed):
            self._redo(ask, memo, changed)
        if memo.generation != nodes.generation:
            self._redo_scores(ask, memo, nodes.all_rows(), "nodes")
            memo.generation = nodes.generation
        memo.position = len(nodes.log)
        return memo

    def _redo(self, ask: Ask, memo: Memo, rows: Rows) -> None:
        memo.codes[rows] = self._row_codes(ask, rows)
        self._redo_scores(ask, memo, rows, "row")

    def _redo_scores(self, ask: Ask, memo: Memo, rows: Rows, depends: Depends) -> None:
        for index, scorer in enumerate(self.scorers):
            if scorer.depends != depends:
                continue
            if not scorer.applies(ask, self.view):
                memo.scores.pop(index, None)
                continue
            if index not in memo.scores:
                # It may begin to apply later (the first taint came): rows not redone score 0, as before.
                memo.scores[index] = np.zeros(len(memo.codes), np.int64)
            memo.scores[index][rows] = scorer.score(ask, self.view, rows)

    def _row_codes(self, ask: Ask, rows: Rows) -> Codes:
        live = self.view.nodes.live[rows]
        codes = np.where(live, 0, _NO_NODE).astype(np.int8)
        for index, plugin in enumerate(self.filters):
            if plugin.depends == "row" and plugin.applies(ask, self.view):
                refused = np.logical_not(plugin.filter(ask, self.view, rows))
                codes[refused & (codes == 0)] = index + 1
        return codes

    def _complete(self, ask: Ask, codes: Codes) -> Codes:
        """The codes with the filters that look beyond the row."""
        every, copied = self.view.nodes.all_rows(), False
        for index, plugin in enumerate(self.filters):
            if plugin.depends != "row" and plugin.applies(ask, self.view):
                refused = np.logical_not(plugin.filter(ask, self.view, every))
                codes = codes if copied else codes.copy()
                copied = True
                codes[refused & (codes == 0)] = index + 1
        return codes

    def _beside(self, ask: Ask, codes: Codes, reserved: Iterable[PlacedPod]) -> Codes:
        """Refuses rows where the pod would take the place of a nominated pod."""
        by_row: dict[int, list[PlacedPod]] = {}
        for nominated in reserved:
            if codes[nominated.row] == 0:
                by_row.setdefault(nominated.row, []).append(nominated)
        if not by_row:
            return codes
        codes = codes.copy()
        for row, pods in by_row.items():
            for pod in pods:
                self.view.placed.add(pod)
            rows = np.array([row], np.intp)
            for index, plugin in enumerate(self.filters):
                if plugin.applies(ask, self.view) and not self._filter(plugin, ask, rows)[0]:
                    codes[row] = index + 1
                    break
            for pod in pods:
                self.view.placed.remove(pod.key)
        return codes

    def _filter(self, plugin: Filter, ask: Ask, rows: npt.NDArray[np.intp]) -> npt.NDArray[np.bool_]:
        return plugin.filter(ask, self.view, rows)

    def _best(self, ask: Ask, fitting: npt.NDArray[np.intp], kept: Mapping[int, Ints]) -> int:
        """The row with the highest weighted score; equals are drawn from."""
        if len(fitting) == 1:
            return int(fitting[0])
        total = np.zeros(len(fitting), np.int64)
        for index, scorer in enumerate(self.scorers):
            if index in kept:
                raw = kept[index][fitting]
            elif scorer.applies(ask, self.view):
                raw = scorer.score(ask, self.view, fitting)
            else:
                continue
            total += scorer.weight * scorer.normalize(ask, self.view, raw)
        ties = fitting[total == total.max()]
        return int(ties[0] if len(ties) == 1 else ties[self.rng.randrange(len(ties))])

    def _choose_among(self, ask: Ask, names: frozenset[str], reserved: Iterable[PlacedPod]) -> Choice:
        """For a pod that names its nodes (a DaemonSet's): only those are looked at."""
        nodes = self.view.nodes
        if not names:
            return Choice(None, verdict=Verdict(nodes.live_count, (), CONFLICT))
        rows = np.array(sorted(nodes.rows[n] for n in names if n in nodes.rows), np.intp)
        codes = np.where(nodes.live[: nodes.size], np.int8(_outside(self.filters)), np.int8(_NO_NODE))
        codes[rows] = self._row_codes(ask, rows)
        codes = self._beside(ask, self._complete(ask, codes), reserved)
        fitting = np.flatnonzero(codes == 0)
        if not len(fitting):
            return Choice(None, verdict=self.explain(ask, codes))
        return Choice(self._best(ask, fitting, {}), len(fitting))


def _outside(filters: tuple[Filter, ...]) -> int:
    """The code of a row that the pod's own naming of nodes rules out."""
    return next(i + 1 for i, plugin in enumerate(filters) if plugin.name == NODE_AFFINITY)


def _changed(nodes: Columns, memo: Memo) -> npt.NDArray[np.intp] | None:
    """Rows changed since the memo was made; None when that is most of them, or no longer known."""
    if memo.epoch != nodes.epoch:
        return None
    changed = nodes.log[memo.position :]
    if len(changed) <= 1:
        return np.array(changed, np.intp)
    distinct = set(changed)
    return None if 2 * len(distinct) > nodes.size else np.array(sorted(distinct), np.intp)
