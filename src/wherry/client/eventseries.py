"""Records events.k8s.io/v1 Events, as client-go's `tools/events` does for the scheduler.

They say what was attempted (`action`) and by which instance. The same thing seen again within six minutes
makes a series: the second time is written at once, later ones are counted here and written when the
series ends, or every half hour. `event()` never waits and never fails, as in `client/events.py`.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Literal, TypeAlias

from wherry.api import validation_text
from wherry.api.errors import ApiError
from wherry.api.schema import Obj
from wherry.api.scheme import resource
from wherry.client.correlation import event_name
from wherry.client.events import QUEUE, deliver
from wherry.client.objects import reference
from wherry.client.rest import Client
from wherry.clock import parse_rfc3339, rfc3339_micro, uuid4
from wherry.component import Env

FINISH_SECONDS = 360.0
REFRESH_ROUNDS = 5
MAX_SERIES = 4096
NOTE_LENGTH = 1024

log = logging.getLogger("wherry.client")

_Key: TypeAlias = tuple[str, ...]


class SeriesRecorder:
    """`controller` on `host` reports; `run` must be running for anything to be written."""

    def __init__(self, client: Client, env: Env, controller: str, host: str) -> None:
        self._client = client
        self._env = env
        self._controller = controller
        self._instance = f"{controller}-{host}"
        self._queue: asyncio.Queue[Obj] = asyncio.Queue(QUEUE)
        self._seen: dict[_Key, Obj] = {}

    def event(
        self,
        regarding: Any,
        type: Literal["Normal", "Warning"],
        reason: str,
        action: str,
        note: str,
        *,
        related: Any = None,
    ) -> None:
        """`regarding` and `related` are typed objects, plain ones, or ObjectReferences as dicts."""
        event = self._event(reference(regarding), type, reason, action, note)
        if related is not None:
            event["related"] = reference(related)
        try:
            self._queue.put_nowait(event)
        except asyncio.QueueFull:
            log.warning('Unable to record event "%s" (%s): too many are waiting', note, reason)

    async def run(self) -> None:
        """Writes events until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._tend())
            while True:
                event = self._counted(await self._queue.get())
                if event is not None:
                    await self._record(event)

    def _event(self, ref: dict[str, str], type: str, reason: str, action: str, note: str) -> Obj:
        now = self._env.clock.time()
        name = event_name(ref.get("name", ""), now, self._env.rng)
        if validation_text.dns_subdomain(name):
            name = uuid4(self._env.rng)
        return {
            "kind": "Event",
            "apiVersion": "events.k8s.io/v1",
            "metadata": {"name": name, "namespace": ref.get("namespace") or "default"},
            "eventTime": rfc3339_micro(now),
            "reportingController": self._controller,
            "reportingInstance": self._instance,
            "action": action,
            "reason": reason,
            "regarding": ref,
            "note": note if len(note) <= NOTE_LENGTH else f"{note[: NOTE_LENGTH - 4]} ...",
            "type": type,
        }

    def _counted(self, event: Obj) -> Obj | None:
        """What to write now: a new event, or one that has just become a series."""
        key = _key(event)
        known = self._seen.get(key)
        if known is None:
            if len(self._seen) >= MAX_SERIES:
                del self._seen[next(iter(self._seen))]
            self._seen[key] = event
            return event
        series = known.get("series")
        known["series"] = {
            "count": series["count"] + 1 if series else 2,
            "lastObservedTime": event["eventTime"],
        }
        return None if series else known

    async def _tend(self) -> None:
        """Ends series that nothing was added to for a while, refreshes the others now and then."""
        rounds = 0
        while True:
            await asyncio.sleep(FINISH_SECONDS)
            rounds += 1
            before = self._env.clock.time() - FINISH_SECONDS
            for key, event in list(self._seen.items()):
                series = event.get("series")
                over = parse_rfc3339(series["lastObservedTime"] if series else event["eventTime"]) < before
                if over:
                    del self._seen[key]
                if series and (over or rounds % REFRESH_ROUNDS == 0):
                    await self._record(event)

    async def _record(self, event: Obj) -> None:
        await deliver(self._env, lambda: self._write(event), event["note"])

    async def _write(self, event: Obj) -> None:
        events = resource("events.events.k8s.io")
        name, namespace = event["metadata"]["name"], event["metadata"]["namespace"]
        if series := event.get("series"):
            try:
                await self._client.patch(events, name, {"series": series}, namespace, kind="strategic")
            except ApiError as error:
                if error.reason != "NotFound":
                    raise
            else:
                return
        await self._client.create(events, event, namespace)


def _key(event: Obj) -> _Key:
    """What makes two events the same thing seen twice (`getKey`): the note is not part of it."""
    refs = (event["regarding"], event.get("related") or {})
    return (
        *(event[name] for name in ("type", "action", "reason", "reportingController", "reportingInstance")),
        *(text for ref in refs for pair in sorted(ref.items()) for text in pair),
    )
