"""YAML bodies: what JSON can say, and no more of YAML than a bounded reader should take.

Aliases are refused beyond a small number (an alias bomb is small on the wire), and dates stay text, as
upstream's YAML-to-JSON conversion leaves them.
"""

from __future__ import annotations

import functools
from typing import Any

from wherry.api import errors

MAX_ALIASES = 100
MAX_DEPTH = 100


def load(body: bytes) -> Any:
    """The JSON value of the text; ApiError (BadRequest) when it can't be read."""
    yaml, loader = _machinery()
    try:
        text = body.decode()
        _check(yaml, text, loader)
        return _json_value(yaml.load(text, Loader=loader))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise errors.bad_request(f"error converting YAML to JSON: yaml: {reason}") from None


@functools.cache
def _machinery() -> tuple[Any, Any]:
    import yaml

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        """SafeLoader without dates."""

    Loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in pairs if tag != "tag:yaml.org,2002:timestamp"]
        for first, pairs in Loader.yaml_implicit_resolvers.items()
    }
    return yaml, Loader


def _check(yaml: Any, text: str, loader: Any) -> None:
    aliases = depth = 0
    for event in yaml.parse(text, Loader=loader):
        if isinstance(event, yaml.AliasEvent):
            aliases += 1
            if aliases > MAX_ALIASES:
                raise errors.bad_request("error converting YAML to JSON: yaml: document has too many aliases")
        elif isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise errors.bad_request("error converting YAML to JSON: yaml: exceeded max depth")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _json_value(value: Any) -> Any:
    """Keys become strings, as JSON has them."""
    if isinstance(value, dict):
        return {_key(k): _json_value(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_json_value(v) for v in value]
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise errors.bad_request("error converting YAML to JSON: yaml: a value has no JSON form")


def _key(key: Any) -> str:
    if isinstance(key, bool):
        return "true" if key else "false"
    if isinstance(key, str | int | float):
        return str(key)
    raise errors.bad_request("error converting YAML to JSON: yaml: a map key is not a string")
