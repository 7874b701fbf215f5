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

HERE = Path(__file__).parent
TRANSCRIPTS = sorted(HERE.glob("transcripts/*.txt"))
RUNNING = sorted(HERE.glob("running/*.txt"))

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


@pytest.fixture(scope="module")
def with_a_node() -> Iterator[Path]:
    with ThreadedCluster(nodes=1) as cluster:
        yield cluster.kubeconfig


@pytest.mark.parametrize("path", RUNNING, ids=lambda path: path.stem)
def test_prints_what_it_should_when_pods_run(path: Path, with_a_node: Path, tmp_path: Path) -> None:
    terminal = transcript.Terminal(with_a_node, tmp_path)
    for step, out in terminal.play(transcript.parse(path.read_text())):
        assert out == step.expected, f"$ {step.command}"
