"""The EndpointSlices that a Service is to have, against those it has. Pure.

Slices are grouped by address family and by set of ports (a named port can have another number in
another pod); each group is packed on its own. A Service without endpoints has one empty slice a
family, which says that there are none.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from wherry.api.schema import Obj, to_obj
from wherry.api.scheme import resource
from wherry.controllers import pods
from wherry.controllers.endpoints import selection
from wherry.controllers.endpoints.packing import Slice, pack
from wherry.controllers.ownership import controller_reference

SERVICES = resource("services")

MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
MANAGER = "endpointslice-controller.k8s.io"
SERVICE_NAME = "kubernetes.io/service-name"

Nodes = Callable[[str], Any]


@dataclass(slots=True)
class Plan:
    create: list[Obj] = field(default_factory=list)
    update: list[tuple[Any, Obj]] = field(default_factory=list)
    """(slice, merge patch)"""

    delete: list[Any] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Group:
    """Slices of one family and one set of ports (`shape`: those ports as JSON)."""

    service: Any
    family: str
    shape: str
    existing: list[Any]
    limit: int

    def plan(self, wanted: list[Obj], into: Plan) -> None:
        slices = [Slice(s.metadata.name, to_obj(s).get("endpoints", [])) for s in self.existing]
        if wanted:
            packing = pack(slices, wanted, self.limit)
        else:
            packing = pack([s for s in slices if s.endpoints], (), self.limit)
            empty = [s.name for s in slices if not s.endpoints]
            packing.delete += empty[1:]
            packing.create += [] if empty else [[]]
        for slice_ in self.existing:
            if slice_.metadata.name in packing.delete:
                into.delete.append(slice_)
            else:
                self._keep(slice_, packing.update.get(slice_.metadata.name), into)
        into.create += [self._new(endpoints) for endpoints in packing.create]

    def _keep(self, slice_: Any, endpoints: list[Obj] | None, into: Plan) -> None:
        patch: Obj = {} if endpoints is None else {"endpoints": endpoints}
        have, want = slice_.metadata.labels, labels(self.service)
        if have != want:
            gone = dict.fromkeys(sorted(have.keys() - want.keys()))
            patch["metadata"] = {"labels": {**gone, **want}}
        if patch:
            into.update.append((slice_, patch))

    def _new(self, endpoints: list[Obj]) -> Obj:
        meta = self.service.metadata
        return {
            "metadata": {
                "generateName": pods.name_prefix(meta.name),
                "namespace": meta.namespace,
                "labels": labels(self.service),
                "ownerReferences": [controller_reference(SERVICES, self.service)],
            },
            "addressType": self.family,
            "endpoints": endpoints,
            "ports": json.loads(self.shape),
        }


def plan(service: Any, behind: Iterable[Any], nodes: Nodes, existing: list[Any], limit: int) -> Plan:
    """`behind`: the pods that the Service selects and that may serve."""
    result = Plan()
    families = selection.families(service)
    result.delete += [one for one in existing if one.addressType not in families]
    ordered = sorted(behind, key=lambda pod: (pods.created(pod), pod.metadata.name))
    for family in families:
        wanted: dict[str, list[Obj]] = {}
        for pod in ordered:
            if selection.addresses(pod, family):
                node = nodes(pod.spec.nodeName) if pod.spec.nodeName else None
                shape = _text(selection.ports(service, pod))
                wanted.setdefault(shape, []).append(selection.endpoint(service, pod, node, family))
        found: dict[str, list[Any]] = {}
        for one in existing:
            if one.addressType == family:
                found.setdefault(_text([_port(port) for port in one.ports]), []).append(one)
        for shape in sorted((wanted or {_text([]): []}).keys() | found.keys()):
            have = found.get(shape, [])
            if shape in wanted or (not wanted and shape == _text([])):
                _Group(service, family, shape, have, limit).plan(wanted.get(shape, []), result)
            else:
                result.delete += have
    return result


def _text(ports: list[Obj]) -> str:
    return json.dumps(ports, sort_keys=True)


def _port(port: Any) -> Obj:
    plain = to_obj(port)
    return {"name": "", **plain}


def labels(service: Any) -> dict[str, str]:
    """The Service's own labels, and those by which slices are found."""
    reserved = (MANAGED_BY, SERVICE_NAME, selection.HEADLESS)
    kept = {k: v for k, v in service.metadata.labels.items() if k not in reserved}
    headless = {selection.HEADLESS: ""} if selection.is_headless(service) else {}
    return {**kept, MANAGED_BY: MANAGER, SERVICE_NAME: service.metadata.name, **headless}
