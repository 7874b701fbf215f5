"""The disk of the store is full: writes are refused, reads go on, nothing acknowledged is lost."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.apiserver import Server, ours

MAPS = "/api/v1/namespaces/default/configmaps"
FULL = "etcdserver: mvcc: database space exceeded"


def mounted(*arguments: str) -> bool:
    return subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("needs root to mount a small disk")
    if not mounted("-t", "tmpfs", "-o", "size=3m", "tmpfs", str(tmp_path)):
        pytest.skip("mounting is not allowed here")
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


def config_map(name: str, letter: str = "x") -> dict[str, object]:
    return {"metadata": {"name": name}, "data": {"a": letter * 100_000}}


def written(server: Server) -> dict[str, str]:
    """First letters of the config maps by name."""
    items = server.ask("GET", MAPS).json["items"]
    return {item["metadata"]["name"]: item["data"]["a"][0] for item in items}


def test_a_full_disk(small_disk: Path) -> None:
    acknowledged: dict[str, str] = {}
    with ours(small_disk) as server:
        while (answer := server.ask("POST", MAPS, config_map(f"c{len(acknowledged)}"))).status == 201:
            acknowledged[f"c{len(acknowledged)}"] = "x"
        assert len(acknowledged) > 5
        requests = [("POST", MAPS, {}), ("PUT", f"{MAPS}/c0", {}), ("PATCH", f"{MAPS}/c0", {})]
        for method, target, headers in requests:
            if method == "PATCH":
                headers = {"Content_Type": "application/merge-patch+json"}
            answer = server.ask(
                method, target, config_map("c0" if method != "POST" else "new", "y"), **headers
            )
            refused = (answer.status, answer.json["reason"], answer.message)
            assert refused == (503, "ServiceUnavailable", FULL)
        assert written(server) == acknowledged
        assert server.ask("GET", f"{MAPS}/c0").status == 200
        assert server.alive()
        assert server.complaints() == []
    with ours(small_disk) as server:
        assert written(server) == acknowledged, "after a restart with a disk that is still full"
        assert mounted("-o", "remount,size=12m", str(small_disk))
        assert server.ask("PUT", f"{MAPS}/c0", config_map("c0", "y")).status == 200
        assert server.ask("DELETE", f"{MAPS}/c1").status == 200
        assert server.ask("POST", MAPS, config_map("after")).status == 201
        acknowledged |= {"c0": "y", "after": "x"}
        del acknowledged["c1"]
    with ours(small_disk) as server:
        assert written(server) == acknowledged


def test_a_store_in_use_by_another(small_disk: Path) -> None:
    with ours(small_disk) as server:
        with pytest.raises(AssertionError, match="in use by another process"), ours(small_disk):
            pass
        assert server.alive()
