"""How commands speak to people: one line a step with its time, tables, colours on a terminal only.

Elsewhere (no terminal, NO_COLOR, CI, TERM=dumb) the same words come plainly. With `-o json` every
step and the result is one JSON object a line, and nothing else is written to standard output.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from wherry.cluster.steps import Step

GREEN, YELLOW, BOLD, DIM = "32", "33", "1", "2"
_PLAIN_VARIABLES = ("NO_COLOR", "CI")


def wants_colour(terminal: bool, environment: Mapping[str, str]) -> bool:
    """https://no-color.org, and what CI systems set."""
    plain = any(environment.get(name) for name in _PLAIN_VARIABLES)
    return terminal and not plain and environment.get("TERM") != "dumb"


class Console:
    def __init__(self, output: str = "text") -> None:
        self.json = output == "json"
        self._colour = wants_colour(sys.stdout.isatty(), os.environ)

    def step(self, step: Step) -> None:
        self.emit({"step": step.text, "milliseconds": round(step.seconds * 1000)})
        took = f"{step.seconds * 1000:.0f} ms" if step.seconds < 1 else f"{step.seconds:.1f} s"
        mark = self.paint("✓", GREEN) if self._colour else "-"
        self.say(f" {mark} {step.text:<40} {self.paint(f'{took:>8}', DIM)}")

    def say(self, text: str = "") -> None:
        if not self.json:
            sys.stdout.write(text + "\n")
            sys.stdout.flush()

    def emit(self, value: dict[str, Any]) -> None:
        """A result for machines; silent in text mode."""
        if self.json:
            sys.stdout.write(json.dumps(value) + "\n")
            sys.stdout.flush()

    def table(self, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Columns as wide as they need, three spaces apart, as kubectl does."""
        lines = [heads, *rows]
        widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
        for number, line in enumerate(lines):
            text = "   ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True))
            self.say(self.paint(text.rstrip(), BOLD) if number == 0 else text.rstrip())

    def paint(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._colour else text
