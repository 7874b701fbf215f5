"""One machine for all tests of this folder."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from .machine import Machine, missing


@pytest.fixture(scope="session")
def machine() -> Iterator[Machine]:
    reason = missing()
    if reason:
        pytest.skip(f"a machine with a container runtime {reason}")
    made = Machine(f"wherry-kubelet-{os.getpid()}")
    try:
        made.up()
        yield made
    finally:
        made.down()
