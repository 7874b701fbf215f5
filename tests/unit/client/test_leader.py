from __future__ import annotations

import asyncio
from typing import Any

import pytest
from memory_api import MemoryApi, client, env

from wherry.client.leader import LeaderElector, LeadershipLost
from wherry.testing import loop as virtual

LEASE = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/scheduler"


class Candidate:
    """Runs for the lease with an API of its own, so that it can be cut off."""

    def __init__(self, api: MemoryApi, identity: str, seed: int) -> None:
        self.api = api
        self.leads = False
        self.cut_off = False
        self.elector = LeaderElector(client(self), env(seed), name="scheduler", identity=identity)  # type: ignore[arg-type]
        self.task = asyncio.create_task(self.elector.run(self.lead))

    async def __call__(self, request: Any) -> Any:
        if self.cut_off:
            raise ConnectionRefusedError("cut off")
        return await self.api(request)

    async def lead(self) -> None:
        self.leads = True
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self.leads = False

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.wait([self.task])


def spec(api: MemoryApi) -> dict[str, Any]:
    found: dict[str, Any] = api.objects[LEASE]["spec"]
    return found


def test_one_leads_and_renews() -> None:
    async def main() -> None:
        api = MemoryApi()
        a, b = Candidate(api, "a", 1), Candidate(api, "b", 2)
        for _ in range(60):
            await virtual.advance(1)
            assert (a.leads, b.leads) == (True, False)
        assert spec(api) == {
            "holderIdentity": "a",
            "leaseDurationSeconds": 15,
            "acquireTime": "2026-01-01T00:00:00.000000Z",
            "renewTime": "2026-01-01T00:01:00.000000Z",
            "leaseTransitions": 0,
        }
        assert b.elector.leader == "a"
        await a.stop()
        await b.stop()

    virtual.run(main())


def test_a_leader_that_stops_hands_over_at_once() -> None:
    async def main() -> None:
        api = MemoryApi()
        a, b = Candidate(api, "a", 1), Candidate(api, "b", 2)
        await virtual.advance(20)
        await a.stop()
        assert spec(api)["holderIdentity"] == ""
        await virtual.advance(5)
        assert b.leads and spec(api)["leaseTransitions"] == 1
        await b.stop()

    virtual.run(main())


@pytest.mark.parametrize("seed", range(5))
def test_a_leader_cut_off_stops_before_another_starts(seed: int) -> None:
    async def main() -> None:
        api = MemoryApi()
        a, b = Candidate(api, "a", seed), Candidate(api, "b", seed + 100)
        await virtual.advance(7)
        a.cut_off = True
        handed_over = None
        for tick in range(300):
            await virtual.advance(0.1)
            assert not (a.leads and b.leads)
            if b.leads and handed_over is None:
                handed_over = tick / 10
        assert isinstance(a.task.exception(), LeadershipLost)
        assert handed_over is not None and 13 <= handed_over <= 20
        await b.stop()

    virtual.run(main())


def test_a_lease_taken_by_another_is_given_up() -> None:
    async def main() -> None:
        api = MemoryApi()
        a = Candidate(api, "a", 1)
        await virtual.advance(1)
        api.put(LEASE, {**api.objects[LEASE], "spec": {**spec(api), "holderIdentity": "thief"}})
        await virtual.advance(3)
        assert not a.leads and isinstance(a.task.exception(), LeadershipLost)
        assert spec(api)["holderIdentity"] == "thief"

    virtual.run(main())


def test_a_conflict_with_oneself_is_no_loss() -> None:
    async def main() -> None:
        api = MemoryApi()
        a = Candidate(api, "a", 1)
        await virtual.advance(1)
        labelled = {**api.objects[LEASE]["metadata"], "labels": {"touched": "yes"}}
        api.put(LEASE, {**api.objects[LEASE], "metadata": labelled})
        await virtual.advance(60)
        assert a.leads and api.objects[LEASE]["metadata"]["labels"] == {"touched": "yes"}
        await a.stop()

    virtual.run(main())


def test_it_ends_when_what_it_leads_ends() -> None:
    async def main() -> None:
        api = MemoryApi()
        elector = LeaderElector(client(api), env(), name="scheduler", identity="a")

        async def fails() -> None:
            await asyncio.sleep(3)
            raise KeyError("bug")

        task = asyncio.create_task(elector.run(fails))
        await virtual.advance(10)
        assert isinstance(task.exception(), KeyError)
        assert spec(api)["holderIdentity"] == ""

    virtual.run(main())


def test_durations_must_fit() -> None:
    async def main() -> None:
        with pytest.raises(ValueError, match="leaseDuration"):
            LeaderElector(client(MemoryApi()), env(), name="x", identity="a", lease_duration=5)

    virtual.run(main())
