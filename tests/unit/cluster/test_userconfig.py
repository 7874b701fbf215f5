from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from wherry.cluster import userconfig
from wherry.component_flags import UsageError


def entry(name: str) -> dict[str, Any]:
    return {
        "current-context": name,
        "clusters": [{"name": name, "cluster": {"server": f"https://{name}"}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "users": [{"name": name, "user": {"token": "t"}}],
    }


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "deep" / "config"
    monkeypatch.setenv("KUBECONFIG", str(path))
    return path


def current(path: Path) -> str:
    return str(yaml.safe_load(path.read_text())["current-context"])


def names(path: Path, section: str) -> list[str]:
    return [e["name"] for e in yaml.safe_load(path.read_text())[section]]


def test_former_context_comes_back(file: Path) -> None:
    userconfig.merge(entry("work"))
    userconfig.merge(entry("wherry"))
    assert current(file) == "wherry"
    assert userconfig.remove("wherry") == "work"
    assert current(file) == "work"
    for section in ("clusters", "contexts", "users"):
        assert names(file, section) == ["work"]


def test_second_up_keeps_the_memory_of_the_former_context(file: Path) -> None:
    userconfig.merge(entry("work"))
    userconfig.merge(entry("wherry"))
    userconfig.merge(entry("wherry"))
    assert current(file) == "wherry"
    userconfig.remove("wherry")
    assert current(file) == "work"


def test_a_choice_made_since_is_respected(file: Path) -> None:
    for name in ("work", "wherry", "other"):
        userconfig.merge(entry(name))
    userconfig.remove("wherry")
    assert current(file) == "other"


def test_former_context_that_is_gone_leaves_none(file: Path) -> None:
    userconfig.merge(entry("work"))
    userconfig.merge(entry("wherry"))
    userconfig.remove("work")
    assert userconfig.remove("wherry") == ""


def test_keep_context(file: Path) -> None:
    userconfig.merge(entry("work"))
    userconfig.merge(entry("wherry"), switch=False)
    assert current(file) == "work"
    assert names(file, "contexts") == ["work", "wherry"]


def test_private_and_unlocked_afterwards(file: Path) -> None:
    userconfig.merge(entry("wherry"))
    assert file.stat().st_mode & 0o077 == 0
    assert list(file.parent.iterdir()) == [file]


def test_removing_from_nothing_is_no_error(file: Path) -> None:
    assert userconfig.remove("wherry") is None


def test_damaged_file_is_refused_and_kept(file: Path) -> None:
    file.parent.mkdir()
    file.write_text("a: [")
    with pytest.raises(UsageError, match="cannot read the kubeconfig"):
        userconfig.merge(entry("wherry"))
    assert file.read_text() == "a: ["


def test_the_former_context_survives_clusters_in_between(file: Path) -> None:
    for name in ("work", "one", "two"):
        userconfig.merge(entry(name))
    assert userconfig.remove("one") == "two"
    assert userconfig.remove("two") == "work"
