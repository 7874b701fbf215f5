from __future__ import annotations

import asyncio

from wherry.api.errors import ApiError
from wherry.controllers.podcontrol import slow_start, together


def test_batches_grow_until_one_fails() -> None:
    running: list[int] = []
    batches: list[int] = []

    async def act(number: int) -> None:
        running.append(number)
        await asyncio.sleep(0)
        if running:
            batches.append(len(running))
            running.clear()
        if number == 5:
            raise ApiError("Forbidden", "quota")

    async def main() -> None:
        tried, error = await slow_start(range(100), act)
        assert (tried, error and error.message) == (7, "quota")
        assert batches == [1, 2, 4]

    asyncio.run(main())


def test_together_tries_all_and_tells_the_first_failure() -> None:
    seen: list[int] = []

    async def act(number: int) -> None:
        seen.append(number)
        if number % 2:
            raise ApiError("NotFound", str(number))

    error = asyncio.run(together(range(7), act, limit=3))
    assert seen == list(range(7))
    assert error is not None
    assert error.message == "1"
