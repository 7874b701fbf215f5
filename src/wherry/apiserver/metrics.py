"""Request counts and durations, in Prometheus' text format, under upstream's names."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field

from wherry.apiserver.attributes import RequestInfo

BUCKETS = (
    0.005,
    0.025,
    0.05,
    0.1,
    0.2,
    0.4,
    0.6,
    0.8,
    1.0,
    1.25,
    1.5,
    2,
    3,
    4,
    5,
    6,
    8,
    10,
    15,
    20,
    30,
    45,
    60,
)
_MAX_SERIES = 5000
_METHODS = {
    "create": "POST",
    "update": "PUT",
    "patch": "PATCH",
    "delete": "DELETE",
    "get": "GET",
    "list": "LIST",
    "watch": "WATCH",
    "deletecollection": "DELETE",
}


@dataclass(slots=True)
class _Series:
    count: int = 0
    seconds: float = 0.0
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))


class RequestMetrics:
    """`record` is on every request's way: one dict look-up and three additions."""

    def __init__(self) -> None:
        self._series: dict[tuple[str, str, str, str, str, int], _Series] = {}

    def record(self, info: RequestInfo, code: int, seconds: float) -> None:
        key = (info.verb, info.group, info.version, info.resource, info.subresource, code)
        series = self._series.get(key)
        if series is None:
            if len(self._series) >= _MAX_SERIES:
                return
            series = self._series[key] = _Series()
        series.count += 1
        series.seconds += seconds
        series.buckets[bisect_left(BUCKETS, seconds)] += 1

    def text(self, inflight: dict[str, int], resources: frozenset[tuple[str, str, str]]) -> str:
        """`resources` are (group, version, name) that exist; what clients made up is left out."""
        lines = [
            "# HELP apiserver_request_total Counter of apiserver requests broken out for each verb, "
            "group, version, resource and HTTP response code.",
            "# TYPE apiserver_request_total counter",
        ]
        known = [
            (key, series)
            for key, series in sorted(self._series.items())
            if not key[3] or (key[1], key[2], key[3]) in resources
        ]
        for (verb, group, version, resource, subresource, code), series in known:
            labels = _labels(verb, group, version, resource, subresource)
            lines.append(f'apiserver_request_total{{code="{code}",{labels}}} {series.count}')
        name = "apiserver_request_duration_seconds"
        lines += [
            f"# HELP {name} Response latency distribution in seconds for each verb, group and resource.",
            f"# TYPE {name} histogram",
        ]
        merged: dict[str, _Series] = {}
        for key, series in known:
            into = merged.setdefault(_labels(*key[:5]), _Series())
            into.count += series.count
            into.seconds += series.seconds
            into.buckets = [a + b for a, b in zip(into.buckets, series.buckets, strict=True)]
        for labels, series in merged.items():
            total = 0
            for bound, count in zip((*BUCKETS, "+Inf"), series.buckets, strict=True):
                total += count
                lines.append(f'{name}_bucket{{{labels},le="{bound}"}} {total}')
            lines.append(f"{name}_sum{{{labels}}} {series.seconds:.9g}")
            lines.append(f"{name}_count{{{labels}}} {series.count}")
        lines.append("# TYPE apiserver_current_inflight_requests gauge")
        for kind, number in sorted(inflight.items()):
            lines.append(f'apiserver_current_inflight_requests{{request_kind="{kind}"}} {number}')
        return "\n".join(lines) + "\n"


def _labels(verb: str, group: str, version: str, resource: str, subresource: str) -> str:
    return (
        f'group="{group}",resource="{resource}",subresource="{subresource}",'
        f'verb="{_METHODS.get(verb, verb.upper())}",version="{version}"'
    )
