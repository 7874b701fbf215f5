from __future__ import annotations

import socket
from pathlib import Path

import pytest

from wherry.kubelet.volumes.hostpath import check


def test_types(tmp_path: Path) -> None:
    file, folder, sock = tmp_path / "f", tmp_path / "d", tmp_path / "s"
    file.touch()
    folder.mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(sock))
        check(str(file), "File")
        check(str(folder), "Directory")
        check(str(sock), "Socket")
        check("/dev/null", "CharDevice")
        check(str(tmp_path / "anything"), "")
        for path, kind in ((file, "Directory"), (folder, "File"), (file, "Socket"), (file, "BlockDevice")):
            with pytest.raises(ValueError, match="hostPath type check failed"):
                check(str(path), kind)


def test_missing_ones_are_made_on_request(tmp_path: Path) -> None:
    check(str(tmp_path / "a" / "b"), "DirectoryOrCreate")
    check(str(tmp_path / "a" / "f"), "FileOrCreate")
    assert (tmp_path / "a" / "b").is_dir() and (tmp_path / "a" / "f").is_file()
    with pytest.raises(ValueError, match="is not a directory"):
        check(str(tmp_path / "none"), "Directory")
    with pytest.raises(FileExistsError):
        check(str(tmp_path / "a" / "f"), "DirectoryOrCreate")
