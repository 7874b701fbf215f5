from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from person import KUBECTL, Person


@pytest.fixture
def person(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    made = Person(tmp_path_factory.mktemp("p"))
    yield made
    made.leave()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    """Somebody with a simulated cluster of three nodes, shared by a file's tests."""
    made = Person(tmp_path_factory.mktemp("p"))
    made.wherry("up", "--simulated", "--nodes", "3")
    yield made
    made.leave()


needs_kubectl: Callable[[Any], Any] = pytest.mark.skipif(
    not KUBECTL.exists(), reason="needs kubectl (make kubectl)"
)
