"""JSON values as Go prints them, for messages that quote them."""

from __future__ import annotations

from typing import Any


def printed(value: Any) -> str:
    """A JSON value as Go prints it with %v."""
    if isinstance(value, dict):
        return "map[" + " ".join(f"{k}:{printed(v)}" for k, v in sorted(value.items())) + "]"
    if isinstance(value, list):
        return "[" + " ".join(map(printed, value)) + "]"
    if value is None:
        return "<nil>"
    return str(value).lower() if isinstance(value, bool) else str(value)
