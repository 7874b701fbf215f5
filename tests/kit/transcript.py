"""Terminal sessions as tests: what a command printed against upstream's server, to be printed by ours.

    $ kubectl create configmap a --from-literal=k=v
    configmap/a created
    $ kubectl apply -f - <<END
    > apiVersion: v1
    > END
    error: ...
    [exit 1]

A line after `$ ` is a shell command, `> ` continues it, the rest is its output (both streams) with what
differs from run to run replaced by a word in capitals. Commands that only look are asked again until
the answer is the expected one, for controllers take their time.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

BIN = Path.home() / ".cache" / "wherry" / "bin"
SETTLE_SECONDS = 8.0
COMMAND_SECONDS = 30

_LOOKING = re.compile(r"kubectl (get|describe|events|wait|rollout (status|history)|auth|top)\b(?!.* -w\b)")
_ALPHABET = "[bcdfghjklmnpqrstvwxz2456789]"
_MASKS = tuple(
    (re.compile(pattern, re.MULTILINE), word)
    for pattern, word in (
        (r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z| \+0000( UTC)?)", "TIME"),
        (r"\b[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [+-]\d{4}", "TIME"),
        (r"^([IWEF])\d{4} \d\d:\d\d:\d\d\.\d+ +\d+ ", r"\1"),
        (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "UID"),
        (r"https://(127\.0\.0\.1|localhost):\d+", "SERVER"),
        (r"\b10\.\d+\.\d+\.\d+\b", "IP"),
        (r":3[0-2]\d{3}/", ":NODEPORT/"),
        (r"(nodePort|NodePort): +(\S+ +)?3\d{4}\b", r"\1: NODEPORT"),
        (rf"-{_ALPHABET}{{8,10}}\b", "-HASH"),
        (rf"(pod-template-hash[=:] ?)\"?{_ALPHABET}{{8,10}}\"?", r"\1HASH"),
        (rf"-{_ALPHABET}{{5}}\b", "-RAND"),
        (r"\.[0-9a-f]{16}\b", ".HEX"),
        (r"(esource ?[Vv]ersion\"?: *\"?)\d+", r"\1N"),
        (r"\b(\d+d)?(\d+h)?(\d+m)?\d+s\b", "AGE"),
        (r"/tmp/[^ \"':,]*", "/TMP"),
        (r"[ \t]+$", ""),
        (r"(?<=\S)  +", "  "),
    )
)


@dataclass(frozen=True)
class Step:
    command: str
    expected: str


def parse(text: str) -> list[Step]:
    """The steps of a transcript. Lines before the first command are its comment."""
    steps: list[Step] = []
    command: list[str] = []
    expected: list[str] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            if command:
                steps.append(Step("\n".join(command), "\n".join(expected)))
            command, expected = [line[2:]], []
        elif line.startswith("> ") or line == ">":
            command.append(line[2:])
        elif command:
            expected.append(line)
    if command:
        steps.append(Step("\n".join(command), "\n".join(expected)))
    return steps


def written(comment: str, steps: list[Step]) -> str:
    """The text `parse` reads."""
    parts = [comment.rstrip("\n")] if comment.strip() else []
    for step in steps:
        first, *rest = step.command.split("\n")
        parts += ["$ " + first, *("> " + line if line else ">" for line in rest)]
        if step.expected:
            parts.append(step.expected)
    return "\n".join(parts) + "\n"


def comment_of(text: str) -> str:
    return text[: text.index("$ ")] if "$ " in text else text


def only_looks(command: str) -> bool:
    """Whether it may be run again without harm."""
    return bool(_LOOKING.match(command))


def masked(text: str) -> str:
    """What differs from run to run, replaced."""
    for pattern, word in _MASKS:
        text = pattern.sub(word, text)
    return text.rstrip("\n")


@dataclass(frozen=True)
class Terminal:
    """A shell whose kubectl and helm speak to one cluster, in a folder of its own."""

    kubeconfig: Path
    folder: Path

    def __post_init__(self) -> None:
        """Takes a copy: `kubectl config` writes."""
        shutil.copyfile(self.kubeconfig, self.folder / "kubeconfig")

    def run(self, command: str) -> str:
        """The masked output, with the exit code when it is not 0."""
        environment = {
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "KUBECONFIG": str(self.folder / "kubeconfig"),
            "TZ": "UTC",
        }
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        out = masked(done.stdout)
        return "\n".join(part for part in (out, f"[exit {done.returncode}]" * bool(done.returncode)) if part)

    def play(self, steps: list[Step]) -> Iterator[tuple[Step, str]]:
        """Each step and what came of it."""
        for step in steps:
            out = self.run(step.command)
            deadline = time.monotonic() + SETTLE_SECONDS
            while out != step.expected and only_looks(step.command) and time.monotonic() < deadline:
                time.sleep(0.1)
                out = self.run(step.command)
            yield step, out
