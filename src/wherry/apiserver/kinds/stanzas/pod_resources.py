"""Resources of a pod as a whole: pod-level requests and limits, overhead."""

from __future__ import annotations

from fractions import Fraction

from wherry.api import quantity
from wherry.api.fieldpath import forbidden_field, invalid_value
from wherry.api.schema import Obj
from wherry.apiserver.kinds.stanzas import resources
from wherry.apiserver.kinds.stanzas.formats import Errors


def overhead(found: Obj, path: str, out: Errors) -> None:
    """Checked as limits are, so that is how upstream's paths read."""
    resources.requirements({"limits": found}, path, out)


def validate(found: Obj, spec: Obj, path: str, out: Errors) -> None:
    if found.get("claims"):
        out.append(forbidden_field(f"{path}.claims", "claims cannot be set for Resources at pod-level"))
    stated: Obj = {kind: found[kind] for kind in ("limits", "requests") if kind in found}
    resources.requirements(stated, path, out, name_rule=resources.pod_resource_name)
    requests, limits = found.get("requests") or {}, found.get("limits") or {}
    for name, needed in aggregate(spec, "requests").items():
        stated_request = requests.get(name, "0")
        if needed > quantity.parse(stated_request):
            message = f"must be greater than or equal to aggregate container requests of {text(needed, name)}"
            out.append(invalid_value(f"{path}.requests[{name}]", str(stated_request), message))
    for i, one in enumerate(spec.get("containers") or ()):
        for name, limit in ((one.get("resources") or {}).get("limits") or {}).items():
            if name in limits and quantity.parse(limit) > quantity.parse(limits[name]):
                message = f"must be less than or equal to pod limits of {limits[name]}"
                where = f"{path}.containers[{i}][{name}].limits"
                out.append(invalid_value(where, str(limit), message))


def aggregate(spec: Obj, field: str) -> dict[str, Fraction]:
    """What the containers need (`requests`) or may use (`limits`) at once: all ordinary ones and the
    sidecars, or the largest init container with the sidecars started before it, whichever is more
    (AggregateContainerRequests)."""
    total: dict[str, Fraction] = {}
    for one in spec.get("containers") or ():
        _add(total, one, field)
    sidecars: dict[str, Fraction] = {}
    peak: dict[str, Fraction] = {}
    for one in spec.get("initContainers") or ():
        if one.get("restartPolicy") == "Always":
            _add(total, one, field)
            _add(sidecars, one, field)
            moment = dict(sidecars)
        else:
            moment = dict(sidecars)
            _add(moment, one, field)
        for name, value in moment.items():
            peak[name] = max(peak.get(name, Fraction(0)), value)
    for name, value in peak.items():
        total[name] = max(total.get(name, Fraction(0)), value)
    return total


def _add(total: dict[str, Fraction], container: Obj, field: str) -> None:
    for name, value in ((container.get("resources") or {}).get(field) or {}).items():
        total[name] = total.get(name, Fraction(0)) + quantity.parse(value)


def text(value: Fraction, name: str) -> str:
    if name == "cpu" or value.denominator != 1:
        return quantity.from_milli(-(-value.numerator * 1000 // value.denominator))
    return quantity.from_whole(int(value), binary=name != "cpu")
