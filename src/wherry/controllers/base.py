"""What every controller is: informers that feed a queue of keys, and a `reconcile(key)`.

    pod event --handler--> key of the owner --queue--> reconcile("ns/web") --> writes, seconds to come back

Invariants: a key is worked on by one worker at a time; `reconcile` looks at the world as it is, never
at the event that woke it; every write carries a resourceVersion or a uid, so that a decision made on
an old view is refused and made again. What a controller does not do: keep state it cannot rebuild.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, Literal

from wherry.api.scheme import Resource
from wherry.client.events import EventRecorder
from wherry.client.informer import Informer, InformerFactory
from wherry.client.rest import Client
from wherry.client.workqueue import WorkQueue, run_workers
from wherry.component import Env
from wherry.controllers.settings import ControllersSettings

log = logging.getLogger("wherry.controllers")

Event = Literal["added", "modified", "deleted"]
KeyFunction = Callable[[Any], Iterable[str]]


class Context:
    """What controllers share: the client, time, informers, and one event recorder per component name."""

    def __init__(
        self, client: Client, env: Env, settings: ControllersSettings, informers: InformerFactory
    ) -> None:
        self.client = client
        self.env = env
        self.settings = settings
        self.informers = informers
        self.recorders: dict[str, EventRecorder] = {}
        self.whole: dict[tuple[str, str], Informer] = {}
        """The informers of all objects of a (group, resource), for who can do with the same."""

    def now(self) -> float:
        return self.env.clock.time()

    def recorder(self, component: str) -> EventRecorder:
        if component not in self.recorders:
            self.recorders[component] = EventRecorder(self.client, self.env, component)
        return self.recorders[component]

    def informer(self, resource: Resource) -> Informer:
        """The shared informer of all objects of a resource."""
        informer = self.informers.informer(resource)
        self.whole[resource.group, resource.name] = informer
        return informer

    def indexed(self, resource: Resource, name: str, keys: KeyFunction) -> Informer:
        """The shared informer of a resource with the named index; asking twice is harmless."""
        informer = self.informer(resource)
        informer.add_index(name, keys)
        return informer


class Controller(ABC):
    """Base of all: subclasses register what they watch in `__init__` and implement `reconcile`."""

    name: str
    workers = 1
    late = False
    """Starts when all others work: what it does can wait, and starting it is much work."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.client = context.client
        self.queue = WorkQueue()
        self.informers: list[Informer] = []

    def watch(self, informer: Informer, keys: KeyFunction | None = None) -> Informer:
        """Wait for `informer` before working; `keys(object)` of old and new are queued on events."""
        self.informers.append(informer)
        if keys is not None:
            informer.add_handler(lambda event, old, new: self._enqueue(keys, old, new))
        return informer

    def _enqueue(self, keys: KeyFunction, old: Any, new: Any) -> None:
        for obj in (old, new):
            if obj is not None:
                for key in keys(obj):
                    self.queue.add(key)

    @abstractmethod
    async def reconcile(self, key: str) -> float | None:
        """Bring what `key` names nearer to what is wanted; the seconds after which to look again."""

    async def run(self) -> None:
        for informer in self.informers:
            await informer.wait_synced()
        await run_workers(self.queue, self.reconcile, self.workers, name=self.name)


def key_of(obj: Any) -> str:
    """`namespace/name`, or `name` for what has no namespace."""
    meta = obj.metadata
    return f"{meta.namespace}/{meta.name}" if meta.namespace else str(meta.name)


def own_key(obj: Any) -> tuple[str]:
    """The key function of a controller's primary resource."""
    return (key_of(obj),)


def split_key(key: str) -> tuple[str, str]:
    """(namespace, name); the namespace is empty for what has none."""
    namespace, slash, name = key.partition("/")
    return (namespace, name) if slash else ("", key)


def soonest(*delays: float | None) -> float | None:
    """The smallest of those given, None when there is none."""
    return min((delay for delay in delays if delay is not None), default=None)
