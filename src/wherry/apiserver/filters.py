"""What stands between a request and its answer, apart from authentication and authorization."""

from __future__ import annotations

from wherry.api import errors
from wherry.apiserver.attributes import RequestInfo, User

_LONG_VERBS = frozenset(("watch", "proxy"))
_LONG_SUBRESOURCES = frozenset(("attach", "exec", "proxy", "log", "portforward"))
_READS = frozenset(("get", "list", "watch"))


def is_long_running(info: RequestInfo) -> bool:
    """Requests that last as long as the client likes, and so count against no limit."""
    return info.verb in _LONG_VERBS or info.subresource in _LONG_SUBRESOURCES


class InFlight:
    """Bounds on requests under way, reads and writes apart (`WithMaxInFlightLimit`): what is over the
    bound gets 429, except for system:masters. 0 is no bound."""

    def __init__(self, reads: int, writes: int) -> None:
        self._limits = {"readOnly": reads, "mutating": writes}
        self.current = {"readOnly": 0, "mutating": 0}

    def enter(self, info: RequestInfo, user: User) -> str:
        """The kind to give to `leave`, "" for what isn't counted. Raises ApiError 429."""
        if is_long_running(info):
            return ""
        kind = "readOnly" if info.verb in _READS or not info.is_resource else "mutating"
        limit = self._limits[kind]
        if limit and self.current[kind] >= limit and "system:masters" not in user.groups:
            raise errors.too_many_requests("Too many requests, please try again later.", 1)
        self.current[kind] += 1
        return kind

    def leave(self, kind: str) -> None:
        if kind:
            self.current[kind] -= 1
