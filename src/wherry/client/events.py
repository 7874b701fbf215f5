"""Records core/v1 Events about objects, as client-go's `tools/record` does.

`event()` never waits and never fails: what cannot be queued (the API server is away and a thousand
are waiting) is dropped with a line in the log. `run()` writes them, one at a time, in order. Controllers
and kubelets record so; the scheduler's events are those of `client/eventseries.py`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Literal

from wherry.api import validation_text
from wherry.api.errors import ApiError
from wherry.api.schema import Obj
from wherry.api.scheme import resource
from wherry.client.correlation import Correlated, Correlator, event_name
from wherry.client.objects import reference
from wherry.client.rest import Client
from wherry.clock import rfc3339, uuid4
from wherry.component import Env

QUEUE = 1000
MAX_TRIES = 12
RETRY_SECONDS = 10.0

log = logging.getLogger("wherry.client")


class EventRecorder:
    """`component` and `host` are the event's source; `run` must be running for anything to be
    written."""

    def __init__(self, client: Client, env: Env, component: str, host: str = "") -> None:
        self._client = client
        self._env = env
        self._source = {"component": component, **({"host": host} if host else {})}
        self._queue: asyncio.Queue[Obj] = asyncio.Queue(QUEUE)
        self._correlator = Correlator(env.clock, env.rng)

    def event(
        self,
        obj: Any,
        type: Literal["Normal", "Warning"],
        reason: str,
        message: str,
        *,
        field_path: str = "",
    ) -> None:
        """`obj` is a typed object, a plain one, or an ObjectReference as a dict."""
        event = self._event(reference(obj, field_path), type, reason, message)
        try:
            self._queue.put_nowait(event)
        except asyncio.QueueFull:
            log.warning('Unable to record event "%s" (%s): too many are waiting', message, reason)

    async def run(self) -> None:
        """Writes events until cancelled."""
        while True:
            correlated = self._correlator.correlate(await self._queue.get())
            if correlated is not None:
                await self._record(correlated)

    def _event(self, ref: dict[str, str], type: str, reason: str, message: str) -> Obj:
        now = self._env.clock.time()
        name = event_name(ref.get("name", ""), now, self._env.rng)
        if validation_text.dns_subdomain(name):
            name = uuid4(self._env.rng)
        timestamp = rfc3339(now)
        return {
            "kind": "Event",
            "apiVersion": "v1",
            "metadata": {"name": name, "namespace": ref.get("namespace") or "default"},
            "involvedObject": ref,
            "reason": reason,
            "message": message,
            "type": type,
            "source": self._source,
            "firstTimestamp": timestamp,
            "lastTimestamp": timestamp,
            "count": 1,
            "eventTime": None,
            "reportingComponent": self._source["component"],
            "reportingInstance": self._source.get("host", ""),
        }

    async def _record(self, correlated: Correlated) -> None:
        await deliver(self._env, lambda: self._write(correlated), correlated.event["message"])

    async def _write(self, correlated: Correlated) -> None:
        events, event = resource("events"), correlated.event
        name, namespace = event["metadata"]["name"], event["metadata"]["namespace"]
        if correlated.patch is not None:
            try:
                await self._client.patch(events, name, correlated.patch, namespace, kind="strategic")
            except ApiError as error:
                if error.reason != "NotFound":
                    raise
            else:
                return
        await self._client.create(events, event, namespace)


async def deliver(env: Env, write: Callable[[], Awaitable[None]], message: str) -> None:
    """Writes an event; tried again only when nobody answered; a refusal is final."""
    for attempt in range(MAX_TRIES):
        try:
            await write()
        except ApiError as error:
            level = logging.DEBUG if error.reason in ("AlreadyExists", "Forbidden") else logging.ERROR
            log.log(level, "Server rejected event (will not retry!): %s", error)
            return
        except OSError as error:
            log.debug("Unable to write event (may retry after sleeping): %s", error)
        else:
            return
        share = env.rng.uniform(0.0, 1.0) if attempt == 0 else 1.0
        await asyncio.sleep(RETRY_SECONDS * share)
    log.error("Unable to write event (retry limit exceeded!): %s", message)
