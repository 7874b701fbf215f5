"""What README.md shows is run as it stands.

In fenced `console` and `sh` blocks the lines that begin with `$ ` are commands (in a block without any
such line all are); the block is one shell and must end well. A word more after `console` says where:
`real` on a machine with root and containerd, `skip` nowhere, nothing: on simulated nodes.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from person import KUBECTL, Person, machine_module

ROOT = Path(__file__).parents[3]
README = (ROOT / "README.md").read_text()
_FENCE = re.compile(r"^```(console|sh)\b([^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    line: int
    marks: frozenset[str]
    commands: tuple[str, ...]


def blocks(text: str) -> Iterator[Block]:
    for found in _FENCE.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        yield Block(line, frozenset(found[2].split()), tuple(commands(found[3])))


def commands(body: str) -> Iterator[str]:
    """A backslash at a line's end goes on in the next, as in a shell."""
    lines = body.replace("\\\n", "").splitlines()
    prompted = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    yield from prompted or [line for line in lines if line.strip() and not line.startswith("#")]


BLOCKS = list(blocks(README))
SIMULATED = [block for block in BLOCKS if not block.marks & {"real", "skip"}]
REAL = [block for block in BLOCKS if "real" in block.marks]


def place(block: Block) -> str:
    return f"line {block.line}"


def script(block: Block) -> list[str]:
    return ["bash", "-evc", "\n".join(block.commands)]


def test_blocks_are_understood() -> None:
    first = "```console\n$ wherry up \\\n  --simulated\nout\n$ true\n```\n"
    text = f"a\n{first}```sh real\nls\n# no\n```\n```py\nx\n```\n"
    assert list(blocks(text)) == [
        Block(2, frozenset(), ("wherry up   --simulated", "true")),
        Block(8, frozenset({"real"}), ("ls",)),
    ]


@pytest.mark.parametrize("block", SIMULATED, ids=place)
def test_simulated(block: Block, tmp_path_factory: pytest.TempPathFactory) -> None:
    if not KUBECTL.exists():
        pytest.skip("needs kubectl (make kubectl)")
    for command in block.commands:
        if command.startswith("wherry up"):
            assert "--simulated" in command, "mark the block real, or add --simulated"
    person = Person(tmp_path_factory.mktemp("p"), whole_path=True)
    try:
        done = subprocess.run(
            script(block),
            env=person.environment,
            cwd=person.home,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    finally:
        person.leave()


@pytest.mark.root
def test_real(tmp_path_factory: pytest.TempPathFactory) -> None:
    machines = machine_module()
    if reason := machines.missing():
        pytest.skip(reason)
    for block in REAL:
        home = tmp_path_factory.mktemp("p")
        person = Person(home / "person", whole_path=True)
        with machines.Machine(f"wherry-readme-{os.getpid()}", home) as machine:
            machine.environment["PATH"] = person.environment["PATH"]
            machine.run(*script(block))
