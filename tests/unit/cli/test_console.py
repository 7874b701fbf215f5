from __future__ import annotations

import json

import pytest

from wherry.cli.console import Console, wants_colour
from wherry.cluster.steps import Step


@pytest.mark.parametrize(
    ("terminal", "environment", "wanted"),
    [
        (True, {"TERM": "xterm"}, True),
        (True, {}, True),
        (False, {"TERM": "xterm"}, False),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"NO_COLOR": ""}, True),
        (True, {"CI": "true"}, False),
        (True, {"TERM": "dumb"}, False),
    ],
)
def test_colour(terminal: bool, environment: dict[str, str], wanted: bool) -> None:
    assert wants_colour(terminal, environment) is wanted


def test_a_step_is_a_line_with_its_time(capsys: pytest.CaptureFixture[str]) -> None:
    Console().step(Step("Something", 0.0456))
    Console().step(Step("Something slow", 12.34))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f" - {'Something':<40}    46 ms"
    assert lines[1] == f" - {'Something slow':<40}   12.3 s"


def test_json_is_one_object_a_line_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console("json")
    console.say("for people")
    console.table(("A",), [("b",)])
    console.step(Step("Something", 0.0456))
    console.emit({"a": "é\n"})
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines == [{"step": "Something", "milliseconds": 46}, {"a": "é\n"}]


def test_a_table_is_as_wide_as_it_needs(capsys: pytest.CaptureFixture[str]) -> None:
    Console().table(("NAME", "X"), [("a", ""), ("longer", "1")])
    assert capsys.readouterr().out == "NAME     X\na\nlonger   1\n"
