from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from machine import Machine, missing

from wherry.cri.images import busybox_archive


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A running cluster with the busybox image in it."""
    if reason := missing():
        pytest.skip(reason)
    home = tmp_path_factory.mktemp("machine")
    with Machine(f"wherry-e2e-{os.getpid()}", home) as made:
        made.wherry("up")
        archive: Path = home / "busybox.tar"
        archive.write_bytes(busybox_archive())
        made.wherry("image", "import", str(archive))
        yield made
