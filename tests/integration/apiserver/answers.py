"""What was answered, without what differs from run to run, to be kept in a file and compared.

python tests/integration/apiserver/record.py     # asks upstream (WHERRY_REFERENCE) and ours anew
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from bad_requests import SETUP, Row

from kit.apiserver import Answer, Server, exchange

HERE = Path(__file__).parent
LONGEST = 500

_MASKS = (
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "UID"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"), "TIME"),
    (re.compile(r'patch: Invalid value: "\{.*\}": '), 'patch: Invalid value: "OBJECT": '),
    (re.compile(r'^Invalid value: "\{.*\}": '), 'Invalid value: "OBJECT": '),
    (re.compile(r"in record \(\d+\)"), "in record (N)"),
    (re.compile(r"Upper-\w{5}"), "Upper-xxxxx"),
    # Ours reads protobuf and does not write it.
    (re.compile(r", application/vnd\.kubernetes\.protobuf(;stream=watch)?"), ""),
    (re.compile(r", application/json;stream=watch"), ""),
)


def recorded() -> dict[str, Any]:
    """Upstream's answers by the name of the row."""
    return dict(json.loads((HERE / "bad_answers.json").read_text()))


def differences() -> dict[str, Any]:
    """Our answers where they are meant to be, or are known to be, other ones."""
    return dict(json.loads((HERE / "bad_answers_ours.json").read_text()))


def ask(server: Server, row: Row) -> Answer:
    head = server.head(row.method, row.target, row.headers, len(row.data))
    with server.connect() as connection:
        return exchange(connection, head + row.data, row.method)


def prepare(server: Server) -> None:
    """What the rows are about; some of it a controller may have made already."""
    for row in SETUP:
        assert ask(server, row).status in (201, 409), row.name


def summary(answer: Answer) -> dict[str, Any]:
    """Status and reason, message and details; of what isn't refused, only that it isn't."""
    if answer.status < 400:
        return {"code": answer.status}
    try:
        body = json.loads(answer.body)
    except ValueError:
        return {"code": answer.status, "text": _masked(answer.body.decode(errors="replace"))}
    keys = ("code", "reason", "message", "details")
    return {key: _masked(body[key]) for key in keys if key in body} | {"code": answer.status}


def _masked(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _masked(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        found = [_masked(child) for child in value]
        return [child for at, child in enumerate(found) if child not in found[:at]]
    if not isinstance(value, str):
        return value
    for pattern, instead in _MASKS:
        value = pattern.sub(instead, value)
    return value if len(value) <= LONGEST else value[:LONGEST] + "..."
