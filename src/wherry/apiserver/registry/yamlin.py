"""YAML bodies: what JSON can say, and no more of YAML than a bounded reader should take.

Aliases may not make a document much larger than its text (an alias bomb is small on the wire), and
dates stay text, as upstream's YAML-to-JSON conversion leaves them. Complaints are go-yaml's words, which
are libyaml's.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, field
from typing import Any

MAX_ALIASES = 10_000
MAX_DEPTH = 100
MAX_EVENTS = 150_000
"""Reading YAML is slow, and nothing else is answered meanwhile: this is about a second."""
MAX_GROWTH = 100_000
"""Values that aliases may add to those that stand in the text."""


class YamlError(ValueError):
    """The text is no YAML, or more of it than is taken; the message is the reason."""


@dataclass(slots=True)
class Loaded:
    """`duplicates` are keys that occur twice in one mapping, in go-yaml's words."""

    value: Any
    duplicates: list[str] = field(default_factory=list)


def load(body: bytes) -> Loaded:
    """The JSON value of the text. Raises YamlError."""
    yaml, loader_type = _machinery()
    try:
        text = body.decode("utf-16" if body[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
        _check(yaml, text, loader_type)
        loader = loader_type(text)
        try:
            value = loader.get_single_data()
        finally:
            loader.dispose()
        return Loaded(_JsonValue(len(text) + MAX_GROWTH).of(value), loader.duplicates)
    except yaml.YAMLError as error:
        raise YamlError(_words(yaml, error)) from None
    except UnicodeDecodeError:
        raise YamlError("invalid leading UTF-8 octet") from None
    except (RecursionError, OverflowError, LookupError, ValueError, AttributeError, TypeError) as error:
        # PyYAML's constructors trust a tag to tell the truth about its value.
        raise error if isinstance(error, YamlError) else YamlError("a value cannot be read") from None


def _words(yaml: Any, error: Any) -> str:
    """go-yaml's text for an error (yaml.v2 `parser.fail`): its line number is odd, and kept so."""
    problem = getattr(error, "problem", None)
    if problem is None:
        reason = getattr(error, "reason", "")
        return str(reason or "unknown problem parsing YAML content")
    line = 0
    for mark in (error.context_mark, error.problem_mark):
        if not line and mark is not None and mark.line:
            line = mark.line + isinstance(error, yaml.scanner.ScannerError)
    return f"line {line}: {problem}" if line else str(problem)


@functools.cache
def _machinery() -> tuple[Any, Any]:
    import yaml

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        """SafeLoader without dates, that notices keys which occur twice."""

        def __init__(self, text: str) -> None:
            super().__init__(text)
            self.duplicates: list[str] = []

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            seen: set[str] = set()
            for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
                if isinstance(key, yaml.ScalarNode) and key.value != "<<":
                    if key.value in seen:
                        line = key.start_mark.line + 1
                        self.duplicates.append(f'line {line}: key "{key.value}" already set in map')
                    seen.add(key.value)
            return super().construct_mapping(node, deep)

    Loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in pairs if tag != "tag:yaml.org,2002:timestamp"]
        for first, pairs in Loader.yaml_implicit_resolvers.items()
    }
    return yaml, Loader


def _check(yaml: Any, text: str, loader: Any) -> None:
    aliases = depth = 0
    anchors: set[str] = set()
    for number, event in enumerate(yaml.parse(text, Loader=loader)):
        if number > MAX_EVENTS:
            raise YamlError("document has too many values; send it as JSON")
        anchor = getattr(event, "anchor", None)
        if isinstance(event, yaml.AliasEvent):
            aliases += 1
            if anchor not in anchors:
                raise YamlError(f"unknown anchor '{anchor}' referenced")
            if aliases > MAX_ALIASES:
                raise YamlError("document contains excessive aliasing")
        elif isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise YamlError("exceeded max depth")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.DocumentEndEvent):
            return
        if anchor is not None:
            anchors.add(anchor)


class _JsonValue:
    """A loaded value as JSON has it: keys are strings, and there are at most `left` values."""

    def __init__(self, left: int) -> None:
        self._left = left

    def of(self, value: Any) -> Any:
        self._left -= 1
        if self._left < 0:
            raise YamlError("document contains excessive aliasing")
        if isinstance(value, dict):
            return {_key(k): self.of(v) for k, v in value.items()}
        if isinstance(value, list):
            return [self.of(v) for v in value]
        if isinstance(value, float) and not math.isfinite(value):
            raise YamlError(f"json: unsupported value: {value}")
        if value is None or isinstance(value, str | bool | int | float):
            return value
        raise YamlError("a value has no JSON form")


def _key(key: Any) -> str:
    if isinstance(key, bool):
        return "true" if key else "false"
    if isinstance(key, str | int | float):
        return str(key)
    raise YamlError("a map key is not a string")
