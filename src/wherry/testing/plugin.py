"""The pytest plugin: clusters as fixtures. It loads with every pytest run, so it imports nothing big.

`wherry_cluster` is a cluster of one simulated node in a thread of its own, fresh for each test, for
tests in ordinary (synchronous) code: `.kubeconfig` for kubectl and client libraries, `.run(…)` for
coroutines that use `.client`. Tests that are coroutines use `async with Cluster()` themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from wherry.testing.threaded import ThreadedCluster


@pytest.fixture
def wherry_cluster() -> Iterator[ThreadedCluster]:
    """A cluster with one simulated node."""
    from wherry.testing.threaded import ThreadedCluster

    with ThreadedCluster() as cluster:
        yield cluster
