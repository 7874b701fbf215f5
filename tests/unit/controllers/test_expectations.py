from __future__ import annotations

import asyncio

from wherry.controllers.expectations import Expectations
from wherry.testing.loop import advance, run


def test_waits_until_all_is_seen() -> None:
    async def main() -> None:
        expected = Expectations()
        assert expected.satisfied("a")
        expected.expect_creations("a", 2)
        expected.creation_seen("a")
        assert not expected.satisfied("a")
        expected.creation_seen("a")
        assert expected.satisfied("a")
        expected.expect_deletions("a", ["x", "y"])
        expected.deletion_seen("a", "x")
        expected.deletion_seen("a", "unknown")
        assert not expected.satisfied("a")
        expected.deletion_seen("a", "y")
        assert expected.satisfied("a")

    asyncio.run(main())


def test_gives_up_waiting_after_five_minutes() -> None:
    async def main() -> None:
        expected = Expectations()
        expected.expect_creations("a", 1)
        await advance(299)
        assert not expected.satisfied("a")
        await advance(2)
        assert expected.satisfied("a")

    run(main())
