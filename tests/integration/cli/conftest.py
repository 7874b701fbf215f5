from __future__ import annotations

from collections.abc import Iterator

import pytest
from person import Person


@pytest.fixture
def person(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    made = Person(tmp_path_factory.mktemp("p"))
    yield made
    made.leave()


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    """Somebody with a simulated cluster of three nodes, shared by all tests that leave it running."""
    made = Person(tmp_path_factory.mktemp("p"))
    made.wherry("up", "--simulated", "--nodes", "3")
    yield made
    made.leave()
