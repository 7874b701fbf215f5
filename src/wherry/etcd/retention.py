"""How long the past is kept: by age and by size, whichever ends first."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from wherry.etcd.keyindex import KeyIndex


class Retention(NamedTuple):
    seconds: float = 300.0
    """History younger than this stays. Upstream's API server compacts every five minutes."""
    bytes: int = 256 << 20
    """Of superseded records; when there are more, the oldest go whatever their age."""
    interval: float = 10.0
    """How often to look."""


class Ages:
    """Which revision the store had when, as exactly as it was noted."""

    def __init__(self) -> None:
        self._noted: deque[tuple[float, int]] = deque()

    def note(self, now: float, revision: int) -> None:
        if not self._noted or self._noted[-1][1] != revision:
            self._noted.append((now, revision))

    def before(self, moment: float) -> int:
        """The last revision noted up to `moment`, 0 when that is not known. Forgets what came before it."""
        revision = 0
        while self._noted and self._noted[0][0] <= moment:
            revision = self._noted[0][1]
            if len(self._noted) == 1 or self._noted[1][0] > moment:
                break
            self._noted.popleft()
        return revision


def compaction_due(
    policy: Retention, ages: Ages, index: KeyIndex, now: float, revision: int, full: bool
) -> int:
    """The revision up to which history can go; 0 for none. A full store gives up all of it: room for
    new writes is worth more."""
    if full:
        return revision
    excess = index.history_bytes - policy.bytes
    return max(ages.before(now - policy.seconds), index.revision_freeing(excess) if excess > 0 else 0)
