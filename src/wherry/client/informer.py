"""A local copy of one resource, kept current by list and watch, that tells handlers what changed.

    list (pages of 500) -> diff against the copy -> watch from there -> connection gone: watch again
          ^                                              |
          +---- Expired, or refused for good ------------+

Promises: handlers see every object's states in order, though perhaps not each state between two;
what vanished while nobody watched is told as `deleted`; an object replaced by one of the same name is
told as `deleted`, then `added`. After a first list the copy is never empty-handed: it is compared, not
rebuilt. Objects are shared: typed ones are frozen, nobody may change the plain ones.

A server that is gone (killed, restarting) is tried again after 0.1 s, then ever more slowly; one that
answers but refuses, from 0.8 s on, as client-go's reflector; both up to 30 s.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import aclosing
from typing import Any, Literal, TypeAlias

from wherry.api.errors import ApiError
from wherry.api.scheme import Resource
from wherry.client.backoff import Backoff
from wherry.client.cache import KeyFunction, ObjectCache, Objects
from wherry.client.objects import identity, resource_version, uid
from wherry.client.rest import Client
from wherry.client.shapes import WatchEvent
from wherry.component import Env

PAGE = 500
SHORT_WATCH = 1.0
"""A watch that ends sooner than this, without an event, counts as a failure."""

Change: TypeAlias = Literal["added", "modified", "deleted"]
Handler: TypeAlias = Callable[[Change, Any | None, Any | None], None]

log = logging.getLogger("wherry.client")
_TRY_WATCH_AGAIN = ("TooManyRequests", "ServiceUnavailable")


class Informer:
    """`list+watch` of one resource; see the module. Made by an `InformerFactory`."""

    def __init__(
        self,
        client: Client,
        env: Env,
        res: Resource,
        *,
        namespace: str = "",
        field_selector: str = "",
        label_selector: str = "",
        metadata_only: bool = False,
    ) -> None:
        self._client = client
        self._resource = res
        self._namespace = namespace
        self._field_selector = field_selector
        self._label_selector = label_selector
        self._metadata_only = metadata_only
        self._cache = ObjectCache()
        self._handlers: list[Handler] = []
        self._version = ""
        self._synced = asyncio.Event()
        self._unreachable = Backoff(env.rng, base=0.1, cap=30.0, factor=1.5, jitter=0.5)
        self._refused = Backoff(env.rng, base=0.8, cap=30.0)

    # -- reading the copy

    def get(self, name: str, namespace: str = "") -> Any | None:
        return self._cache.get(name, namespace)

    def list(self, namespace: str | None = None) -> Objects:
        """Of one namespace, or of all (None)."""
        return self._cache.list(namespace)

    def by_index(self, name: str, key: str) -> Objects:
        return self._cache.by_index(name, key)

    def add_index(self, name: str, keys: KeyFunction) -> None:
        """`keys` says under which keys an object is found; it must be pure."""
        self._cache.add_index(name, keys)

    def add_handler(self, handler: Handler) -> None:
        """Called in the loop with (event, old, new), after the copy was changed. One that comes late
        is told what is there as `added`."""
        for obj in self._cache.list():
            self._call(handler, "added", None, obj)
        self._handlers.append(handler)

    @property
    def synced(self) -> bool:
        """The first list is in and was handled."""
        return self._synced.is_set()

    async def wait_synced(self) -> None:
        await self._synced.wait()

    # -- keeping it current

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                if not self._version:
                    await self._relist()
                await self._watch()
            except ApiError as error:
                pause = self._after_refusal(error)
            except OSError as error:
                pause = self._unreachable.next()
                log.debug("%s: %s, again in %.2f s", self._resource.group_resource, error, pause)
            else:
                continue
            await asyncio.sleep(pause)

    def _after_refusal(self, error: ApiError) -> float:
        """Decides whether the position in history is lost, and how long to wait."""
        if error.reason not in _TRY_WATCH_AGAIN:
            self._version = ""
        if error.reason in ("Expired", "Gone"):
            return self._unreachable.next()
        pause = self._refused.next()
        log.warning("Failed to watch %s: %s (again in %.1f s)", self._resource.group_resource, error, pause)
        return pause

    async def _relist(self) -> None:
        items, version = await self._list_all()
        present = {identity(obj) for obj in items}
        gone = [obj for obj in self._cache.list() if identity(obj) not in present]
        for obj in gone:
            self._remove(obj)
        for obj in items:
            old = self._cache.get(*reversed(identity(obj)))
            if old is None or resource_version(old) != resource_version(obj):
                self._put(obj)
        self._version = version
        self._synced.set()

    async def _list_all(self) -> tuple[Objects, str]:
        """In pages; at once when history went by between two pages."""
        try:
            return await self._list_pages(PAGE)
        except ApiError as error:
            if error.reason != "Expired":
                raise
        return await self._list_pages(0)

    async def _list_pages(self, limit: int) -> tuple[Objects, str]:
        items: Objects = []
        continue_ = ""
        while True:
            page = await self._client.list(
                self._resource,
                self._namespace,
                label_selector=self._label_selector,
                field_selector=self._field_selector,
                limit=limit,
                continue_=continue_,
                metadata_only=self._metadata_only,
            )
            items += page.items
            continue_ = page.continue_
            if not continue_:
                return items, page.resource_version

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        started, events = loop.time(), 0
        stream = self._client.watch(
            self._resource,
            self._namespace,
            resource_version=self._version,
            label_selector=self._label_selector,
            field_selector=self._field_selector,
            metadata_only=self._metadata_only,
        )
        try:
            async with aclosing(stream):
                async for event in stream:
                    events += 1
                    self._take(event)
        finally:
            lasted = events > 0 or loop.time() - started >= SHORT_WATCH
            if lasted:
                self._unreachable.reset()
                self._refused.reset()
        if not lasted:
            raise ConnectionError("the watch ended at once")

    def _take(self, event: WatchEvent) -> None:
        if event.type == "DELETED":
            self._remove(event.object)
        elif event.type != "BOOKMARK":
            self._put(event.object)
        self._version = resource_version(event.object) or self._version

    def _put(self, obj: Any) -> None:
        old = self._cache.get(*reversed(identity(obj)))
        if old is not None and uid(old) != uid(obj):
            self._remove(old)
            old = None
        self._cache.put(obj)
        self._tell("added" if old is None else "modified", old, obj)

    def _remove(self, obj: Any) -> None:
        """Handlers get the last state there was: the one the deletion came with."""
        if self._cache.remove(obj) is not None:
            self._tell("deleted", obj, None)

    def _tell(self, change: Change, old: Any | None, new: Any | None) -> None:
        for handler in self._handlers:
            self._call(handler, change, old, new)

    def _call(self, handler: Handler, change: Change, old: Any | None, new: Any | None) -> None:
        """A bug in one handler takes neither the copy nor the other handlers down."""
        try:
            handler(change, old, new)
        except Exception:
            log.exception("handler of %s failed on %s", self._resource.group_resource, change)


class InformerFactory:
    """The informers of one process: who asks for the same gets the same."""

    def __init__(self, client: Client, env: Env) -> None:
        self._client = client
        self._env = env
        self._informers: dict[tuple[Resource, str, str, str, bool], Informer] = {}
        self._group: asyncio.TaskGroup | None = None

    def informer(
        self,
        res: Resource,
        *,
        namespace: str = "",
        field_selector: str = "",
        label_selector: str = "",
        metadata_only: bool = False,
    ) -> Informer:
        key = (res, namespace, field_selector, label_selector, metadata_only)
        informer = self._informers.get(key)
        if informer is None:
            informer = self._informers[key] = Informer(
                self._client,
                self._env,
                res,
                namespace=namespace,
                field_selector=field_selector,
                label_selector=label_selector,
                metadata_only=metadata_only,
            )
            if self._group is not None:
                self._group.create_task(informer.run())
        return informer

    async def run(self) -> None:
        """Runs all of them, also those asked for later, until cancelled."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            try:
                for informer in list(self._informers.values()):
                    group.create_task(informer.run())
                await asyncio.get_running_loop().create_future()
            finally:
                self._group = None

    async def wait_synced(self) -> None:
        """All that were asked for until it returns."""
        while waiting := [one for one in self._informers.values() if not one.synced]:
            for informer in waiting:
                await informer.wait_synced()
