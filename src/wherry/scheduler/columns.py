"""All nodes as columns: one numpy array per fact, one row per node, changed in place by watch events.

    row        0        1        2
    names      n0       n1       n2
    live       True     True     False      (row 2: its node went away while pods still stand there)
    capacity   [cpu, memory, ephemeral-storage, pods, then every other resource seen] x rows
    used       the same, for the pods on the row (assumed ones included)

Label values are interned per key, in columns made when a key is first asked for; a node's taints are
interned as a whole (few distinct sets exist), so a toleration is judged once per set. `log` lists the
rows that changed, in order: whoever keeps results remembers its length and redoes only what follows.
Rows are never moved; arrays grow by doubling. Nothing here decides anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from wherry.scheduler.asks import Port
from wherry.scheduler.resources import Amounts, amounts

Ints: TypeAlias = npt.NDArray[np.int64]
Ids: TypeAlias = npt.NDArray[np.int32]
Mask: TypeAlias = npt.NDArray[np.bool_]
Rows: TypeAlias = npt.NDArray[np.intp] | slice
Taint: TypeAlias = tuple[str, str, str]

CPU, MEMORY, STORAGE, PODS = range(4)
_BASE = ("cpu", "memory", "ephemeral-storage", "pods")
_FIRST = 16
ANY_ADDRESS = "0.0.0.0"


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What of a Node matters here; equal facts mean nothing to do."""

    labels: tuple[tuple[str, str], ...]
    capacity: tuple[tuple[str, int], ...]
    taints: tuple[Taint, ...]
    unschedulable: bool
    images: tuple[tuple[str, int], ...]


def facts(node: Any) -> NodeFacts:
    return NodeFacts(
        tuple(sorted(node.metadata.labels.items())),
        tuple(sorted(amounts(node.status.allocatable).items())),
        tuple((t.key or "", t.value or "", t.effect or "") for t in node.spec.taints),
        bool(node.spec.unschedulable),
        tuple(sorted({name: i.sizeBytes or 0 for i in node.status.images for name in i.names}.items())),
    )


class LabelColumn:
    """One label key over all rows: the id of the row's value, -1 where the label is absent."""

    def __init__(self, capacity: int) -> None:
        self.ids: Ids = np.full(capacity, -1, np.int32)
        self.values: dict[str, int] = {}

    def set(self, row: int, value: str | None) -> None:
        self.ids[row] = -1 if value is None else self.values.setdefault(value, len(self.values))


class Columns:
    def __init__(self) -> None:
        self.size = 0
        self.names: list[str] = []
        self.rows: dict[str, int] = {}
        self.live: Mask = np.zeros(_FIRST, np.bool_)
        self.unschedulable: Mask = np.zeros(_FIRST, np.bool_)
        self.taint_set: Ids = np.zeros(_FIRST, np.int32)
        self.taint_sets: list[tuple[Taint, ...]] = [()]
        self.resources: dict[str, int] = {name: i for i, name in enumerate(_BASE)}
        self.capacity: Ints = np.zeros((len(_BASE), _FIRST), np.int64)
        self.used: Ints = np.zeros((len(_BASE), _FIRST), np.int64)
        self.scored: Ints = np.zeros((2, _FIRST), np.int64)
        self.ports: dict[tuple[str, int], dict[int, dict[str, int]]] = {}
        self.images: dict[str, dict[int, int]] = {}
        self.facts: list[NodeFacts | None] = []
        self.live_count = 0
        self.log: list[int] = []
        self.epoch = 0
        self.generation = 0
        self._labels: dict[str, LabelColumn] = {}
        self._taint_ids: dict[tuple[Taint, ...], int] = {(): 0}
        self._free: list[int] = []

    # -- nodes ------------------------------------------------------------------------------------
    def row(self, name: str) -> int:
        """The row of a node, made (not live) when the name is new: a pod may be seen before its node."""
        row = self.rows.get(name)
        if row is None:
            if self._free:
                row = self._free.pop()
                self.names[row] = name
            else:
                row = self.size
                self.size += 1
                self.names.append(name)
                self.facts.append(None)
                if self.size > len(self.live):
                    self._grow()
            self.rows[name] = row
        return row

    def set_node(self, name: str, new: NodeFacts) -> int | None:
        """Takes over a node's facts. The row, or None when nothing that matters changed."""
        row = self.row(name)
        old = self.facts[row]
        if old == new:
            return None
        self.facts[row] = new
        self.live_count += old is None
        self.live[row] = True
        self.unschedulable[row] = new.unschedulable
        self.taint_set[row] = self._taint_id(new.taints)
        for name_, amount in new.capacity:
            index = self.resource(name_)  # may replace the array
            self.capacity[index, row] = amount
        for name_, _ in old.capacity if old else ():
            if name_ not in dict(new.capacity):
                self.capacity[self.resources[name_], row] = 0
        labels = dict(new.labels)
        for key, column in self._labels.items():
            column.set(row, labels.get(key))
        self._set_images(row, old.images if old else (), new.images)
        self.touch(row)
        self.generation += 1
        return row

    def remove_node(self, name: str) -> None:
        """Forgets the node; its row stays, not live, while pods stand on it (see `release`)."""
        row = self.rows.get(name)
        if row is None or self.facts[row] is None:
            return
        old = self.facts[row]
        assert old is not None
        self._set_images(row, old.images, ())
        self.facts[row] = None
        self.live_count -= 1
        self.live[row] = False
        self.capacity[:, row] = 0
        for column in self._labels.values():
            column.set(row, None)
        self.touch(row)
        self.generation += 1

    def release(self, row: int) -> None:
        """Gives a row back that has neither node nor pods."""
        if self.facts[row] is None and self.rows.get(self.names[row]) == row and not self.used[PODS, row]:
            del self.rows[self.names[row]]
            self._free.append(row)

    # -- pods -------------------------------------------------------------------------------------
    def add_pod(self, row: int, requests: Amounts, scored: tuple[int, int], ports: Iterable[Port]) -> None:
        self._account(row, requests, scored, 1)
        for address, protocol, port in ports:
            at = self.ports.setdefault((protocol, port), {}).setdefault(row, {})
            at[address] = at.get(address, 0) + 1

    def remove_pod(self, row: int, requests: Amounts, scored: tuple[int, int], ports: Iterable[Port]) -> None:
        self._account(row, requests, scored, -1)
        for address, protocol, port in ports:
            rows = self.ports[protocol, port]
            at = rows[row]
            at[address] -= 1
            if not at[address]:
                del at[address]
                if not at:
                    del rows[row]
                    if not rows:
                        del self.ports[protocol, port]

    def _account(self, row: int, requests: Amounts, scored: tuple[int, int], sign: int) -> None:
        for name, amount in requests.items():
            index = self.resource(name)  # may replace the array
            self.used[index, row] += sign * amount
        self.used[PODS, row] += sign
        self.scored[0, row] += sign * scored[0]
        self.scored[1, row] += sign * scored[1]
        self.touch(row)

    # -- reading ----------------------------------------------------------------------------------
    def resource(self, name: str) -> int:
        """The index of a resource in `capacity` and `used`."""
        index = self.resources.get(name)
        if index is None:
            index = self.resources[name] = len(self.resources)
            empty = np.zeros((1, self.capacity.shape[1]), np.int64)
            self.capacity = np.concatenate((self.capacity, empty))
            self.used = np.concatenate((self.used, empty))
        return index

    def label(self, key: str) -> LabelColumn:
        column = self._labels.get(key)
        if column is None or len(column.values) > 2 * self.size + 64:  # full of values of nodes long gone
            column = self._labels[key] = LabelColumn(len(self.live))
            for row, known in enumerate(self.facts):
                if known is not None:
                    column.set(row, dict(known.labels).get(key))
        return column

    def labels_of(self, row: int) -> Mapping[str, str]:
        known = self.facts[row]
        return dict(known.labels) if known is not None else {}

    def all_rows(self) -> slice:
        return slice(0, self.size)

    def names_of(self, rows: Iterable[int]) -> tuple[str, ...]:
        return tuple(self.names[row] for row in rows)

    def touch(self, row: int) -> None:
        """Notes a change of the row; a log much longer than the table starts a new epoch."""
        self.log.append(row)
        if len(self.log) > 8 * max(self.size, 512):
            self.log.clear()
            self.epoch += 1

    # -- inside -----------------------------------------------------------------------------------
    def _taint_id(self, taints: tuple[Taint, ...]) -> int:
        found = self._taint_ids.get(taints)
        if found is None:
            found = self._taint_ids[taints] = len(self.taint_sets)
            self.taint_sets.append(taints)
        return found

    def _set_images(
        self, row: int, old: tuple[tuple[str, int], ...], new: tuple[tuple[str, int], ...]
    ) -> None:
        for name, _ in old:
            rows = self.images[name]
            del rows[row]
            if not rows:
                del self.images[name]
        for name, size in new:
            self.images.setdefault(name, {})[row] = size

    def _grow(self) -> None:
        more = len(self.live)
        self.live = np.concatenate((self.live, np.zeros(more, np.bool_)))
        self.unschedulable = np.concatenate((self.unschedulable, np.zeros(more, np.bool_)))
        self.taint_set = np.concatenate((self.taint_set, np.zeros(more, np.int32)))
        self.capacity = _wider(self.capacity, more)
        self.used = _wider(self.used, more)
        self.scored = _wider(self.scored, more)
        for column in self._labels.values():
            column.ids = np.concatenate((column.ids, np.full(more, -1, np.int32)))


def _wider(table: Ints, more: int) -> Ints:
    return np.concatenate((table, np.zeros((table.shape[0], more), np.int64)), axis=1)
