"""The API server's registry without a network: `Registry.handle`, on the memory store, on one core.

    python -m bench registry

Objects are those of `bench.api`, so the figures say how much of a request there is registry.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import time
from collections.abc import Awaitable, Callable

import uvloop

from bench.api import pod
from bench.report import Figure, show
from wherry.api.scheme import builtin
from wherry.apiserver.attributes import LOOPBACK, RequestInfo
from wherry.apiserver.kinds.table import STRATEGIES
from wherry.apiserver.registry.service import Registry
from wherry.component import Env
from wherry.etcd.open import open_store
from wherry.http.messages import Request, Response

SECONDS = 1.5
PODS = 3700
_AGENT = {"user-agent": "bench/1", "content-type": "application/json", "accept": "application/json"}


class Bench:
    """A registry of its own, and requests to it."""

    def __init__(self) -> None:
        env = Env(rng=random.Random(1))
        self.store = open_store(None, env)
        self.registry = Registry(self.store, env, builtin(), STRATEGIES)

    async def ask(
        self, verb: str, resource: str, name: str = "", body: bytes = b"", *, query: str = "", **headers: str
    ) -> Response:
        subresource = "status" if verb == "patch" and resource == "pods" else ""
        info = RequestInfo(verb, "/", True, "", "v1", resource, subresource, "default", name)
        sent = {**_AGENT, **{key.replace("_", "-"): value for key, value in headers.items()}}
        return await self.registry.handle(info, Request("GET", "/", query, sent, body), LOOPBACK)

    async def rate(self, once: Callable[[int], Awaitable[Response]]) -> float:
        """Calls a second, one after another."""
        start = time.perf_counter()
        for number in itertools.count(1):
            await once(number)
            if number % 64 == 0 and time.perf_counter() - start > SECONDS:
                return number / (time.perf_counter() - start)
        raise AssertionError

    async def took(self, times: int, once: Callable[[], Awaitable[Response]]) -> float:
        """Seconds for one call: the best of a few."""
        best = float("inf")
        for _ in range(times):
            start = time.perf_counter()
            await once()
            best = min(best, time.perf_counter() - start)
        return best


def config_map(number: int) -> bytes:
    return json.dumps(
        {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": f"c{number}"}, "data": {"a": "b"}}
    ).encode()


async def measure() -> list[Figure]:
    bench = Bench()
    await bench.registry.start()
    found = [await writes(bench), *await single(bench), *await lists(bench)]
    await bench.registry.stop()
    await bench.store.close()
    return found


async def writes(bench: Bench) -> Figure:
    rate = await bench.rate(lambda n: bench.ask("create", "configmaps", body=config_map(n)))
    return Figure("CREATE ConfigMap", rate, "/s", goal=">= 4,000")


async def single(bench: Bench) -> list[Figure]:
    start = time.perf_counter()
    for number in range(PODS):
        await bench.ask("create", "pods", body=pod(number))
    created = PODS / (time.perf_counter() - start)
    patch = json.dumps({"status": {"conditions": [{"type": "Ready", "status": "True"}]}}).encode()
    change = {"content_type": "application/strategic-merge-patch+json"}

    async def status(number: int) -> Response:
        body = patch.replace(b"True", b"True" if number // PODS % 2 else b"False")
        return await bench.ask("patch", "pods", f"pod-{number % PODS:05}", body, **change)

    return [
        Figure("CREATE Pod", created, "/s"),
        Figure(
            "GET one object",
            await bench.rate(lambda n: bench.ask("get", "configmaps", "c1")),
            "/s",
            goal=">= 30,000",
        ),
        Figure("PATCH pod status", await bench.rate(status), "/s"),
    ]


async def lists(bench: Bench) -> list[Figure]:
    table = "application/json;as=Table;v=v1;g=meta.k8s.io"
    plain = await bench.took(7, lambda: bench.ask("list", "pods"))
    gzip = await bench.took(7, lambda: bench.ask("list", "pods", accept_encoding="gzip"))
    rows = await bench.took(3, lambda: bench.ask("list", "pods", query="limit=500", accept=table))
    size = len((await bench.ask("list", "pods")).body) / 1e6
    small = len((await bench.ask("list", "pods", accept_encoding="gzip")).body) / 1e6
    return [
        Figure(f"LIST {PODS} pods, {size:.1f} MB", plain * 1e3, "ms", higher=False, goal="<= 15"),
        Figure(f"LIST {PODS} pods, gzip to {small:.1f} MB", gzip * 1e3, "ms", higher=False, goal="<= 40"),
        Figure("Table of 500 pods", rows * 1e3, "ms", higher=False),
    ]


def main() -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        show(runner.run(measure()))


if __name__ == "__main__":
    main()
