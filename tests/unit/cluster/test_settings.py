from __future__ import annotations

import ipaddress
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from wherry.cluster import settings
from wherry.cluster.settings import Paths
from wherry.component_flags import UsageError


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WHERRY_HOME", str(tmp_path))
    return tmp_path


def made(home: Path, name: str) -> settings.ClusterSettings:
    found = settings.make(name, simulated=True, nodes=1)
    settings.save(Paths(home / name), found)
    return found


def test_saved_settings_are_found_by_name(home: Path) -> None:
    saved = made(home, "a")
    assert settings.find("a") == home / "a"
    assert settings.load(Paths(home / "a")) == saved
    assert settings.known() == {"a": home / "a"}
    settings.forget("a")
    assert settings.find("a") is None


def test_clusters_do_not_share_ports_or_ranges(home: Path) -> None:
    clusters = [made(home, f"c{number}") for number in range(20)]
    ports = [getattr(c.ports, field) for c in clusters for field in settings.Ports.__dataclass_fields__]
    assert len(set(ports)) == len(ports)
    ranges = [ipaddress.ip_network(r) for c in clusters for r in (c.pod_cidr, c.service_cidr)]
    for number, one in enumerate(ranges):
        assert not any(one.overlaps(other) for other in ranges[number + 1 :])
    assert len({c.bridge for c in clusters}) == 20
    assert all(len(c.bridge) <= 15 for c in clusters)


def test_a_slot_is_used_again(home: Path) -> None:
    made(home, "a")
    assert made(home, "b").slot == 1
    settings.forget("a")
    assert made(home, "c").slot == 0


@pytest.mark.parametrize("name", ["", "A", "-a", "a-", "a_b", "a" * 41, "../a"])
def test_names(name: str) -> None:
    with pytest.raises(UsageError, match="is not valid"):
        settings.check_name(name)


def test_damaged_settings_are_a_clear_error(home: Path) -> None:
    made(home, "a")
    (home / "a" / "cluster.json").write_text("{")
    with pytest.raises(UsageError, match=r"cluster.json is damaged"):
        settings.load(Paths(home / "a"))


def test_unwritable_directory_is_a_clear_error(home: Path) -> None:
    (home / "file").write_text("")
    with pytest.raises(UsageError, match="choose another with --data-dir"):
        settings.save(Paths(home / "file" / "x"), settings.make("x", simulated=True, nodes=1))


def test_a_name_is_taken_once(home: Path) -> None:
    saved = made(home, "a")
    with pytest.raises(UsageError, match='a cluster with the name "a" exists already'):
        settings.save(Paths(home / "elsewhere"), saved)
    (home / "a" / "cluster.json").unlink()
    settings.save(Paths(home / "elsewhere"), saved)
    assert settings.find("a") == home / "elsewhere"


def test_a_path_too_long_for_sockets_is_a_clear_error(home: Path) -> None:
    with pytest.raises(UsageError, match="too long for sockets"):
        settings.save(Paths(home / ("x" * 100)), settings.make("a", simulated=True, nodes=1))


def test_a_port_that_was_taken_meanwhile_moves_and_the_others_stay(home: Path) -> None:
    before = made(home, "a")
    neighbour = made(home, "b")
    with socket.socket() as somebody:
        somebody.bind(("127.0.0.1", 0))
        somebody.listen()
        taken = somebody.getsockname()[1]
        before = replace(before, ports=replace(before.ports, apiserver=taken))
        after = settings.with_free_ports(before)
    assert after.ports.apiserver not in (taken, neighbour.ports.apiserver)
    assert replace(after, ports=before.ports) == before
