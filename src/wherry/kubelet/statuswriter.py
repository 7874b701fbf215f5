"""Sends pod statuses to the API server: the newest one of each pod, and only what changed.

`set` never waits. One write per pod is under way at a time; what is set meanwhile replaces what was
waiting. A status somebody else has changed is written again when that is observed. The patch carries
the pod's uid, so a status never reaches another pod of the same name.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import msgspec

from wherry.api.errors import ApiError
from wherry.api.schema import Obj, to_obj
from wherry.api.scheme import resource
from wherry.client.rest import Client
from wherry.client.workqueue import WorkQueue, run_workers

log = logging.getLogger("wherry.kubelet")

PODS = resource("pods")
_WRITERS = 8
_OWN = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")


class _Entry(msgspec.Struct):
    pod: Any
    wanted: Obj
    sent: Obj
    idle: asyncio.Event = msgspec.field(default_factory=asyncio.Event)


Target = Callable[[Any], Any | None]
"""The API object a pod's status belongs to: itself, a static pod's mirror, or None (not there yet)."""


class StatusWriter:
    def __init__(self, client: Client, queue: WorkQueue, target: Target = lambda pod: pod) -> None:
        self._client = client
        self._queue = queue
        self._target = target
        self._entries: dict[str, _Entry] = {}

    async def run(self) -> None:
        await run_workers(self._queue, self._send, _WRITERS, name="pod-status")

    def current(self, uid: str) -> Obj | None:
        entry = self._entries.get(uid)
        return entry.wanted if entry else None

    def set(self, pod: Any, status: Obj) -> None:
        uid = pod.metadata.uid
        entry = self._entries.get(uid)
        if entry is None:
            target = self._target(pod)
            entry = self._entries[uid] = _Entry(pod, status, to_obj(target.status) if target else {})
        entry.pod, entry.wanted = pod, status
        if entry.wanted == entry.sent:
            entry.idle.set()
            return
        entry.idle.clear()
        self._queue.add(uid)

    def observe(self, uid: str, pod: Any) -> None:
        """The API shows `pod`; what somebody else changed is set right again."""
        entry = self._entries.get(uid)
        if entry is None or not entry.idle.is_set() or _shows(pod, entry.sent):
            return
        entry.sent = {}
        entry.idle.clear()
        self._queue.add(uid)

    async def flush(self, uid: str) -> None:
        """Returns when the API server has the last status that was set, or the pod is gone there."""
        entry = self._entries.get(uid)
        if entry is not None:
            await entry.idle.wait()

    def forget(self, uid: str) -> None:
        entry = self._entries.pop(uid, None)
        if entry is not None:
            entry.idle.set()

    async def _send(self, uid: str) -> float | None:
        entry = self._entries.get(uid)
        if entry is None:
            return None
        target = self._target(entry.pod)
        if target is None:
            entry.idle.set()
            return None
        status = entry.wanted
        changed = difference(entry.sent, status)
        if changed:
            meta = target.metadata
            patch = {"metadata": {"uid": meta.uid}, "status": changed}
            try:
                await self._client.patch(
                    PODS, meta.name, patch, meta.namespace, kind="strategic", subresource="status"
                )
            except ApiError as error:
                if error.reason not in ("NotFound", "Conflict"):
                    raise
                log.debug("status of %s/%s not written: %s", meta.namespace, meta.name, error.message)
        entry.sent = status
        if entry.wanted is not status:
            self._queue.add(uid)
        else:
            entry.idle.set()
        return None


def difference(sent: Obj, wanted: Obj) -> Obj:
    """A strategic merge patch from one status to the next: keys that differ, nulls for those gone."""
    patch: Obj = {}
    for key, value in wanted.items():
        if sent.get(key) == value:
            continue
        patch[key] = _MERGED[key](sent.get(key) or [], value) if key in _MERGED else value
    for key in ("reason", "message", "podIP", "podIPs"):
        if key in sent and key not in wanted:
            patch[key] = None
    return patch


def _addresses(sent: list[Obj], wanted: list[Obj]) -> list[Obj]:
    """Merged by ip: what is to go has to be named."""
    kept = [entry["ip"] for entry in wanted]
    gone = [entry["ip"] for entry in sent if entry["ip"] not in kept]
    return [*wanted, *({"$patch": "delete", "ip": ip} for ip in gone)]


def _conditions(sent: list[Obj], wanted: list[Obj]) -> list[Obj]:
    """Merged by type: a reason or message that is to go has to be nulled."""
    before = {condition["type"]: condition for condition in sent}
    return [
        {"reason": None, "message": None, **condition}
        for condition in wanted
        if before.get(condition["type"]) != condition
    ]


_MERGED = {"podIPs": _addresses, "conditions": _conditions}


def _shows(pod: Any, status: Obj) -> bool:
    if pod.status.phase != status.get("phase"):
        return False
    shown = {c.type: c.status for c in pod.status.conditions}
    return all(shown.get(c["type"]) == c["status"] for c in status.get("conditions", ()) if c["type"] in _OWN)
