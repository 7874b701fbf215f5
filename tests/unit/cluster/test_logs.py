from __future__ import annotations

import asyncio
from pathlib import Path

from wherry.cluster.logs import follow, rotate, tail


def test_tail(tmp_path: Path) -> None:
    file = tmp_path / "a.log"
    file.write_text("1\n2\n3\n")
    assert tail(file, 2) == b"2\n3\n"
    assert tail(file, 0) == b""
    assert tail(file, -1) == b"1\n2\n3\n"


def test_follow_goes_on_after_a_rotation(tmp_path: Path) -> None:
    file = tmp_path / "a.log"
    file.write_text("before\n" * 10)

    async def body() -> bytes:
        stream = follow(file)
        first = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        rotate(file, limit=10)
        with file.open("ab") as writer:
            writer.write(b"after\n")
        try:
            return await asyncio.wait_for(first, 5)
        finally:
            await stream.aclose()  # type: ignore[attr-defined]

    assert asyncio.run(body()) == b"after\n"
    assert (tmp_path / "a.log.1").read_text() == "before\n" * 10
