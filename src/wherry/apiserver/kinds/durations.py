"""Ages as people read them (`k8s.io/apimachinery/pkg/util/duration`).

Worked example: 59 s is `59s`, 150 s is `2m30s`, 20 minutes are `20m`, 3 h 5 min are `3h5m`, three days
are `3d`, and so on: never more than two units, the finer one only while it says something.
"""

from __future__ import annotations

from wherry.clock import parse_rfc3339

_DAY = 86400
_YEAR = 365 * _DAY


def human_duration(seconds: float) -> str:
    """`duration.HumanDuration`: two units while the amount is small, then one."""
    # A clock a second apart is no news, a negative age beyond that is a mistake worth seeing.
    if seconds < -1:
        return "<invalid>"
    whole = int(seconds)
    if whole < 0:
        return "0s"
    if whole < 120:
        return f"{whole}s"
    minutes = whole // 60
    if minutes < 10:
        return _pair(minutes, "m", whole % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    hours = whole // 3600
    if hours < 8:
        return _pair(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    if hours < 24 * 8:
        return _pair(hours // 24, "d", hours % 24, "h")
    if hours < 24 * 365 * 2:
        return f"{hours // 24}d"
    if hours < 24 * 365 * 8:
        return _pair(whole // _YEAR, "y", hours // 24 % 365, "d")
    return f"{whole // _YEAR}y"


def _pair(large: int, unit: str, small: int, small_unit: str) -> str:
    return f"{large}{unit}{small}{small_unit}" if small else f"{large}{unit}"


def age(timestamp: str | None, now: float) -> str:
    """Since then; `<unknown>` where there is no time."""
    if not timestamp:
        return "<unknown>"
    return human_duration(now - parse_rfc3339(timestamp))
