from __future__ import annotations

from pathlib import Path

import pytest

from wherry.kubelet.volumes.subpath import _walked


def reached(volume: Path, subpath: str, *, create: bool = False) -> str:
    with _walked(volume, subpath, create=create) as descriptor:
        return str(Path(f"/proc/self/fd/{descriptor}").readlink())


def test_inside(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "f").touch()
    assert reached(tmp_path, "a/b") == str(tmp_path / "a" / "b")
    assert reached(tmp_path, "./a//f") == str(tmp_path / "a" / "f")


def test_missing_folders_are_made_on_request(tmp_path: Path) -> None:
    assert reached(tmp_path, "x/y", create=True) == str(tmp_path / "x" / "y")
    with pytest.raises(FileNotFoundError):
        reached(tmp_path, "z")


def test_links_inside_are_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert reached(tmp_path, "link") == str(tmp_path / "real")


@pytest.mark.parametrize("subpath", ["../x", "a/../../x", "/etc"])
def test_written_escapes_are_refused(tmp_path: Path, subpath: str) -> None:
    with pytest.raises(ValueError, match="must be relative"):
        reached(tmp_path, subpath)


@pytest.mark.parametrize("target", ["/etc", "../..", "loop/../.."])
def test_links_that_lead_out_are_refused(tmp_path: Path, target: str) -> None:
    (tmp_path / "link").symlink_to(target)
    with pytest.raises(ValueError, match="leaves the volume"):
        reached(tmp_path, "link/passwd")


def test_a_link_put_there_in_between_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check of the path sees a folder, the walk finds a link: the race a container could win."""
    import wherry.kubelet.volumes.subpath as subject

    (tmp_path / "link").symlink_to("/etc")
    monkeypatch.setattr(subject, "_published", lambda volume, parts: parts)
    for subpath in ("link", "link/passwd"):
        with pytest.raises(ValueError, match="has become a symbolic link"):
            reached(tmp_path, subpath)
