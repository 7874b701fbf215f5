"""One API server for all tests of this folder. None of them may break it: that is what they test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from answers import prepare
from bad_requests import SPACE

from kit.apiserver import Server, ours, reference


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("apiserver")
    with ours(folder) as started:
        prepare(started)
        yield started
        assert started.alive()
        assert started.complaints() == []


@pytest.fixture(scope="session")
def upstream() -> Iterator[Server]:
    found = reference()
    if found is None:
        pytest.skip("WHERRY_REFERENCE names no upstream API server")
    prepare(found)
    yield found
    found.ask("DELETE", f"/api/v1/namespaces/{SPACE}")
