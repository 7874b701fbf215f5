"""What the verbs share: the store, the caches' feed, admission, time and chance; and one call's facts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from wherry.api.schema import Obj
from wherry.api.scheme import Resource, Scheme
from wherry.apiserver.attributes import AdmissionPlugin, Attributes, RequestInfo, User
from wherry.apiserver.registry.eventleases import EventLeases
from wherry.apiserver.registry.feed import Feed
from wherry.apiserver.registry.options import Query
from wherry.apiserver.registry.served import Served
from wherry.component import Env
from wherry.etcd.types import Store
from wherry.http.messages import Request

Finish = Callable[[bool], None]


class Admission:
    """The plugins in their order. Which of them handle what is asked of each once."""

    def __init__(self, plugins: Sequence[AdmissionPlugin]) -> None:
        self.plugins = tuple(plugins)
        self._chosen: dict[tuple[Resource, str, str], tuple[AdmissionPlugin, ...]] = {}

    def chosen(self, resource: Resource, subresource: str, operation: str) -> tuple[AdmissionPlugin, ...]:
        key = (resource, subresource, operation)
        found = self._chosen.get(key)
        if found is None:
            found = tuple(p for p in self.plugins if p.handles(resource, subresource, operation))
            self._chosen[key] = found
        return found

    async def admit(self, attributes: Attributes) -> list[Finish]:
        """Runs mutating admission. Every function returned must be called with the outcome; when a
        plugin refuses, those of the plugins before it have been."""
        finishes: list[Finish] = []
        plugins = self.chosen(attributes.resource, attributes.info.subresource, attributes.operation)
        try:
            for plugin in plugins:
                finish = await plugin.admit(attributes)
                if finish is not None:
                    finishes.append(finish)
        except BaseException:
            conclude(finishes, False)
            raise
        return finishes

    async def validate(self, attributes: Attributes) -> None:
        plugins = self.chosen(attributes.resource, attributes.info.subresource, attributes.operation)
        for plugin in plugins:
            await plugin.validate(attributes)


def conclude(finishes: list[Finish], written: bool) -> None:
    for finish in reversed(finishes):
        finish(written)


@dataclass(slots=True)
class Core:
    store: Store
    env: Env
    scheme: Scheme
    feed: Feed
    leases: EventLeases
    admission: Admission
    served: Mapping[tuple[str, str, str], Served] = field(default_factory=dict)

    def now(self) -> float:
        return self.env.clock.time()


@dataclass(slots=True)
class Call:
    """One request, routed and authenticated. Direct calls have an empty `request`."""

    served: Served
    info: RequestInfo
    user: User
    request: Request
    query: Query

    @property
    def namespace(self) -> str:
        """The object's namespace. (`info` has one for a Namespace itself too: its own name.)"""
        return self.info.namespace if self.served.resource.namespaced else ""

    @property
    def agent(self) -> str:
        return self.request.headers.get("user-agent", "")

    def attributes(self, operation: str, obj: Obj | None, old: Obj | None, dry_run: bool) -> Attributes:
        return Attributes(
            operation,  # type: ignore[arg-type]
            self.info,
            self.served.resource,
            self.user,
            obj,
            old,
            dry_run,
        )
