"""A few lines of an API server, enough to drive the client: one flat collection per resource path,
list in pages, watch, create, merge patch, delete; and the faults a test wants."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import parse_qs

from wherry.api import errors
from wherry.api.errors import ApiError
from wherry.client.rest import Client
from wherry.client.transport import InProcessTransport
from wherry.component import Env
from wherry.http.messages import Request, Response
from wherry.testing.loop import VirtualClock


class MemoryApi:
    def __init__(self) -> None:
        self.revision = 100
        self.objects: dict[str, dict[str, Any]] = {}
        self.history: list[tuple[int, str, str, dict[str, Any]]] = []
        self.compacted = 0
        self.requests: list[tuple[str, str, str]] = []
        self.down = False
        self._changed = asyncio.Event()
        self._era = 0

    # -- what tests do to it

    def put(self, path: str, obj: dict[str, Any]) -> None:
        self._write("MODIFIED" if path in self.objects else "ADDED", path, obj)

    def remove(self, path: str) -> None:
        self._write("DELETED", path, self.objects.pop(path))

    def compact(self) -> None:
        self.compacted = self.revision

    def bookmark(self, collection: str) -> None:
        self.revision += 1
        self._log("BOOKMARK", f"{collection}/", {"metadata": {"resourceVersion": str(self.revision)}})

    def stop(self) -> None:
        """Every watch breaks, every request is refused."""
        self.down = True
        self.break_watches()

    def break_watches(self) -> None:
        self._era += 1
        self._wake()

    # -- the server

    async def __call__(self, request: Request) -> Response:
        self.requests.append((request.method, request.path, request.query))
        if self.down:
            raise ConnectionRefusedError("connection refused")
        try:
            return self._handle(request)
        except ApiError as error:
            return Response(error.code, json.dumps(error.status()).encode(), headers=error.headers)

    def _handle(self, request: Request) -> Response:
        query = {key: values[0] for key, values in parse_qs(request.query).items()}
        path = request.path
        if query.get("watch"):
            since = int(query["resourceVersion"])
            if since < self.compacted:
                raise errors.expired(f"too old resource version: {since} ({self.compacted})")
            return Response(stream=self._stream(path, since))
        body = json.loads(request.body) if request.body else {}
        match request.method:
            case "GET" if path in self.objects:
                return _json(self.objects[path])
            case "GET" if path.rsplit("/", 1)[-1] in ("pods", "configmaps", "widgets"):
                return self._list(path, query)
            case "POST":
                return _json(self._create(path, body), 201)
            case "PATCH" if path in self.objects:
                return _json(self._patch(path, body))
            case "DELETE" if path in self.objects:
                self.remove(path)
                return _json({"kind": "Status", "status": "Success"})
        raise errors.not_found("", path.rsplit("/", 2)[-2], path.rsplit("/", 1)[-1])

    def _list(self, path: str, query: Mapping[str, str]) -> Response:
        names = sorted(name for name in self.objects if _inside(path, name))
        start, limit = int(query.get("continue", "0")), int(query.get("limit", "0"))
        if start and self.compacted == self.revision:
            raise errors.expired("The provided continue parameter is too old")
        page = names[start : start + limit] if limit else names
        meta: dict[str, Any] = {"resourceVersion": str(self.revision)}
        if start + len(page) < len(names):
            meta["continue"] = str(start + len(page))
        return _json({"kind": "List", "metadata": meta, "items": [self.objects[name] for name in page]})

    def _create(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        name = f"{path}/{body['metadata']['name']}"
        if name in self.objects:
            raise errors.already_exists("", path.rsplit("/", 1)[-1], body["metadata"]["name"])
        return self._write("ADDED", name, body)

    def _patch(self, path: str, patch: dict[str, Any]) -> dict[str, Any]:
        old = self.objects[path]
        version = patch.get("metadata", {}).get("resourceVersion")
        if version is not None and version != old["metadata"]["resourceVersion"]:
            raise errors.object_modified("", path.rsplit("/", 2)[-2], path.rsplit("/", 1)[-1])
        return self._write("MODIFIED", path, _merged(old, patch))

    def _write(self, change: str, path: str, obj: dict[str, Any]) -> dict[str, Any]:
        self.revision += 1
        stored = {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(self.revision)}}
        if change != "DELETED":
            self.objects[path] = stored
        self._log(change, path, stored)
        return stored

    def _log(self, change: str, path: str, obj: dict[str, Any]) -> None:
        self.history.append((self.revision, change, path, obj))
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _stream(self, path: str, since: int) -> AsyncIterator[bytes]:
        era = self._era
        while True:
            changed = self._changed
            news = [entry for entry in self.history if entry[0] > since and _inside(path, entry[2])]
            for revision, change, _, obj in news:
                since = revision
                yield json.dumps({"type": change, "object": obj}).encode() + b"\n"
            if not news:
                await changed.wait()
            if era != self._era:
                raise ConnectionResetError("connection reset by peer")


def _inside(collection: str, path: str) -> bool:
    """Whether an object is in a collection, or in a namespace of a collection of all namespaces."""
    root, _, plural = collection.rpartition("/")
    return path.startswith(f"{collection}/") or (
        path.startswith(f"{root}/namespaces/") and f"/{plural}/" in path
    )


def _merged(old: Any, patch: Any) -> Any:
    if not isinstance(patch, dict) or not isinstance(old, dict):
        return patch
    merged = {**old, **{key: _merged(old.get(key), value) for key, value in patch.items()}}
    return {key: value for key, value in merged.items() if value is not None}


def _json(value: Any, status: int = 200) -> Response:
    return Response(status, json.dumps(value).encode())


def client(api: MemoryApi) -> Client:
    return Client(InProcessTransport(api, "tester"))


def env(seed: int = 1) -> Env:
    return Env(VirtualClock(), random.Random(seed))
