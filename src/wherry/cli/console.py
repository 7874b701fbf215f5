"""How commands speak to people: one line a step with its time, errors that say what to do next.

On a terminal there are colours and marks; elsewhere the same words plainly. `-o json` makes every
step and the result one JSON object a line.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from wherry.cluster.up import Step


class Console:
    def __init__(self, output: str = "text") -> None:
        self.json = output == "json"
        self._colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ

    def step(self, step: Step) -> None:
        if self.json:
            self.emit({"step": step.text, "milliseconds": round(step.seconds * 1000)})
            return
        took = f"{step.seconds * 1000:.0f} ms" if step.seconds < 1 else f"{step.seconds:.1f} s"
        mark = self.paint("✓", "32") if self._colour else "-"
        self.say(f" {mark} {step.text:<44} {self.paint(took, '2')}")

    def say(self, text: str = "") -> None:
        if not self.json:
            sys.stdout.write(text + "\n")
            sys.stdout.flush()

    def emit(self, value: dict[str, Any]) -> None:
        """A result for machines; silent in text mode."""
        if self.json:
            sys.stdout.write(json.dumps(value) + "\n")
            sys.stdout.flush()

    def paint(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._colour else text
