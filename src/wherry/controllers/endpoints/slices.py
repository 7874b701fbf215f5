"""The EndpointSlice controller. Follows upstream's `pkg/controller/endpointslice`.

Not here: topology hints, and slices for Endpoints made by hand.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from wherry.api.errors import ApiError
from wherry.api.schema import Obj
from wherry.api.scheme import resource
from wherry.clock import rfc3339
from wherry.controllers.base import Context, Controller, own_key, split_key
from wherry.controllers.endpoints import selection
from wherry.controllers.endpoints.plan import MANAGED_BY, MANAGER, SERVICE_NAME, SERVICES, Plan, plan
from wherry.controllers.expectations import Expectations
from wherry.controllers.podcontrol import namespace_is_going

SLICES = resource("endpointslices.discovery.k8s.io")
PODS = resource("pods")
NODES = resource("nodes")


def _service_of(slice_: Any) -> Iterable[str]:
    labels = slice_.metadata.labels
    if labels.get(MANAGED_BY) == MANAGER and SERVICE_NAME in labels:
        return (f"{slice_.metadata.namespace}/{labels[SERVICE_NAME]}",)
    return ()


class EndpointSliceController(Controller):
    name = "endpointslice-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.workers = context.settings.service_endpoint_workers
        self._events = context.recorder("endpoint-slice-controller")
        self._expected = Expectations()
        informer = context.informer
        self._services = self.watch(informer(SERVICES), own_key)
        self._pods = self.watch(informer(PODS), self._services_of_pod)
        self._nodes = self.watch(informer(NODES))
        self._slices = context.indexed(SLICES, "service", _service_of)
        self._slices.add_handler(self._observe)
        self.watch(self._slices, _service_of)

    def _services_of_pod(self, pod: Any) -> list[str]:
        services = self._services.list(pod.metadata.namespace)
        return [key for s in services if selection.selects(s, pod) for key in own_key(s)]

    def _observe(self, event: str, old: Any, new: Any) -> None:
        if event == "added":
            for key in _service_of(new):
                self._expected.creation_seen(key)

    async def reconcile(self, key: str) -> float | None:
        namespace, name = split_key(key)
        service = self._services.get(name, namespace)
        if service is None or not selection.has_endpoints(service):
            self._expected.forget(key)
            return None
        if service.metadata.deletionTimestamp is not None or not self._expected.satisfied(key):
            return None
        behind = [
            pod
            for pod in self._pods.list(namespace)
            if selection.selects(service, pod) and selection.may_serve(pod)
        ]
        existing = self._slices.by_index("service", key)
        todo = plan(service, behind, self._nodes.get, existing, self.context.settings.max_endpoints_per_slice)
        try:
            await self._apply(key, todo)
        except ApiError as error:
            if namespace_is_going(error):
                return None
            text = f"Error updating Endpoint Slices for Service {key}: {error.message}"
            if error.reason != "Conflict":
                self._events.event(service, "Warning", "FailedToUpdateEndpointSlices", text)
            raise
        return None

    async def _apply(self, key: str, todo: Plan) -> None:
        """Room is made before it is filled: new slices first, so that no endpoint is ever in none."""
        changed = {selection.CHANGE_TIME: rfc3339(self.context.now())}
        if todo.create:
            self._expected.expect_creations(key, len(todo.create))
        made = 0
        try:
            for new in todo.create:
                metadata = {**new["metadata"], "annotations": changed}
                await self.client.create(SLICES, {**new, "metadata": metadata})
                made += 1
        finally:
            for _ in todo.create[made:]:
                self._expected.creation_seen(key)
        for slice_, patch in todo.update:
            await self._patch(slice_, patch, changed)
        for slice_ in todo.delete:
            await self._delete(slice_)

    async def _patch(self, slice_: Any, patch: Obj, changed: dict[str, str]) -> None:
        meta = slice_.metadata
        conditional = {**patch.get("metadata", {}), "resourceVersion": meta.resourceVersion}
        body = {**patch, "metadata": {**conditional, "annotations": changed}}
        await self.client.patch(SLICES, meta.name, body, meta.namespace)

    async def _delete(self, slice_: Any) -> None:
        meta = slice_.metadata
        try:
            await self.client.delete(SLICES, meta.name, meta.namespace, uid=meta.uid)
        except ApiError as error:
            if error.reason != "NotFound":
                raise
