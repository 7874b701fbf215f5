#!/usr/bin/env python3
"""Record what kubectl prints against upstream, into tests/integration/kubectl/transcripts.

    tools/record_transcripts.py KUBECONFIG [TRANSCRIPT...]

KUBECONFIG leads to upstream's API server with scheduler and controller manager and no nodes. Commands
are taken from the transcripts and run in order; what they print replaces what stood there.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from kit import transcript  # noqa: E402

SETTLE_SECONDS = 0.6


def record(kubeconfig: Path, path: Path) -> None:
    text = path.read_text()
    steps = []
    with tempfile.TemporaryDirectory() as folder:
        terminal = transcript.Terminal(kubeconfig, Path(folder))
        for step in transcript.parse(text):
            out = terminal.run(step.command)
            if transcript.only_looks(step.command):  # again, when the controllers have done their part
                time.sleep(SETTLE_SECONDS)
                out = terminal.run(step.command)
            steps.append(transcript.Step(step.command, out))
    path.write_text(transcript.written(transcript.comment_of(text), steps))


def main(kubeconfig: str, *paths: str) -> None:
    found = [Path(path) for path in paths] or sorted(
        (ROOT / "tests/integration/kubectl/transcripts").glob("*.txt")
    )
    for path in found:
        record(Path(kubeconfig), path)
        print(path.name)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(*sys.argv[1:])
