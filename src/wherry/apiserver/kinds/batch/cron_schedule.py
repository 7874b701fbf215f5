"""The five fields of a cron schedule, as upstream's parser takes them (robfig/cron ParseStandard).

Only says whether a schedule is good; when it fires is the controller's business.
"""

from __future__ import annotations

import re

_FIELDS: tuple[tuple[int, int, dict[str, int]], ...] = (
    (0, 59, {}),
    (0, 23, {}),
    (1, 31, {}),
    (
        1,
        12,
        {
            m: i
            for i, m in enumerate(
                ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], 1
            )
        },
    ),
    (0, 6, {d: i for i, d in enumerate(["sun", "mon", "tue", "wed", "thu", "fri", "sat"])}),
)
_DESCRIPTORS = frozenset(["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"])


def problem(schedule: str) -> str:
    """What is wrong with it, in upstream's words; empty when nothing is."""
    spec = schedule
    if not spec:
        return "empty spec string"
    if spec.startswith(("TZ=", "CRON_TZ=")):
        spec = spec.partition(" ")[2].strip()
    if spec.startswith("@"):
        return _descriptor(spec)
    fields = spec.split()
    if len(fields) != len(_FIELDS):
        return f"expected exactly {len(_FIELDS)} fields, found {len(fields)}: [{' '.join(fields)}]"
    for text, (low, high, names) in zip(fields, _FIELDS, strict=True):
        for part in text.split(","):
            if found := _range_problem(part, low, high, names):
                return found
    return ""


def _descriptor(spec: str) -> str:
    if spec in _DESCRIPTORS:
        return ""
    if spec.startswith("@every "):
        return "" if _is_duration(spec.removeprefix("@every ")) else f"failed to parse duration {spec}"
    return f"unrecognized descriptor: {spec}"


def _is_duration(text: str) -> bool:
    number = ""
    rest = text
    while rest:
        head = rest[0]
        if head.isdigit() or head == ".":
            number, rest = number + head, rest[1:]
            continue
        unit = next((u for u in ("ns", "us", "µs", "ms", "s", "m", "h") if rest.startswith(u)), "")
        if not unit or not number:
            return False
        number, rest = "", rest[len(unit) :]
    return bool(text) and not number


_NUMBER = re.compile(r"[0-9]{1,18}")


def _range_problem(part: str, low: int, high: int, names: dict[str, int]) -> str:
    span, slash, step = part.partition("/")
    if "/" in step:
        return f"too many slashes: {part}"
    start_text, dash, end_text = span.partition("-")
    if "-" in end_text:
        return f"too many hyphens: {part}"
    if start_text in ("*", "?"):
        start, end = low, high
        if dash:
            return ""
    else:
        for text in (start_text, end_text) if dash else (start_text,):
            if text.lower() not in names and not _NUMBER.fullmatch(text):
                return f'failed to parse int from {text}: strconv.Atoi: parsing "{text}": invalid syntax'
        start = names.get(start_text.lower(), int(start_text) if _NUMBER.fullmatch(start_text) else 0)
        end = start
        if dash:
            end = names.get(end_text.lower(), int(end_text) if _NUMBER.fullmatch(end_text) else 0)
        elif slash:
            end = high
    if slash:
        if not _NUMBER.fullmatch(step):
            return f'failed to parse int from {step}: strconv.Atoi: parsing "{step}": invalid syntax'
        if int(step) == 0:
            return f"step of range should be a positive number: {part}"
    if start < low:
        return f"beginning of range ({start}) below minimum ({low}): {part}"
    if end > high:
        return f"end of range ({end}) above maximum ({high}): {part}"
    if start > end:
        return f"beginning of range ({start}) beyond end of range ({end}): {part}"
    return ""
