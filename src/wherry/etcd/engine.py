"""What the store needs of whatever keeps its records: the waist between MVCC and memory or disk.

An engine keeps records by position (see keyindex.py), a few numbers beside them, and knows nothing of
revisions, keys or watches. `write` is atomic: all of the changes or none, durable when it returns.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from wherry.etcd.types import KeyValue


@dataclass(slots=True)
class Change:
    """One atomic step. A lease of None goes away."""

    puts: list[tuple[int, KeyValue]] = field(default_factory=list)
    drops: Sequence[int] = ()
    leases: Mapping[int, float | None] = field(default_factory=dict)
    compacted: int = 0

    def __bool__(self) -> bool:
        return bool(self.puts or self.drops or self.leases or self.compacted)


class Found(NamedTuple):
    """A record as recovery meets it, without its value."""

    position: int
    key: bytes
    lease: int
    size: int


class Engine(Protocol):
    blocking: bool
    """Whether `write` waits for a disk and so must be called off the event loop. Reads never are."""

    full: bool
    """Whether more is stored than the limit set; only what frees room may be written then."""

    def recover(self) -> Iterator[Found]:
        """Every record in order of position."""

    def numbers(self) -> tuple[int, dict[int, float]]:
        """The compacted revision, and time to live by lease."""

    def get(self, position: int) -> KeyValue: ...

    def get_many(self, positions: Iterable[int]) -> list[KeyValue]: ...

    def scan(self, start: int, stop: int) -> Generator[tuple[int, KeyValue], None, None]:
        """Records from position `start` up to but without `stop`. Close it when not read to its end."""

    def write(self, changes: Sequence[Change]) -> None:
        """Raises StoreFull (nothing was written), StoreFailed (nothing can be, ever again)."""

    def close(self) -> None: ...


def size_of(kv: KeyValue) -> int:
    """What a record counts for in limits; its few fixed bytes are not worth exactness."""
    return len(kv.key) + len(kv.value) + 64
