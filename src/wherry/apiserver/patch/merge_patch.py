"""JSON Merge Patch (RFC 7386)."""

from __future__ import annotations

from typing import Any


def apply(target: Any, patch: Any) -> Any:
    """A new value: the target with the patch's members put in, and those that are null taken out.
    Parts that do not change are shared with the target and the patch."""
    if not isinstance(patch, dict):
        return patch
    out = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            out.pop(key, None)
        elif isinstance(value, dict):
            out[key] = apply(out.get(key), value)
        else:
            out[key] = value
    return out


def diff(before: Any, after: Any) -> Any:
    """The patch that makes `after` of `before` (where `after` holds no nulls)."""
    if not isinstance(before, dict) or not isinstance(after, dict):
        return after
    patch = {key: None for key in before if key not in after}
    for key, value in after.items():
        if key not in before or not isinstance(before[key], dict) or not isinstance(value, dict):
            if key not in before or before[key] != value:
                patch[key] = value
        elif before[key] != value:
            patch[key] = diff(before[key], value)
    return patch
