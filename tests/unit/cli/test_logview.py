from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from wherry.cli.console import Console
from wherry.cli.logview import follow_all, positions, tail_all
from wherry.cluster.settings import Paths


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    found = Paths(tmp_path)
    found.logs.mkdir()
    (found.logs / "dns.log").write_text("one\ntwo\n")
    return found


def test_tail_names_the_component(paths: Paths, capsys: pytest.CaptureFixture[str]) -> None:
    tail_all(paths, Console(), 1)
    assert capsys.readouterr().out == f"{'dns':>23} | two\n"


def test_following_shows_whole_lines_from_where_it_was(
    paths: Paths, capsys: pytest.CaptureFixture[str]
) -> None:
    async def body() -> str:
        since = positions(paths)
        (paths.logs / "kubelet.log").write_text("new\n")
        following = asyncio.create_task(follow_all(paths, Console(), since))
        said = ""
        with (paths.logs / "dns.log").open("a") as log:
            for piece in ("thr", "ee\nfour"):
                log.write(piece)
                log.flush()
                while piece.startswith("ee") and "three" not in said:
                    said += capsys.readouterr().out
                    await asyncio.sleep(0.01)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        return said + capsys.readouterr().out

    said = asyncio.run(asyncio.wait_for(body(), 10))
    assert sorted(line.split("|")[1].strip() for line in said.splitlines()) == ["new", "three"]
