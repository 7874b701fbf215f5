"""The Endpoints controller: the older form of the same, one object of at most 1000 addresses.

Follows upstream's `pkg/controller/endpoint`. Endpoints made by hand, for Services without a selector,
are not touched.
"""

from __future__ import annotations

import json
from typing import Any

from wherry.api.errors import ApiError
from wherry.api.schema import Obj, to_obj
from wherry.api.scheme import resource
from wherry.clock import rfc3339
from wherry.controllers import pods
from wherry.controllers.base import Context, Controller, key_of, own_key, split_key
from wherry.controllers.endpoints import selection
from wherry.controllers.endpoints.plan import SERVICES
from wherry.controllers.endpoints.slices import PODS
from wherry.controllers.podcontrol import namespace_is_going

ENDPOINTS = resource("endpoints")
MANAGED_BY = "endpoints.kubernetes.io/managed-by"
MANAGER = "endpoint-controller"
OVER_CAPACITY = "endpoints.kubernetes.io/over-capacity"
CAPACITY = 1000


def subsets(service: Any, behind: list[Any]) -> list[Obj]:
    """Addresses grouped by the ports they have, in a fixed order (RepackSubsets). Pure."""
    family = selection.families(service)[0]
    groups: dict[str, tuple[list[Obj], list[Obj]]] = {}
    for pod in sorted(behind, key=lambda pod: (pod.status.podIP or "", pod.metadata.uid)):
        if pod.metadata.deletionTimestamp is not None and not service.spec.publishNotReadyAddresses:
            continue
        found = selection.addresses(pod, family)
        if not found:
            continue
        ports = [_port(port) for port in selection.ports(service, pod)]
        if service.spec.ports and not ports:
            continue
        ready = bool(service.spec.publishNotReadyAddresses) or pods.is_ready(pod)
        group = groups.setdefault(json.dumps(ports, sort_keys=True), ([], []))
        group[0 if ready else 1].append(_address(service, pod, found[0]))
    return [_subset(groups[text], json.loads(text)) for text in sorted(groups)]


def _port(port: Obj) -> Obj:
    return {k: v for k, v in port.items() if v != ""}


def _address(service: Any, pod: Any, ip: str) -> Obj:
    made: Obj = {"ip": ip, "targetRef": selection.target(pod)}
    if pod.spec.nodeName:
        made["nodeName"] = pod.spec.nodeName
    name = selection.hostname(service, pod)
    return {**made, "hostname": name} if name else made


def _subset(addresses: tuple[list[Obj], list[Obj]], ports: list[Obj]) -> Obj:
    ready, not_ready = addresses
    parts = {"addresses": ready, "notReadyAddresses": not_ready, "ports": ports}
    return {name: value for name, value in parts.items() if value}


def truncated(found: list[Obj]) -> tuple[list[Obj], bool]:
    """At most `CAPACITY` addresses, ready ones first."""
    left, kept = CAPACITY, [dict(subset) for subset in found]
    for name in ("addresses", "notReadyAddresses"):
        for subset in kept:
            if name in subset:
                subset[name] = subset[name][:left]
                left -= len(subset[name])
    kept = [s for s in kept if s.get("addresses") or s.get("notReadyAddresses")]
    total = sum(len(s.get("addresses", ())) + len(s.get("notReadyAddresses", ())) for s in found)
    return kept, total > CAPACITY


class EndpointsController(Controller):
    name = "endpoints-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.workers = context.settings.endpoint_workers
        self._events = context.recorder("endpoint-controller")
        informer = context.informer
        self._services = self.watch(informer(SERVICES), own_key)
        self._pods = self.watch(informer(PODS), self._services_of_pod)
        self._endpoints = self.watch(informer(ENDPOINTS), own_key)

    def _services_of_pod(self, pod: Any) -> list[str]:
        services = self._services.list(pod.metadata.namespace)
        return [key_of(service) for service in services if selection.selects(service, pod)]

    async def reconcile(self, key: str) -> float | None:
        namespace, name = split_key(key)
        service = self._services.get(name, namespace)
        current = self._endpoints.get(name, namespace)
        if service is None:
            await self._delete(current)
            return None
        if not selection.has_endpoints(service):
            return None
        behind = [
            pod
            for pod in self._pods.list(namespace)
            if selection.selects(service, pod) and selection.may_serve(pod)
        ]
        found, over = truncated(subsets(service, behind))
        try:
            await self._write(service, current, found, over)
        except ApiError as error:
            if namespace_is_going(error):
                return None
            verb = "create" if current is None else "update"
            text = f"Failed to {verb} endpoint {key}: {error.message}"
            if error.reason not in ("Conflict", "AlreadyExists"):
                self._events.event(service, "Warning", f"FailedTo{verb.capitalize()}Endpoint", text)
            raise
        return None

    async def _delete(self, current: Any | None) -> None:
        """Endpoints have no owner reference: they go when their Service is gone."""
        if current is None or current.metadata.labels.get(MANAGED_BY) != MANAGER:
            return
        meta = current.metadata
        try:
            await self.client.delete(ENDPOINTS, meta.name, meta.namespace, uid=meta.uid)
        except ApiError as error:
            if error.reason not in ("NotFound", "Conflict"):
                raise

    async def _write(self, service: Any, current: Any | None, found: list[Obj], over: bool) -> None:
        meta = service.metadata
        labels = _labels(service)
        annotations: Obj = {OVER_CAPACITY: "truncated" if over else None}
        if current is None:
            annotations[selection.CHANGE_TIME] = rfc3339(self.context.now())
            told = {k: v for k, v in annotations.items() if v is not None}
            metadata = {"name": meta.name, "namespace": meta.namespace, "labels": labels, "annotations": told}
            await self.client.create(ENDPOINTS, {"metadata": metadata, "subsets": found})
            return
        have = current.metadata
        same_size = (have.annotations.get(OVER_CAPACITY) == "truncated") == over
        if to_obj(current).get("subsets", []) == found and have.labels == labels and same_size:
            return
        annotations[selection.CHANGE_TIME] = rfc3339(self.context.now())
        gone = dict.fromkeys(sorted(have.labels.keys() - labels.keys()))
        metadata = {
            "resourceVersion": have.resourceVersion,
            "labels": {**gone, **labels},
            "annotations": annotations,
        }
        patch = {"metadata": metadata, "subsets": found}
        await self.client.patch(ENDPOINTS, meta.name, patch, meta.namespace)


def _labels(service: Any) -> dict[str, str]:
    kept = {k: v for k, v in service.metadata.labels.items() if k != selection.HEADLESS}
    headless = {selection.HEADLESS: ""} if selection.is_headless(service) else {}
    return {**kept, MANAGED_BY: MANAGER, **headless}
