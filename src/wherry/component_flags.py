"""Command-line flags of the components as data, and their parser.

Upstream's components take Go's pflag syntax: `--name=value`, `--name value`, bare `--bool`,
`--no...` does not exist, lists are comma separated and may repeat, maps are `k=v,k=v`, durations
are `1h30m`, `500ms`. A table of `Flag` is the one source for parsing, `--help` and tests.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["string", "bool", "int", "float", "duration", "strings", "map"]


class UsageError(Exception):
    """A flag or its value is wrong; the text is one line for the person who typed it."""


@dataclass(frozen=True, slots=True)
class Flag:
    """`effect` False: upstream has the flag, here it changes nothing (said once in the log)."""

    name: str
    kind: Kind = "string"
    default: Any = None
    help: str = ""
    short: str = ""
    effect: bool = True

    @property
    def key(self) -> str:
        return self.name.removeprefix("--").replace("-", "_")


_EMPTY: dict[str, Any] = {
    "string": "",
    "bool": False,
    "int": 0,
    "float": 0.0,
    "duration": 0.0,
    "strings": (),
    "map": {},
}
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)")
_BOOLS = {"true": True, "1": True, "t": True, "false": False, "0": False, "f": False}


def duration(text: str) -> float:
    """Go's duration syntax in seconds; ValueError when it is none."""
    if text == "0":
        return 0.0
    body = text.removeprefix("-")
    parts = _DURATION.findall(body)
    if not parts or "".join(n + u for n, u in parts) != body:
        raise ValueError(f'time: invalid duration "{text}"')
    seconds = sum(float(n) * _UNITS[u] for n, u in parts)
    return -seconds if text.startswith("-") else seconds


def parse(flags: Sequence[Flag], arguments: Sequence[str]) -> dict[str, Any]:
    """Values by flag key, defaults filled in; the key `_given` holds the set of keys on the line."""
    known = {flag.name: flag for flag in flags} | {flag.short: flag for flag in flags if flag.short}
    values: dict[str, Any] = {
        flag.key: _EMPTY[flag.kind] if flag.default is None else flag.default for flag in flags
    }
    given: set[str] = set()
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        name, equals, text = word.partition("=")
        flag = known.get(name.replace("_", "-") if name.startswith("--") else name)
        if flag is None:
            raise UsageError(_unknown(word, name, known))
        if not equals:
            if flag.kind == "bool":
                text = "true"
            elif not rest:
                raise UsageError(f"flag needs an argument: {name}")
            else:
                text = rest.pop(0)
        values[flag.key] = _merged(flag, values[flag.key], text, flag.key in given)
        given.add(flag.key)
    values["_given"] = frozenset(given)
    return values


def _unknown(word: str, name: str, known: dict[str, Flag]) -> str:
    if not name.startswith("-"):
        return f'unknown argument "{word}"'
    near = difflib.get_close_matches(name, known, n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    return f"unknown flag: {name}{hint}"


def _merged(flag: Flag, current: Any, text: str, again: bool) -> Any:
    value = _value(flag, text)
    if flag.kind == "strings":
        return (*current, *value) if again else value
    if flag.kind == "map":
        return {**current, **value} if again else value
    return value


def _value(flag: Flag, text: str) -> Any:
    try:
        match flag.kind:
            case "bool":
                return _boolean(text)
            case "int":
                return _integer(text)
            case "float":
                return _number(text)
            case "duration":
                return duration(text)
            case "strings":
                return tuple(part for part in text.split(",") if part)
            case "map":
                return dict(_pair(part) for part in text.split(",") if part)
    except ValueError as error:
        raise UsageError(f'invalid argument "{text}" for "{flag.name}" flag: {error}') from error
    return text


def _boolean(text: str) -> bool:
    found = _BOOLS.get(text.lower())
    if found is None:
        raise ValueError(f'strconv.ParseBool: parsing "{text}": invalid syntax')
    return found


def _integer(text: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]+", text):
        raise ValueError(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    if len(text) > 19 or not -(2**63) <= int(text) < 2**63:
        raise ValueError(f'strconv.ParseInt: parsing "{text}": value out of range')
    return int(text)


def _number(text: str) -> float:
    if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", text):
        raise ValueError(f'strconv.ParseFloat: parsing "{text}": invalid syntax')
    return float(text)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"{text} must be formatted as key=value")
    return name.strip(), value.strip()


def without_effect(flags: Sequence[Flag], values: dict[str, Any]) -> list[str]:
    """The flags on the line that are accepted but change nothing."""
    return [flag.name for flag in flags if not flag.effect and flag.key in values["_given"]]
