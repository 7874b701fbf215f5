from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from wherry.cri.archive import ArchiveError, inspect
from wherry.cri.images import BUSYBOX_IMAGE, PAUSE_IMAGE, busybox_archive, import_archive, pause_archive
from wherry.cri.pause import ARCHITECTURES


@pytest.mark.parametrize("machine", sorted(ARCHITECTURES))
def test_the_pause_image_is_made_without_anything(machine: str, tmp_path: Path) -> None:
    path = tmp_path / "pause.tar"
    path.write_bytes(pause_archive(machine))
    assert inspect(path).names == (PAUSE_IMAGE,)
    assert path.stat().st_size < 20_000


@pytest.mark.skipif(not Path("/bin/busybox").exists(), reason="needs busybox-static")
def test_the_busybox_image(tmp_path: Path) -> None:
    path = tmp_path / "busybox.tar"
    path.write_bytes(busybox_archive())
    assert inspect(path).names == (BUSYBOX_IMAGE,)


def test_what_is_no_archive_is_not_given_to_containerd(tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(b"nothing")
    with pytest.raises(ArchiveError):
        asyncio.run(import_archive(tmp_path / "no.sock", tmp_path / "x.tar"))
