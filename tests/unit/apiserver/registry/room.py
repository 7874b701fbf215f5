"""A registry on the memory store, and requests to it without a server around.

async def body(room: Room) -> None:
    assert (await room.post("configmaps", {...})).status == 201

run(body)
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from wherry.api.scheme import builtin
from wherry.apiserver.attributes import LOOPBACK, AdmissionPlugin
from wherry.apiserver.kinds.table import STRATEGIES
from wherry.apiserver.registry.service import Connector, Registry
from wherry.apiserver.routing import parse
from wherry.component import Env
from wherry.etcd.open import open_store
from wherry.http.messages import Request, Response

MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
PARTIAL = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"


class FixedClock:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def time(self) -> float:
        return self.now


class Room:
    def __init__(
        self,
        admission: Sequence[AdmissionPlugin] = (),
        connectors: Mapping[tuple[str, str], Connector] | None = None,
    ) -> None:
        self.clock = FixedClock()
        env = Env(self.clock, random.Random(1))
        self.store = open_store(None, env)
        self.registry = Registry(self.store, env, builtin(), STRATEGIES, admission, connectors)

    async def ask(self, line: str, body: Any = None, **headers: str) -> Response:
        """`await room.ask("GET configmaps/a?x=y")`; short paths are in the namespace `default`."""
        method, _, target = line.partition(" ")
        if not target.startswith("/"):
            target = f"/api/v1/namespaces/default/{target}"
        path, _, query = target.partition("?")
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        named = {"content-type": "application/json", "user-agent": "test/1.0"}
        named |= {name.replace("_", "-"): value for name, value in headers.items()}
        info = parse(method, path, query)
        return await self.registry.handle(info, Request(method, path, query, named, data), LOOPBACK)

    async def get(self, target: str, **headers: str) -> Any:
        return json.loads((await self.ask(f"GET {target}", **headers)).body)

    async def post(self, target: str, body: Any, **headers: str) -> Any:
        return json.loads((await self.ask(f"POST {target}", body, **headers)).body)

    async def put(self, target: str, body: Any, **headers: str) -> Any:
        return json.loads((await self.ask(f"PUT {target}", body, **headers)).body)

    async def patch(self, target: str, body: Any, media: str = MERGE) -> Any:
        return json.loads((await self.ask(f"PATCH {target}", body, content_type=media)).body)

    async def delete(self, target: str, body: Any = None) -> Any:
        return json.loads((await self.ask(f"DELETE {target}", body)).body)

    async def watch(self, target: str, **headers: str) -> Watched:
        response = await self.ask(f"GET {target}", **headers)
        assert response.stream is not None
        return Watched(response)


class Watched:
    """A watch's frames, one after another."""

    def __init__(self, response: Response) -> None:
        assert response.stream is not None
        self._stream = response.stream
        self._ready: list[Any] = []

    async def frame(self) -> Any:
        while not self._ready:
            chunk = await asyncio.wait_for(anext(self._stream), 5)
            self._ready = [json.loads(line) for line in chunk.splitlines()]
        return self._ready.pop(0)

    async def told(self, count: int) -> list[tuple[str, str]]:
        """(type, name) of the next frames."""
        frames = [await self.frame() for _ in range(count)]
        return [(frame["type"], frame["object"]["metadata"].get("name", "")) for frame in frames]

    async def rest(self) -> list[Any]:
        """Everything until the stream ends."""
        frames = self._ready
        async for chunk in self._stream:
            frames += [json.loads(line) for line in chunk.splitlines()]
        return frames

    async def close(self) -> None:
        await self._stream.aclose()  # type: ignore[attr-defined]


def run(
    body: Callable[[Room], Awaitable[None]],
    admission: Sequence[AdmissionPlugin] = (),
    connectors: Mapping[tuple[str, str], Connector] | None = None,
) -> None:
    async def main() -> None:
        room = Room(admission, connectors)
        await room.registry.start()
        try:
            await body(room)
        finally:
            await room.registry.stop()
            await room.store.close()

    asyncio.run(main())


def config_map(name: str, data: Mapping[str, str] | None = None, **metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, **metadata}, "data": dict(data or {"k": "v"})}


def pod(name: str, node: str = "", **metadata: Any) -> dict[str, Any]:
    spec: dict[str, Any] = {"containers": [{"name": "c", "image": "i"}]}
    if node:
        spec["nodeName"] = node
    return {"metadata": {"name": name, **metadata}, "spec": spec}
