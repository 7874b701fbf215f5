"""A cluster in a thread, for tests that are not coroutines (kubectl, the official client, kopf)."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from wherry.client.rest import Client
from wherry.testing.cluster import Cluster

T = TypeVar("T")


class ThreadedCluster:
    """Runs an in-process cluster on an event loop of its own. Use as a context manager."""

    def __init__(self, *, nodes: int = 1, seed: int = 0) -> None:
        self._cluster = Cluster(nodes=nodes, seed=seed)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="wherry-cluster", daemon=True)

    @property
    def client(self) -> Client:
        """For coroutines handed to `run`."""
        return self._cluster.client

    @property
    def kubeconfig(self) -> Path:
        """A kubeconfig file for the cluster; the first use opens its TLS port on loopback."""
        return self.run(self._cluster.kubeconfig())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs a coroutine in the cluster's loop and returns what it returns."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def __enter__(self) -> ThreadedCluster:
        self._thread.start()
        self.run(self._cluster.start())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.run(self._cluster.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
