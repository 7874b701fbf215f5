"""Creating and deleting many pods for one owner: in growing batches, with upstream's events.

A quota or an admission rule that refuses one pod would refuse a thousand: batches of 1, 2, 4 … stop
at the first that has a failure. Follows `slowStartBatch` and `RealPodControl` upstream.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from wherry.api.errors import ApiError
from wherry.api.schema import Obj
from wherry.api.scheme import resource
from wherry.client.events import EventRecorder
from wherry.client.rest import Client

PODS = resource("pods")

T = TypeVar("T")


async def slow_start(items: Sequence[T], act: Callable[[T], Awaitable[None]]) -> tuple[int, ApiError | None]:
    """Runs `act` on the items in batches of 1, 2, 4 … until one fails. (how many were tried, the first
    failure)."""
    tried, size = 0, 1
    while tried < len(items):
        batch = items[tried : tried + size]
        results = await asyncio.gather(*(_outcome(act, item) for item in batch))
        tried += len(batch)
        failures = [failure for failure in results if failure is not None]
        if failures:
            return tried, failures[0]
        size *= 2
    return tried, None


async def together(
    items: Sequence[T], act: Callable[[T], Awaitable[None]], limit: int = 50
) -> ApiError | None:
    """Runs `act` on all items, `limit` at a time; the first failure."""
    first: ApiError | None = None
    for start in range(0, len(items), limit):
        for failure in await asyncio.gather(*(_outcome(act, i) for i in items[start : start + limit])):
            first = first or failure
    return first


async def _outcome(act: Callable[[T], Awaitable[None]], item: T) -> ApiError | None:
    try:
        await act(item)
    except ApiError as error:
        return error
    return None


def namespace_is_going(error: ApiError) -> bool:
    """Nothing can be created in a namespace that is being deleted, and nothing needs to be."""
    causes = (error.details or {}).get("causes") or ()
    return any(cause.get("reason") == "NamespaceTerminating" for cause in causes)


async def create_pod(client: Client, events: EventRecorder, owner: Any, pod: Obj) -> Any:
    """Creates and tells; raises what the API server says."""
    try:
        made = await client.create(PODS, pod, owner.metadata.namespace)
    except ApiError as error:
        if not namespace_is_going(error):
            events.event(owner, "Warning", "FailedCreate", f"Error creating: {error.message}")
        raise
    events.event(owner, "Normal", "SuccessfulCreate", f"Created pod: {made.metadata.name}")
    return made


async def delete_pod(client: Client, events: EventRecorder, owner: Any, pod: Any) -> None:
    """Deletes this very pod (by uid) and tells. NotFound is raised too: the caller may be waiting for
    an event that will not come."""
    meta = pod.metadata
    try:
        await client.delete(PODS, meta.name, meta.namespace, uid=meta.uid)
    except ApiError as error:
        if error.reason not in ("NotFound", "Conflict"):
            events.event(owner, "Warning", "FailedDelete", f"Error deleting: {error.message}")
        raise
    events.event(owner, "Normal", "SuccessfulDelete", f"Deleted pod: {meta.name}")
