"""What differs between two objects, for people: shaped like the go-cmp text upstream puts into errors.

Upstream prints Go types and may vary its spacing on purpose, so nobody can parse it; here it is the same
layout (`-` before, `+` after, unchanged neighbours left out as `...`) over JSON field names.
"""

from __future__ import annotations

import json
from typing import Any

_MISSING = object()


def differences(old: Any, new: Any, kind: str) -> str:
    lines: list[str] = []
    _compare(old, new, kind, 1, "", lines)
    return "\n".join(lines) + "\n"


def _line(mark: str, depth: int, text: str) -> str:
    return f"{mark} " + "\t" * depth + text


def _compare(old: Any, new: Any, kind: str, depth: int, label: str, lines: list[str]) -> None:
    if isinstance(old, dict) and isinstance(new, dict):
        keys = sorted(old.keys() | new.keys())
        pairs = [(f"{_title(key)}: ", old.get(key, _MISSING), new.get(key, _MISSING)) for key in keys]
    elif isinstance(old, list) and isinstance(new, list):
        count = max(len(old), len(new))
        pairs = [
            ("", old[i] if i < len(old) else _MISSING, new[i] if i < len(new) else _MISSING)
            for i in range(count)
        ]
    else:
        if old is not _MISSING:
            lines.append(_line("-", depth, f"{label}{_text(old)},"))
        if new is not _MISSING:
            lines.append(_line("+", depth, f"{label}{_text(new)},"))
        return
    opening, closing = ("{", "}")
    lines.append(_line(" ", depth, f"{label}{kind}{opening}"))
    same = 0
    for name, was, now in pairs:
        if was == now:
            same += 1
            continue
        _skipped(same, depth + 1, lines)
        same = 0
        _compare(was, now, "", depth + 1, name, lines)
    _skipped(same, depth + 1, lines)
    lines.append(_line(" ", depth, f"{closing}{',' if depth > 1 else ''}"))


def _skipped(count: int, depth: int, lines: list[str]) -> None:
    if count:
        lines.append(_line(" ", depth, f"... // {count} identical {'field' if count == 1 else 'fields'}"))


def _title(key: str) -> str:
    return key[:1].upper() + key[1:]


def _text(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
