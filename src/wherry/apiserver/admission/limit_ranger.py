"""LimitRanger: a namespace's LimitRanges fill in what a container does not ask for, and bound the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Any

from wherry.api import quantity
from wherry.api.schema import Obj
from wherry.apiserver.admission.plugin import Plugin, forbidden, the_object
from wherry.apiserver.attributes import Attributes, Reader

_ANNOTATION = "kubernetes.io/limit-ranger"


class LimitRanger(Plugin):
    name = "LimitRanger"
    resources = ("pods", "persistentvolumeclaims")
    operations = ("CREATE", "UPDATE")

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def _limits(self, attributes: Attributes) -> list[Obj]:
        found = self._reader.list("limitranges", attributes.info.namespace)
        return [item for limit_range in found for item in limit_range["spec"].get("limits") or ()]

    async def admit(self, attributes: Attributes) -> Callable[[bool], None] | None:
        # A pod's resources cannot change, so an update has nothing to fill in.
        if attributes.resource.group_resource == "pods" and attributes.operation == "CREATE":
            _fill(the_object(attributes), self._limits(attributes))
        return None

    async def validate(self, attributes: Attributes) -> None:
        limits = self._limits(attributes)
        if not limits:
            return
        obj = the_object(attributes)
        if attributes.resource.group_resource == "pods":
            problems = _pod_problems(obj, limits) if attributes.operation == "CREATE" else []
        else:
            requests = ((obj["spec"].get("resources") or {}).get("requests")) or {}
            problems = _problems(requests, {}, limits, "PersistentVolumeClaim", only_requests=True)
        if problems:
            why = problems[0] if len(problems) == 1 else f"[{', '.join(problems)}]"
            raise forbidden(attributes, why)


def _fill(pod: Obj, limits: list[Obj]) -> None:
    items = [item for item in limits if item.get("type") == "Container"]
    if not items:
        return
    defaults: dict[str, Any] = {}
    requests: dict[str, Any] = {}
    for item in items:
        defaults.update(item.get("default") or {})
        requests.update(item.get("defaultRequest") or {})
    said: list[str] = []
    for kind, word in (("containers", "container"), ("initContainers", "init container")):
        for container in pod["spec"].get(kind) or ():
            resources = container.setdefault("resources", {})
            for field, values in (("requests", requests), ("limits", defaults)):
                missing = {k: v for k, v in values.items() if k not in (resources.get(field) or {})}
                if missing:
                    resources[field] = {**(resources.get(field) or {}), **missing}
                    said.append(
                        f"{', '.join(sorted(missing))} {field[:-1]} for {word} {container.get('name', '')}"
                    )
    if said:
        metadata = pod["metadata"]
        note = "LimitRanger plugin set: " + "; ".join(said)
        metadata["annotations"] = {**(metadata.get("annotations") or {}), _ANNOTATION: note}


def _pod_problems(pod: Obj, limits: list[Obj]) -> list[str]:
    out: list[str] = []
    containers = [*(pod["spec"].get("containers") or ()), *(pod["spec"].get("initContainers") or ())]
    for container in containers:
        resources = container.get("resources") or {}
        asked, most = resources.get("requests") or {}, resources.get("limits") or {}
        out += _problems(asked, most, limits, "Container")
    if any(item.get("type") == "Pod" for item in limits):
        out += _problems(_total(pod, "requests"), _total(pod, "limits"), limits, "Pod")
    return out


def _total(pod: Obj, field: str) -> dict[str, str]:
    """Containers together, or the largest init container where that is more."""
    sums: dict[str, Fraction] = {}
    for container in pod["spec"].get("containers") or ():
        for name, value in ((container.get("resources") or {}).get(field) or {}).items():
            sums[name] = sums.get(name, Fraction(0)) + quantity.parse(value)
    for container in pod["spec"].get("initContainers") or ():
        for name, value in ((container.get("resources") or {}).get(field) or {}).items():
            sums[name] = max(sums.get(name, Fraction(0)), quantity.parse(value))
    return {name: _text(name, value) for name, value in sums.items()}


def _text(name: str, value: Fraction) -> str:
    if name == "cpu" or value.denominator != 1:
        return quantity.from_milli(-(-value.numerator * 1000 // value.denominator))
    return quantity.from_whole(int(value), binary=True)


def _problems(
    requests: Obj, limits: Obj, items: Iterable[Obj], kind: str, *, only_requests: bool = False
) -> list[str]:
    out: list[str] = []
    for item in items:
        if item.get("type") != kind:
            continue
        for name, bound in (item.get("min") or {}).items():
            out += _least(name, bound, requests, limits, kind)
        for name, bound in (item.get("max") or {}).items():
            out += _most(name, bound, requests, limits, kind, only_requests=only_requests)
        for name, bound in (item.get("maxLimitRequestRatio") or {}).items():
            out += _ratio(name, bound, requests, limits, kind)
    return out


def _least(name: str, bound: Any, requests: Obj, limits: Obj, kind: str) -> list[str]:
    asked, most = requests.get(name), limits.get(name)
    head = f"minimum {name} usage per {kind} is {bound}"
    if asked is None:
        return [f"{head}.  No request is specified"]
    if quantity.parse(asked) < quantity.parse(bound):
        return [f"{head}, but request is {asked}"]
    if most is not None and quantity.parse(most) < quantity.parse(bound):
        return [f"{head}, but limit is {most}"]
    return []


def _most(name: str, bound: Any, requests: Obj, limits: Obj, kind: str, *, only_requests: bool) -> list[str]:
    asked, most = requests.get(name), limits.get(name)
    head = f"maximum {name} usage per {kind} is {bound}"
    if only_requests:
        over = asked is not None and quantity.parse(asked) > quantity.parse(bound)
        return [f"{head}, but request is {asked}"] if over else []
    if most is None:
        return [f"{head}.  No limit is specified"]
    if quantity.parse(most) > quantity.parse(bound):
        return [f"{head}, but limit is {most}"]
    if asked is not None and quantity.parse(asked) > quantity.parse(bound):
        return [f"{head}, but request is {asked}"]
    return []


def _ratio(name: str, bound: Any, requests: Obj, limits: Obj, kind: str) -> list[str]:
    asked, most = requests.get(name), limits.get(name)
    head = f"{name} max limit to request ratio per {kind} is {bound}"
    if asked is None or quantity.parse(asked) == 0:
        return [f"{head}, but no request is specified or request is 0"]
    if most is None or quantity.parse(most) == 0:
        return [f"{head}, but no limit is specified or limit is 0"]
    ratio = float(quantity.parse(most) / quantity.parse(asked))
    return [f"{head}, but provided ratio is {ratio:f}"] if ratio > float(quantity.parse(bound)) else []
