"""What a pod requests, as the scheduler counts it (`k8s.io/component-helpers/resource.PodRequests`).

Containers add up; an init container needs its own request beside the sidecars started before it; the
larger of both counts; overhead comes on top; requests stated for the whole pod win. CPU is counted in
thousandths, everything else in units. Resizes in progress are not looked at: the spec is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from wherry.api import quantity

Amounts: TypeAlias = dict[str, int]

# What a container without a request counts for in scoring (never in filtering).
DEFAULT_REQUESTS: Mapping[str, int] = {"cpu": 100, "memory": 200 * 1024 * 1024}


@dataclass(frozen=True, slots=True)
class Requests:
    """`amounts` as asked for (zeros left out); `scored` is (cpu, memory) with the defaults filled in."""

    amounts: Amounts
    scored: tuple[int, int]


def amount(name: str, value: str | int | float) -> int:
    return quantity.milli(value) if name == "cpu" else quantity.whole(value)


def amounts(quantities: Mapping[str, str | int | float]) -> Amounts:
    return {name: amount(name, value) for name, value in quantities.items()}


def pod_requests(spec: Any) -> Requests:
    """The request of a typed or decoded PodSpec."""
    exact = _total(spec, {})
    scored = _total(spec, DEFAULT_REQUESTS)
    return Requests(
        {name: value for name, value in exact.items() if value},
        (scored.get("cpu", 0), scored.get("memory", 0)),
    )


def _total(spec: Any, defaults: Mapping[str, int]) -> Amounts:
    running = _sum(_container(c, defaults) for c in spec.containers)
    sidecars: Amounts = {}
    starting: Amounts = {}
    for container in spec.initContainers:
        own = _container(container, defaults)
        if container.restartPolicy == "Always":
            running = _sum((running, own))
            sidecars = _sum((sidecars, own))
            starting = _largest(starting, sidecars)
        else:
            starting = _largest(starting, _sum((sidecars, own)))
    total = _largest(running, starting)
    if spec.resources is not None:
        total |= amounts(spec.resources.requests)
    return _sum((total, amounts(spec.overhead)))


def _container(container: Any, defaults: Mapping[str, int]) -> Amounts:
    asked = amounts(container.resources.requests) if container.resources is not None else {}
    return {**defaults, **asked}


def _sum(parts: Iterable[Amounts]) -> Amounts:
    total: Amounts = {}
    for part in parts:
        for name, value in part.items():
            total[name] = total.get(name, 0) + value
    return total


def _largest(one: Amounts, other: Amounts) -> Amounts:
    return {name: max(one.get(name, 0), other.get(name, 0)) for name in one | other}
