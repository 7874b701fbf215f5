"""The registry: every stored resource, behind one `handle`.

    registry = Registry(store, env, scheme, strategies, admission, connectors)
    await registry.start()
    response = await registry.handle(info, request, user)     # ApiError for refusals

A request comes here routed, authenticated and authorized. What it does is one function per verb
(`getting`, `listing`, `watching`, `create`, `update`, `patching`, `delete`) and per odd subresource
(`scale`, `binding`, `eviction`), chosen from a table; subresources that reach out of the store (logs,
exec, tokens) and resources that are only asked (reviews) are the given `connectors`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeAlias

from wherry.api import errors
from wherry.api.errors import ApiError
from wherry.api.schema import Obj, definition_name
from wherry.api.scheme import Resource, Scheme
from wherry.apiserver.attributes import LOOPBACK, AdmissionPlugin, Reader, RequestInfo, User
from wherry.apiserver.registry import (
    binding,
    create,
    decoding,
    delete,
    entry,
    eviction,
    getting,
    keys,
    listing,
    options,
    patching,
    respond,
    scale,
    update,
    watching,
)
from wherry.apiserver.registry.convert import conversion
from wherry.apiserver.registry.core import Admission, Call, Core
from wherry.apiserver.registry.eventleases import EventLeases
from wherry.apiserver.registry.feed import Feed
from wherry.apiserver.registry.options import DeleteOptions, WriteOptions
from wherry.apiserver.registry.reader import CacheReader
from wherry.apiserver.registry.served import Served
from wherry.apiserver.registry.strategy import GENERIC, Strategy
from wherry.apiserver.registry.watchcache import Layout, WatchCache
from wherry.component import Env
from wherry.etcd.types import Store
from wherry.http.messages import Request, Response

Connector: TypeAlias = Callable[[RequestInfo, Request, User], Awaitable[Response]]
Verb: TypeAlias = Callable[[Core, Call], Awaitable[Response]]

_VERBS: dict[str, Verb] = {
    "get": getting.get,
    "list": listing.list_objects,
    "watch": watching.watch,
    "create": create.create,
    "update": update.update,
    "patch": patching.patch,
    "delete": delete.delete,
    "deletecollection": delete.delete_collection,
}
_NAMELESS = {
    "create": True,
    "deletecollection": True,
    "get": False,
    "update": False,
    "patch": False,
    "delete": False,
}
"""Which verbs are of the collection and which of one object (list and watch may name one)."""

_OF_OBJECT: dict[str, Verb] = {"get": getting.get, "update": update.update, "patch": patching.patch}
_SUBRESOURCES: dict[str, dict[str, Verb]] = {
    "status": _OF_OBJECT,
    "finalize": _OF_OBJECT,
    "approval": _OF_OBJECT,
    "ephemeralcontainers": _OF_OBJECT,
    "resize": _OF_OBJECT,
    "scale": {"get": scale.get, "update": scale.update, "patch": scale.patch},
    "binding": {"create": binding.bind},
    "eviction": {"create": eviction.evict},
}
_INDEXED = {"pods": ("spec.nodeName",)}
"""Field labels that so many watch by that each has its own index."""

_SELF = "kube-apiserver"
"""Who owns the fields of what the server itself writes."""


class Registry:
    """`strategies` and `connectors` by group resource (`pods`, `deployments.apps`); connectors also by
    subresource. `event_ttl` is in seconds."""

    def __init__(
        self,
        store: Store,
        env: Env,
        scheme: Scheme,
        strategies: Mapping[str, Strategy],
        admission: Sequence[AdmissionPlugin] = (),
        connectors: Mapping[tuple[str, str], Connector] | None = None,
        *,
        event_ttl: float = 3600.0,
    ) -> None:
        self._strategies = strategies
        self._connectors = dict(connectors or {})
        self._by_version: dict[tuple[str, str, str], Served] = {}
        self._by_name: dict[str, Served] = {}
        self._routes: dict[tuple[str, str, str, str, str, bool, bool], tuple[Served, Verb]] = {}
        caches: dict[bytes, WatchCache] = {}
        for resource in scheme.all():
            self._serve(resource, scheme, caches)
        self._core = Core(
            store=store,
            env=env,
            scheme=scheme,
            feed=Feed(store, caches.values()),
            leases=EventLeases(store, env.clock.time, event_ttl),
            admission=Admission(admission),
        )
        self.reader: Reader = CacheReader(self._by_name)

    def _serve(self, resource: Resource, scheme: Scheme, caches: dict[bytes, WatchCache]) -> None:
        strategy = self._strategies.get(resource.group_resource, GENERIC)
        stored = keys.stored(resource, scheme)
        prefix = keys.prefix(stored)
        cache = caches.get(prefix)
        if cache is None:
            layout = Layout(
                prefix,
                entry.head(stored.api_version, stored.kind),
                self._strategies.get(stored.group_resource, GENERIC).fields,
                _INDEXED.get(stored.group_resource, ()),
            )
            cache = caches[prefix] = WatchCache(layout)
        served = Served(
            resource,
            strategy,
            cache,
            None if stored is resource else conversion(stored, resource),
            definition_name(resource.api_version, resource.kind),
        )
        self._by_version[resource.group, resource.version, resource.name] = served
        self._by_name.setdefault(resource.group_resource, served)

    @property
    def admission(self) -> Sequence[AdmissionPlugin]:
        return self._core.admission.plugins

    @admission.setter
    def admission(self, plugins: Sequence[AdmissionPlugin]) -> None:
        self._core.admission = Admission(plugins)

    async def start(self) -> None:
        """Returns when the caches are filled."""
        await self._core.feed.start()

    async def stop(self) -> None:
        """Ends what runs in the background; the store stays open."""
        await self._core.feed.stop()

    # -- requests

    async def handle(self, info: RequestInfo, request: Request, user: User) -> Response:
        """The answer to a resource request. Raises ApiError for refusals, StoreFailed."""
        nowhere = info.namespace == ""
        key = (info.group, info.version, info.resource, info.subresource, info.verb, info.name == "", nowhere)
        route = self._routes.get(key)
        if route is None:
            connector = self._connector(info)
            if connector is not None:
                return await connector(info, request, user)
            served, verb = self._route(info)
            if served.strategy.deprecated:
                verb = respond.with_warning(verb, served.strategy.deprecated)
            route = self._routes[key] = (served, verb)
        served, verb = route
        call = Call(served, info, user, request, options.parse(request.query))
        try:
            return await verb(self._core, call)
        except RecursionError:
            raise errors.bad_request("the document is nested too deeply") from None

    def _connector(self, info: RequestInfo) -> Connector | None:
        name = f"{info.resource}.{info.group}" if info.group else info.resource
        return self._connectors.get((name, info.subresource))

    def _route(self, info: RequestInfo) -> tuple[Served, Verb]:
        served = self._by_version.get((info.group, info.version, info.resource))
        if served is None:
            raise _unknown()
        resource, subresource, verb = served.resource, info.subresource, info.verb
        _check_place(resource, info)
        if not subresource:
            nameless = _NAMELESS.get(verb, info.name == "")
            if verb not in resource.verbs or verb not in _VERBS or nameless != (info.name == ""):
                raise _not_allowed()
            if resource.group_resource == "bindings":
                return self._by_name["pods"], binding.bind
            return served, _VERBS[verb]
        found = _SUBRESOURCES.get(subresource)
        if subresource not in resource.subresources or found is None:
            raise _unknown()
        if verb not in found or verb not in resource.subresources[subresource].verbs:
            raise _not_allowed()
        return served, found[verb]

    # -- direct calls, for the server's own objects

    async def get(self, group_resource: str, name: str, namespace: str = "") -> Obj:
        """A copy of the object; ApiError (NotFound) when there is none."""
        call = self._call("get", group_resource, namespace, name, LOOPBACK)
        return call.served.decode(await update.current_entry(self._core, call))

    async def create(self, group_resource: str, obj: Obj, namespace: str = "", user: User = LOOPBACK) -> Obj:
        call = self._call("create", group_resource, namespace, "", user)
        wanted = decoding.plain(entry.encode(self._typed(call, obj)))
        body, _ = await create.create_object(self._core, call, wanted, WriteOptions(), manager=_SELF)
        return decoding.plain(body)

    async def update(self, group_resource: str, obj: Obj, namespace: str = "", user: User = LOOPBACK) -> Obj:
        name = obj["metadata"]["name"]
        call = self._call("update", group_resource, namespace, name, user)
        wanted = decoding.plain(entry.encode(self._typed(call, obj)))
        outcome = await update.put_object(self._core, call, wanted, WriteOptions(manager=_SELF))
        return decoding.plain(outcome.body)

    async def delete(
        self, group_resource: str, name: str, namespace: str = "", user: User = LOOPBACK
    ) -> None:
        call = self._call("delete", group_resource, namespace, name, user)
        await delete.delete_object(self._core, call, DeleteOptions())

    def _typed(self, call: Call, obj: Obj) -> Obj:
        resource = call.served.resource
        return {**obj, "kind": resource.kind, "apiVersion": resource.api_version}

    def _call(self, verb: str, group_resource: str, namespace: str, name: str, user: User) -> Call:
        served = self._by_name.get(group_resource)
        if served is None:
            raise _unknown()
        resource = served.resource
        method = {"get": "GET", "create": "POST", "update": "PUT", "delete": "DELETE"}[verb]
        info = RequestInfo(
            verb=verb,
            path=resource.path(namespace, name),
            is_resource=True,
            group=resource.group,
            version=resource.version,
            resource=resource.name,
            namespace=namespace,
            name=name,
        )
        return Call(served, info, user, Request(method, info.path), {})


def _check_place(resource: Resource, info: RequestInfo) -> None:
    """Objects of a namespaced kind are in a namespace, those of other kinds are not; all namespaces
    together can be listed and watched."""
    if resource.namespaced and not info.namespace and info.verb not in ("list", "watch"):
        raise _unknown() if info.name else _not_allowed()
    if not resource.namespaced and info.namespace and resource.group_resource != "namespaces":
        raise _unknown()


def _unknown() -> ApiError:
    return ApiError("NotFound", "the server could not find the requested resource", details={})


def _not_allowed() -> ApiError:
    text = "the server does not allow this method on the requested resource"
    return errors.ApiError("MethodNotAllowed", text, details={})
