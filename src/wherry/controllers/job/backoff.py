"""How long to wait before the next pod after failures: 10 s, doubled with each, at most 10 minutes.

A success resets it. Kept in memory only: after a restart of the manager the first wait is skipped.
Follows upstream's `pkg/controller/job/backoff_utils.go`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from wherry.clock import parse_rfc3339

BASE, CAP = 10.0, 600.0


@dataclass(slots=True)
class Backoff:
    failures: int = 0
    last: float = 0.0

    def note(self, failed: list[Any], succeeded: bool, now: float) -> None:
        if succeeded:
            self.failures = 0
        for pod in failed:
            self.failures += 1
            self.last = max(self.last, min(now, ended(pod) or now))

    def remaining(self, now: float) -> float:
        if self.failures == 0:
            return 0.0
        wait: float = min(CAP, BASE * 2.0 ** min(self.failures - 1, 20))
        return max(0.0, self.last + wait - now)


def ended(pod: Any) -> float | None:
    """When the last container ended."""
    times = [
        status.state.terminated.finishedAt
        for status in pod.status.containerStatuses
        if status.state is not None and status.state.terminated is not None
    ]
    return max((parse_rfc3339(text) for text in times if text), default=None)
