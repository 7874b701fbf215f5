"""A store so simple that it is right: every revision's whole state is kept."""

from __future__ import annotations

from collections.abc import Sequence

from wherry.etcd.keyrange import contains
from wherry.etcd.types import Compare, Delete, Event, KeyValue, Op, Put, Range, RangeResult

State = dict[bytes, KeyValue]


class Model:
    def __init__(self) -> None:
        self.states: list[State] = [{}, {}]
        """By revision."""
        self.events: list[Event] = []
        self.compacted = 0

    @property
    def revision(self) -> int:
        return len(self.states) - 1

    def txn(self, compares: Sequence[Compare], success: Sequence[Op], failure: Sequence[Op]) -> bool:
        succeeded = all(self._holds(compare) for compare in compares)
        state = dict(self.states[-1])
        revision = self.revision + 1
        events: list[Event] = []
        for op in success if succeeded else failure:
            if isinstance(op, Put):
                prev = state.get(op.key)
                created, version = (prev.create_revision, prev.version + 1) if prev else (revision, 1)
                state[op.key] = KeyValue(op.key, op.value, created, revision, version)
                events.append(Event("put", state[op.key], prev))
            elif isinstance(op, Delete):
                gone = [key for key in sorted(state) if contains(op.key, op.end, key)]
                events += [
                    Event("delete", KeyValue(key, b"", 0, revision, 0), state.pop(key)) for key in gone
                ]
        if events:
            self.states.append(state)
            self.events += events
        return succeeded

    def range(self, request: Range) -> RangeResult:
        state = self.states[request.revision or self.revision]
        found = [state[key] for key in sorted(state) if contains(request.key, request.end, key)]
        kept = found[: request.limit or None]
        return RangeResult(kept, len(kept) < len(found), len(found), self.revision)

    def watch(self, key: bytes, end: bytes | None, revision: int) -> list[Event]:
        """What a watch from `revision` is told by now; what came before the event goes with compaction."""
        return [
            event._replace(prev=None) if event.kv.mod_revision <= self.compacted else event
            for event in self.events
            if event.kv.mod_revision >= revision and contains(key, end, event.kv.key)
        ]

    def _holds(self, compare: Compare) -> bool:
        kv = self.states[-1].get(compare.key)
        actual = {
            "mod": kv.mod_revision if kv else 0,
            "create": kv.create_revision if kv else 0,
            "version": kv.version if kv else 0,
            "value": kv.value if kv else None,
        }[compare.target]
        if actual is None:
            return False
        wanted = compare.value
        return {
            "=": actual == wanted,
            "!=": actual != wanted,
            "<": actual < wanted,  # type: ignore[operator]
            ">": actual > wanted,  # type: ignore[operator]
        }[compare.op]
