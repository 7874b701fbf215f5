"""The API server: the order in which a request passes its stations, and nothing else.

    panic guard -> request info -> who (auth/authenticate) -> as whom (auth/impersonate)
    -> how many at once (filters) -> may they (auth/authorize) -> endpoints, or (protobuf) registry

It is a component (`run` serves over TLS), and an object that handles requests without any socket
(`start`, `handle`, `stop`; or `async with server.running()`), as the in-process cluster uses it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import msgspec

from wherry.api.errors import ApiError, bad_request
from wherry.api.schema import Obj
from wherry.api.scheme import Scheme, builtin
from wherry.apiserver import protobuf
from wherry.apiserver.admission import chain
from wherry.apiserver.admission.settings import AdmissionSettings
from wherry.apiserver.attributes import Reader, RequestInfo, User
from wherry.apiserver.auth import tokenfile
from wherry.apiserver.auth.authenticate import Authenticator
from wherry.apiserver.auth.authorize import decide, refusal
from wherry.apiserver.auth.impersonate import impersonated
from wherry.apiserver.auth.keys import KeyRing
from wherry.apiserver.auth.reviews import Connector, Reviews
from wherry.apiserver.auth.serviceaccount import Verifier
from wherry.apiserver.auth.tokenrequest import TokenRequests
from wherry.apiserver.bootstrap import Bootstrap
from wherry.apiserver.endpoints import Endpoints
from wherry.apiserver.filters import InFlight
from wherry.apiserver.health import Health
from wherry.apiserver.kinds.table import STRATEGIES
from wherry.apiserver.kubelet_proxy import KubeletProxy, method_not_allowed
from wherry.apiserver.metrics import RequestMetrics
from wherry.apiserver.registry.service import Registry
from wherry.apiserver.routing import BadPath, parse
from wherry.apiserver.settings import ApiServerSettings
from wherry.component import Env
from wherry.etcd.types import Range, Store, StoreFailed, StoreFull
from wherry.http.messages import Request, Response
from wherry.http.server import HttpServer
from wherry.http.tls import server_context

log = logging.getLogger("wherry.apiserver")

_UNKNOWN = RequestInfo("", "")
_PANIC = ApiError("InternalError", "This request caused apiserver to panic. Look in the logs for details.")
_CACHE_CONTROL = (("Cache-Control", "no-cache, private"),)


class _RegistryReader:
    """The registry's reader, for those who must be made before the registry."""

    def __init__(self) -> None:
        self.source: Reader | None = None

    def _reader(self) -> Reader:
        if self.source is None:
            raise RuntimeError("the registry is not there yet")
        return self.source

    def get(self, group_resource: str, name: str, namespace: str = "") -> Obj | None:
        return self._reader().get(group_resource, name, namespace)

    def list(self, group_resource: str, namespace: str = "") -> list[Obj]:
        return self._reader().list(group_resource, namespace)


class ApiServer:
    """`connectors` replace or add subresource answers (a simulated node's logs)."""

    name = "kube-apiserver"

    def __init__(
        self,
        store: Store,
        env: Env,
        settings: ApiServerSettings,
        *,
        connectors: Mapping[tuple[str, str], Connector] | None = None,
    ) -> None:
        self.settings = settings
        self.scheme = Scheme(builtin().all())
        self.metrics = RequestMetrics()
        self.health = Health()
        self.http: HttpServer | None = None
        self._store = store
        self._env = env
        self._in_flight = InFlight(settings.max_requests_inflight, settings.max_mutating_requests_inflight)
        self._background: asyncio.Task[None] | None = None
        accounts = settings.service_account
        keys = KeyRing(accounts.signing_key_file, accounts.key_files)
        reader = _RegistryReader()
        self.authenticator = Authenticator(
            Verifier(keys, reader, env.clock, accounts),
            _static_tokens(settings),
            env.clock,
            accounts.api_audiences,
            anonymous=settings.anonymous_auth,
        )
        answered: dict[tuple[str, str], Connector] = {
            **KubeletProxy(reader, env.rng, settings.kubelet).connectors(),
            **Reviews(self.authenticator, decide, accounts.api_audiences, env.clock).connectors(),
            ("serviceaccounts", "token"): TokenRequests(keys, reader, env.clock, env.rng, accounts).create,
            **(connectors or {}),
        }
        plugins = chain.plugins(reader, env, _admission(settings))
        self.registry = Registry(
            store, env, self.scheme, STRATEGIES, plugins, answered, event_ttl=settings.event_ttl
        )
        reader.source = self.registry.reader
        address = f"{settings.advertise_address or settings.bind_address}:{settings.secure_port}"
        self.endpoints = Endpoints(
            self.scheme, address, self.health, self.metrics, self._in_flight, keys, accounts.issuers[0]
        )
        self.bootstrap = Bootstrap(self.registry, store, settings)
        self.health.add("etcd", self._store_answers)
        self.health.add("poststarthook/bootstrap-controller", self.bootstrap.check)

    # --- life

    async def start(self) -> None:
        """The caches are filled and what every cluster has is there when it returns."""
        await self.registry.start()
        try:
            await self.bootstrap.ensure()
        except BaseException:
            await self.registry.stop()
            raise
        self._background = asyncio.create_task(self.bootstrap.keep_endpoints())

    async def stop(self) -> None:
        if self._background is not None:
            self._background.cancel()
            await asyncio.wait([self._background])
            if not self._background.cancelled() and (error := self._background.exception()):
                log.error("keeping the kubernetes endpoints failed", exc_info=error)
        await self.bootstrap.withdraw()
        await self.registry.stop()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[ApiServer]:
        await self.start()
        try:
            yield self
        finally:
            await self.stop()

    async def run(self, ready: Callable[[], None]) -> None:
        """Serves over TLS until cancelled, then lets requests in flight finish."""
        settings = self.settings
        if settings.tls_cert_file is None or settings.tls_private_key_file is None:
            raise ValueError("serving needs a certificate and its key")
        context = server_context(
            settings.tls_cert_file, settings.tls_private_key_file, settings.client_ca_file
        )
        http = HttpServer(self.handle, context, clock=self._env.clock, headers=_CACHE_CONTROL)
        self.http = http
        async with self.running():
            await http.start(settings.bind_address, settings.secure_port)
            log.info("Serving securely on %s:%d", settings.bind_address, http.port)
            ready()
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                await http.close(settings.shutdown_grace)

    async def _store_answers(self) -> str:
        try:
            await self._store.range(Range(b"/registry/health", limit=1))
        except StoreFailed as error:
            return str(error)
        return ""

    # --- requests

    async def handle(self, request: Request) -> Response:
        """A `wherry.http.messages.Handler`; raises nothing but cancellation."""
        begun = asyncio.get_running_loop().time()
        info = _UNKNOWN
        try:
            info = parse(request.method, request.path, request.query)
            user = self.authenticator.identify(request)
            if any(name.startswith("impersonate-") for name in request.headers):
                user = impersonated(request.headers, user, decide)
            response = await self._permitted(info, request, user)
        except ApiError as error:
            response = _refused(error)
        except BadPath as error:
            response = _refused(bad_request(str(error)))
        except (StoreFull, StoreFailed) as error:
            log.error("the store refused %s %s: %s", request.method, request.path, error)
            response = _refused(ApiError("ServiceUnavailable", f"the store is not available: {error}"))
        except Exception:
            log.exception("panic in %s %s", request.method, request.path)
            response = _refused(_PANIC)
        self.metrics.record(info, response.status, asyncio.get_running_loop().time() - begun)
        return response

    async def _permitted(self, info: RequestInfo, request: Request, user: User) -> Response:
        counted = self._in_flight.enter(info, user)
        try:
            verdict = decide(user, info)
            if not verdict.allowed:
                raise refusal(verdict)
            if not info.is_resource:
                return await self.endpoints.answer(info, request)
            if not info.verb:
                raise method_not_allowed()
            if request.body:
                protobuf.as_json(request)
            return await self.registry.handle(info, request, user)
        finally:
            self._in_flight.leave(counted)


def _admission(settings: ApiServerSettings) -> AdmissionSettings:
    return AdmissionSettings(
        service_cluster_ip_ranges=tuple(str(network) for network in settings.service_networks),
        service_node_port_range=settings.service_node_port_range,
        enabled=settings.enable_admission_plugins,
        disabled=settings.disable_admission_plugins,
        allow_privileged=settings.allow_privileged,
    )


def _static_tokens(settings: ApiServerSettings) -> dict[str, User]:
    path = settings.token_auth_file
    return {} if path is None else tokenfile.read(path.read_text(), str(path))


def _refused(error: ApiError) -> Response:
    return Response(error.code, msgspec.json.encode(error.status()) + b"\n", headers=error.headers)
