from __future__ import annotations

from pathlib import Path

import pytest

from wherry.kubelet.volumes.atomic import File, check_path, write

FILES = {"a": File(b"1"), "deep/b": File(b"2", 0o600)}


def put(folder: Path, files: dict[str, File], stamp: str = "x") -> bool:
    return write(folder, files, stamp=stamp)


def test_files_are_seen_through_links(tmp_path: Path) -> None:
    assert put(tmp_path, FILES)
    assert (tmp_path / "a").read_bytes() == b"1" and (tmp_path / "deep" / "b").read_bytes() == b"2"
    assert str((tmp_path / "a").readlink()) == "..data/a"
    assert (tmp_path / "deep" / "b").stat().st_mode & 0o777 == 0o600


def test_the_same_again_changes_nothing(tmp_path: Path) -> None:
    put(tmp_path, FILES)
    before = (tmp_path / "..data").readlink()
    assert not put(tmp_path, FILES) and (tmp_path / "..data").readlink() == before


def test_a_new_version_replaces_all_of_the_old(tmp_path: Path) -> None:
    put(tmp_path, FILES)
    opened = (tmp_path / "a").open("rb")
    assert put(tmp_path, {"a": File(b"new"), "c": File(b"3")})
    assert opened.read() == b"1"  # whoever had it open still reads the old one
    opened.close()
    assert sorted(p.name for p in tmp_path.iterdir() if not p.name.startswith("..")) == ["a", "c"]
    assert (tmp_path / "a").read_bytes() == b"new"
    assert len([p for p in tmp_path.iterdir() if p.name.startswith("..x")]) == 1


def test_a_file_becomes_a_folder(tmp_path: Path) -> None:
    put(tmp_path, {"a": File(b"1")})
    put(tmp_path, {"a/b": File(b"2")})
    assert (tmp_path / "a" / "b").read_bytes() == b"2"


def test_a_changed_mode_counts(tmp_path: Path) -> None:
    put(tmp_path, {"a": File(b"1", 0o600)})
    assert put(tmp_path, {"a": File(b"1", 0o700)})


def test_nothing_is_a_version_too(tmp_path: Path) -> None:
    put(tmp_path, FILES)
    assert put(tmp_path, {})
    assert [p for p in tmp_path.iterdir() if not p.name.startswith("..")] == []


@pytest.mark.parametrize("path", ["", "/a", "../a", "a/../../b", "..a", "..data", "a/..", "x" * 5000])
def test_paths_that_lead_out_are_refused(path: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="invalid path"):
        put(tmp_path, {path: File(b"")})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", ["a", "a/b", ".hidden", "a..b", "a/..b"])
def test_other_paths_are_fine(path: str) -> None:
    check_path(path)
