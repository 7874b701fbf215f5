"""Asks upstream and ours every row anew and writes both files. What changed is for a person to judge."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

from answers import ask, prepare, summary  # noqa: E402
from bad_requests import ROWS, SPACE, Row  # noqa: E402

from kit.apiserver import Server, ours, reference  # noqa: E402


def answers(server: Server) -> dict[str, object]:
    prepare(server)
    try:
        return {name: summary(ask(server, row)) for name, row in ROWS.items()}
    finally:
        ask(server, Row("the end", f"DELETE /api/v1/namespaces/{SPACE}"))


def main() -> None:
    upstream = reference()
    if upstream is None:
        raise SystemExit("WHERRY_REFERENCE names no upstream API server")
    theirs = answers(upstream)
    with tempfile.TemporaryDirectory() as folder, ours(Path(folder)) as server:
        mine = answers(server)
    different = {name: answer for name, answer in mine.items() if answer != theirs[name]}
    for file, found in (("bad_answers.json", theirs), ("bad_answers_ours.json", different)):
        (HERE / file).write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    print(f"{len(theirs)} rows, {len(different)} answered differently")


if __name__ == "__main__":
    main()
