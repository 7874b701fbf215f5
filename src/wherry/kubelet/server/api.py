"""The kubelet's HTTPS API: what the API server, metrics collectors and people ask of a node.

    /healthz  /pods  /runningpods/  /stats/summary  /configz
    /containerLogs/NAMESPACE/POD/CONTAINER
    /exec, /attach /NAMESPACE/POD[/UID]/CONTAINER        /portForward/NAMESPACE/POD[/UID]

Upstream: `kubelet/server/server.go`. Refusals are plain text, as there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any
from urllib.parse import parse_qs, unquote

import msgspec

from wherry.api.schema import to_obj
from wherry.clock import Clock, parse_rfc3339
from wherry.cri.runtime import Runtime
from wherry.cri.types import RuntimeFault
from wherry.http.messages import Request, Response
from wherry.kubelet.logs import LogOptions, read_log
from wherry.kubelet.machine.disk import Disk
from wherry.kubelet.machine.inotify import FileWatcher
from wherry.kubelet.podspec import find_container
from wherry.kubelet.server.auth import Gatekeeper
from wherry.kubelet.server.logsource import LogRefused, log_run
from wherry.kubelet.server.streams import Action, BadStreamRequest, container_url, forward_url, proxy
from wherry.kubelet.worker import PodWorker

Route = Callable[[Request, list[str]], Awaitable[Response]]


class KubeletApi:
    """`handle` is an HTTP server's handler. `gatekeeper` None lets everybody in: the read-only and
    health listeners, which get their `routes` cut down."""

    def __init__(
        self,
        runtime: Runtime,
        clock: Clock,
        disk: Disk,
        watcher: FileWatcher,
        workers: Callable[[], Iterable[PodWorker]],
        *,
        summary: Callable[[], Awaitable[Any]],
        healthy: Callable[[], str],
        configuration: Callable[[], Any],
    ) -> None:
        self._runtime = runtime
        self._clock = clock
        self._disk = disk
        self._watcher = watcher
        self._workers = workers
        self._summary = summary
        self._healthy = healthy
        self._configuration = configuration
        self._routes: dict[str, Route] = {
            "healthz": self._healthz,
            "pods": self._pods,
            "runningpods": self._running,
            "stats": self._stats,
            "configz": self._configz,
            "containerLogs": self._logs,
            "exec": self._exec,
            "attach": self._attach,
            "portForward": self._forward,
        }

    def handler(
        self, gatekeeper: Gatekeeper | None, only: Iterable[str] = ()
    ) -> Callable[[Request], Awaitable[Response]]:
        """A handler that serves all routes, or `only` some, to those whom `gatekeeper` lets in."""
        routes = {name: self._routes[name] for name in only} if only else self._routes

        async def handle(request: Request) -> Response:
            parts = [unquote(part) for part in request.path.split("/")[1:]]
            route = routes.get(parts[0])
            if gatekeeper is not None:
                user = await gatekeeper.user(request)
                if user is None:
                    return _text(401, "Unauthorized")
                if not await gatekeeper.allows(user, request):
                    return _text(403, f"Forbidden (user={user.name}, verb={request.method.lower()})")
            if route is None:
                return _text(404, "404 page not found")
            try:
                return await route(request, [part for part in parts[1:] if part])
            except (LogRefused, BadStreamRequest, ValueError) as error:
                return _text(400, str(error))
            except RuntimeFault as fault:
                return _text(500, fault.rpc_text)
            except OSError as error:
                return _text(500, str(error))

        return handle

    # --- what there is

    async def _healthz(self, request: Request, rest: list[str]) -> Response:
        problem = self._healthy()
        return _text(500, problem) if problem else _text(200, "ok", newline=False)

    async def _pods(self, request: Request, rest: list[str]) -> Response:
        items = [{**to_obj(worker.pod), "apiVersion": "v1", "kind": "Pod"} for worker in self._workers()]
        return _json({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": items})

    async def _running(self, request: Request, rest: list[str]) -> Response:
        items = []
        for worker in self._workers():
            running = worker.view.running()
            if running:
                meta = worker.pod.metadata
                items.append(
                    {
                        "metadata": {"name": meta.name, "namespace": meta.namespace, "uid": meta.uid},
                        "spec": {"containers": [{"name": r.name, "image": r.image} for r in running]},
                    }
                )
        return _json({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": items})

    async def _stats(self, request: Request, rest: list[str]) -> Response:
        if rest not in (["summary"], []):
            return _text(404, "404 page not found")
        return _json(await self._summary())

    async def _configz(self, request: Request, rest: list[str]) -> Response:
        return _json({"kubeletconfig": self._configuration()})

    # --- containers

    def _worker(self, namespace: str, name: str) -> PodWorker | None:
        for worker in self._workers():
            meta = worker.pod.metadata
            if meta.name == name and meta.namespace == namespace:
                return worker
        return None

    async def _logs(self, request: Request, rest: list[str]) -> Response:
        if len(rest) != 3:
            return _text(404, "404 page not found")
        namespace, name, container = rest
        worker = self._worker(namespace, name)
        if worker is None:
            return _text(404, f'pod "{name}" does not exist')
        if find_container(worker.pod, container) is None:
            return _text(404, f'container "{container}" not found in pod "{name}"')
        query = {key: values[0] for key, values in parse_qs(request.query).items()}
        options = self._log_options(query)
        run = log_run(worker, container, previous=query.get("previous") in ("true", "1"))

        def alive() -> bool:
            latest = worker.view.latest(container)
            return latest is not None and latest.id == run.id and latest.state == "running"

        stream = read_log(run.path, options, self._disk, self._watcher, alive)
        try:
            first = await anext(stream, b"")
        except FileNotFoundError:
            first = b""
        return Response(200, content_type="text/plain", stream=_chained(first, stream))

    def _log_options(self, query: dict[str, str]) -> LogOptions:
        since = 0.0
        if "sinceSeconds" in query:
            since = self._clock.time() - _number(query, "sinceSeconds", 0)
        elif query.get("sinceTime"):
            since = parse_rfc3339(query["sinceTime"])
        return LogOptions(
            follow=query.get("follow") in ("true", "1"),
            timestamps=query.get("timestamps") in ("true", "1"),
            tail=_number(query, "tailLines", -1),
            limit=_number(query, "limitBytes", -1),
            since=since,
            stream=query.get("stream") or "All",
        )

    async def _exec(self, request: Request, rest: list[str]) -> Response:
        return await self._stream("exec", request, rest)

    async def _attach(self, request: Request, rest: list[str]) -> Response:
        return await self._stream("attach", request, rest)

    async def _stream(self, action: Action, request: Request, rest: list[str]) -> Response:
        if len(rest) not in (3, 4):
            return _text(404, "404 page not found")
        worker = self._worker(rest[0], rest[1])
        if worker is None:
            return _text(404, "pod does not exist")
        run = worker.view.latest(rest[-1])
        if run is None or run.state != "running":
            return _text(404, f'container not found ("{rest[-1]}")')
        return await proxy(request, await container_url(self._runtime, action, request, run))

    async def _forward(self, request: Request, rest: list[str]) -> Response:
        worker = self._worker(rest[0], rest[1]) if len(rest) in (2, 3) else None
        if worker is None:
            return _text(404, "pod does not exist")
        sandbox = worker.view.sandbox
        if sandbox is None:
            return _text(404, f'pod not found ("{worker.uid}")')
        return await proxy(request, await forward_url(self._runtime, request, sandbox))


def _number(query: dict[str, str], name: str, default: int) -> int:
    text = query.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise ValueError(f'invalid value "{text}" for {name}: must be a non-negative integer')
    return int(text)


async def _chained(first: bytes, rest: Any) -> Any:
    try:
        if first:
            yield first
        async for chunk in rest:
            yield chunk
    finally:
        await rest.aclose()


def _text(status: int, text: str, *, newline: bool = True) -> Response:
    return Response(status, (text + ("\n" if newline else "")).encode(), "text/plain; charset=utf-8")


def _json(value: Any) -> Response:
    return Response(200, msgspec.json.encode(value), "application/json")
