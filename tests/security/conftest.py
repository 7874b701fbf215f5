"""An API server that trusts a client CA, for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from certificates import Authority

from kit.apiserver import Server, ours


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("trusted"), "trusted")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("attacked")
    with ours(folder, f"--client-ca-file={authority.certificate}") as started:
        yield started
        assert started.alive()
        assert started.complaints() == []


@pytest.fixture(autouse=True)
def unharmed(server: Server) -> Iterator[None]:
    """Whatever a test has done, the next request is answered, and soon."""
    yield
    assert server.alive()
