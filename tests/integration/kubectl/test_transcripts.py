"""Upstream's kubectl against a whole cluster in this process: it prints what it prints upstream.

The transcripts were recorded with `tools/record_transcripts.py` against upstream's API server, scheduler
and controller manager, without nodes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kit import transcript
from wherry.testing import ThreadedCluster

TRANSCRIPTS = sorted(Path(__file__).with_name("transcripts").glob("*.txt"))

pytestmark = pytest.mark.skipif(
    not (transcript.BIN / "kubectl").exists(), reason="no kubectl: `make kubectl`"
)


@pytest.fixture(scope="module")
def kubeconfig() -> Iterator[Path]:
    with ThreadedCluster(nodes=0) as cluster:
        yield cluster.kubeconfig


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_prints_what_it_prints_upstream(path: Path, kubeconfig: Path, tmp_path: Path) -> None:
    terminal = transcript.Terminal(kubeconfig, tmp_path)
    for step, out in terminal.play(transcript.parse(path.read_text())):
        assert out == step.expected, f"$ {step.command}"
