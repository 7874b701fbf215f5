"""What tests of pods do again and again."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from typing import Any

from wherry.api.errors import ApiError
from wherry.api.scheme import resource
from wherry.client.rest import Client

PODS = resource("pods")
EVENTS = resource("events")


async def create(client: Client, obj: dict[str, Any]) -> Any:
    return await client.create(PODS, obj, "default")


async def until(client: Client, name: str, condition: Callable[[Any], bool]) -> Any:
    """The pod when `condition` first holds for it."""
    listed = await client.list(PODS, "default", field_selector=f"metadata.name={name}")
    for found in listed.items:
        assert found.metadata.name == name
        if condition(found):
            return found
    watch = client.watch(
        PODS,
        "default",
        resource_version=listed.resource_version,
        field_selector=f"metadata.name={name}",
    )
    async with aclosing(watch) as events:
        async for event in events:
            shown = (event.type, event.object.metadata.name)
            assert event.type == "BOOKMARK" or event.object.metadata.name == name, (shown, name)
            if event.type in ("ADDED", "MODIFIED") and condition(event.object):
                return event.object
    raise AssertionError(f"the watch of pod {name} ended")


async def run(client: Client, obj: dict[str, Any]) -> Any:
    """Creates a pod and waits until it is ready."""
    await create(client, obj)
    return await until(client, obj["metadata"]["name"], is_ready)


async def finish(client: Client, obj: dict[str, Any]) -> Any:
    """Creates a pod and waits until it has ended."""
    await create(client, obj)
    return await until(client, obj["metadata"]["name"], lambda p: p.status.phase in ("Succeeded", "Failed"))


async def delete(client: Client, name: str, **options: Any) -> None:
    """Deletes a pod and waits until it is gone."""
    listed = await client.list(PODS, "default", field_selector=f"metadata.name={name}")
    watch = client.watch(
        PODS,
        "default",
        resource_version=listed.resource_version,
        field_selector=f"metadata.name={name}",
    )
    async with aclosing(watch) as events:
        try:
            await client.delete(PODS, name, "default", **options)
        except ApiError as error:
            if error.reason == "NotFound":
                return
            raise
        async for event in events:
            if event.type == "DELETED":
                return


async def events_of(client: Client, name: str) -> list[tuple[str, str]]:
    """(reason, message) of the events about a pod so far."""
    found = await client.list(EVENTS, "default", field_selector=f"involvedObject.name={name}")
    return [(event.reason, event.message) for event in found.items]


def is_ready(pod: Any) -> bool:
    return any(c.type == "Ready" and c.status == "True" for c in pod.status.conditions)


def state(pod: Any, name: str = "c") -> Any:
    everyone = (*pod.status.containerStatuses, *pod.status.initContainerStatuses)
    return next(status for status in everyone if status.name == name)


def terminated(pod: Any, name: str = "c") -> Any:
    return state(pod, name).state.terminated
