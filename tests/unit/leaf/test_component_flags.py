from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.component_flags import Flag, UsageError, duration, parse, without_effect

FLAGS = (
    Flag("--kubeconfig", help="file"),
    Flag("--leader-elect", "bool", True),
    Flag("--secure-port", "int", 10259),
    Flag("--node-monitor-period", "duration", 5.0),
    Flag("--controllers", "strings", ("*",)),
    Flag("--feature-gates", "map", effect=False),
    Flag("--v", "int", 0, short="-v"),
)


def test_go_syntax() -> None:
    words = [
        "--kubeconfig",
        "a",
        "--leader-elect=false",
        "--secure_port=1",
        "--controllers=*,-x",
        "--controllers",
        "y",
        "-v",
        "4",
    ]
    values = parse(FLAGS, words)
    assert values["kubeconfig"] == "a"
    assert values["leader_elect"] is False
    assert values["secure_port"] == 1
    assert values["controllers"] == ("*", "-x", "y")
    assert values["v"] == 4
    assert values["node_monitor_period"] == 5.0


def test_maps_and_flags_without_effect() -> None:
    values = parse(FLAGS, ["--feature-gates=A=true,B=false", "--leader-elect"])
    assert values["feature_gates"] == {"A": "true", "B": "false"}
    assert values["leader_elect"] is True
    assert without_effect(FLAGS, values) == ["--feature-gates"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--kubconfig=x"], r"unknown flag: --kubconfig \(did you mean --kubeconfig\?\)"),
        (["--zzz"], "unknown flag: --zzz$"),
        (["up"], 'unknown argument "up"'),
        (["--secure-port=x"], 'invalid argument "x" for "--secure-port" flag'),
        (["--secure-port"], "flag needs an argument: --secure-port"),
        (["--node-monitor-period=5"], "invalid duration"),
        (["--feature-gates=A"], "must be formatted as key=value"),
        (["--leader-elect=maybe"], "invalid argument"),
    ],
)
def test_wrong_flags_are_one_clear_line(words: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message) as error:
        parse(FLAGS, words)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "seconds"), [("1h30m", 5400.0), ("500ms", 0.5), ("1.5s", 1.5), ("0", 0.0), ("-2s", -2.0)]
)
def test_durations(text: str, seconds: float) -> None:
    assert duration(text) == pytest.approx(seconds)


@given(st.lists(st.text(max_size=12), max_size=5))
def test_any_words_parse_or_are_refused(words: list[str]) -> None:
    try:
        parse(FLAGS, words)
    except UsageError as error:
        assert str(error)
