from __future__ import annotations

import asyncio
from types import SimpleNamespace as Object
from typing import Any, cast

import pytest

from wherry.client.rest import Client
from wherry.clock import rfc3339, rfc3339_micro
from wherry.cluster.nodes import is_ready, ready_nodes

START = 1_800_000_000.5


def node(name: str, heartbeat: float, status: str = "True") -> Any:
    condition = Object(type="Ready", status=status, lastHeartbeatTime=rfc3339(heartbeat))
    return Object(metadata=Object(name=name), status=Object(conditions=[condition]))


def lease(name: str, renewed: float) -> Any:
    return Object(metadata=Object(name=name), spec=Object(renewTime=rfc3339_micro(renewed)))


@pytest.mark.parametrize(
    ("heartbeat", "status", "ready"),
    [(START, "True", True), (START + 9, "True", True), (START - 2, "True", False), (START, "Unknown", False)],
)
def test_ready_since(heartbeat: float, status: str, ready: bool) -> None:
    assert is_ready(node("a", heartbeat, status), START) is ready


def test_a_node_counts_only_with_a_lease_renewed_since() -> None:
    class Listed:
        async def list(self, res: Any, namespace: str = "") -> Any:
            if namespace:
                return Object(items=[lease("a", START + 1), lease("b", START - 1)])
            return Object(items=[node("a", START), node("b", START), node("c", START)])

    assert asyncio.run(ready_nodes(cast(Client, Listed()), START)) == 1


def test_an_api_server_that_is_gone_has_none() -> None:
    class Gone:
        async def list(self, res: Any, namespace: str = "") -> Any:
            raise ConnectionRefusedError

    assert asyncio.run(ready_nodes(cast(Client, Gone()), START)) == 0
