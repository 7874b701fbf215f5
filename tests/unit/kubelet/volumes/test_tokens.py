from __future__ import annotations

import asyncio
from typing import Any

import pytest

from wherry.api.errors import unavailable
from wherry.clock import rfc3339
from wherry.kubelet.host import SetupError
from wherry.kubelet.volumes.tokens import TokenSource

from ..kit import NOW, pod


class Clock:
    now = NOW

    def time(self) -> float:
        return self.now


class Api:
    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.asked: list[Any] = []
        self.down = False

    async def create(self, res: Any, obj: Any, namespace: str, *, name: str, subresource: str) -> Any:
        if self.down:
            raise unavailable("down")
        self.asked.append((namespace, name, subresource, obj["spec"]))
        expires = rfc3339(self.clock.now + obj["spec"]["expirationSeconds"])
        return {"status": {"token": f"t{len(self.asked)}", "expirationTimestamp": expires}}


def test_kept_until_four_fifths_of_its_life() -> None:
    clock = Clock()
    api = Api(clock)
    source = TokenSource(api, clock)  # type: ignore[arg-type]

    async def main() -> list[str]:
        found = []
        for age in (0, 700, 900):
            clock.now = NOW + age
            found.append(await source.token(pod(serviceAccountName="sa"), "", 1000))
        return found

    assert asyncio.run(main()) == ["t1", "t1", "t2"]
    namespace, name, subresource, spec = api.asked[0]
    assert (namespace, name, subresource) == ("default", "sa", "token")
    assert spec["boundObjectRef"] == {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "u1"}


def test_an_old_one_serves_while_there_is_no_new_one() -> None:
    clock = Clock()
    api = Api(clock)
    source = TokenSource(api, clock)  # type: ignore[arg-type]

    async def main() -> str:
        await source.token(pod(), "", 1000)
        api.down, clock.now = True, NOW + 900
        return await source.token(pod(), "", 1000)

    assert asyncio.run(main()) == "t1"
    source.forget("u1")
    with pytest.raises(SetupError, match="failed to fetch token: down"):
        asyncio.run(source.token(pod(), "", 1000))
