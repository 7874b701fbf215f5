"""/healthz, /livez, /readyz: named checks, one by one or all, in upstream's format."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TypeAlias
from urllib.parse import parse_qs

from wherry.http.messages import Request, Response

log = logging.getLogger("wherry.apiserver")

Check: TypeAlias = Callable[[], Awaitable[str]]
"""Gives "" when all is well, else what is wrong (for the log, not for the client)."""

_TEXT = "text/plain; charset=utf-8"
_SNIFF = (("X-Content-Type-Options", "nosniff"),)
NOT_FOUND = Response(404, b"404 page not found\n", _TEXT, _SNIFF)


async def _ping() -> str:
    return ""


class Health:
    """Checks by the endpoint they count for; `ping` counts for all."""

    def __init__(self) -> None:
        self._checks: dict[str, dict[str, Check]] = {
            "healthz": {"ping": _ping},
            "livez": {"ping": _ping},
            "readyz": {"ping": _ping},
        }

    def add(self, name: str, check: Check, *, only: tuple[str, ...] = ("healthz", "livez", "readyz")) -> None:
        for endpoint in only:
            self._checks[endpoint][name] = check

    def paths(self) -> list[str]:
        return [f"/{kind}/{name}" for kind, checks in self._checks.items() for name in checks] + [
            f"/{kind}" for kind in self._checks
        ]

    async def answer(self, path: str, request: Request) -> Response:
        """`path` is `/readyz` or `/readyz/etcd`."""
        endpoint, _, name = path.strip("/").partition("/")
        checks = self._checks[endpoint]
        if name:
            if name not in checks:
                return NOT_FOUND
            checks = {name: checks[name]}
        query = parse_qs(request.query, keep_blank_values=True) if request.query else {}
        excluded = query.get("exclude", [])
        lines: list[str] = []
        failed = False
        for label, check in checks.items():
            if label in excluded:
                lines.append(f"[+]{label} excluded: ok")
                continue
            wrong = await check()
            if wrong:
                log.warning("%s check failed: %s: %s", endpoint, label, wrong)
                failed = True
            lines.append(f"[-]{label} failed: reason withheld" if wrong else f"[+]{label} ok")
        unknown = [entry for entry in excluded if entry not in checks]
        if unknown:
            listed = ", ".join(f'"{entry}"' for entry in unknown)
            lines.append(f"warn: some health checks cannot be excluded: no matches for {listed}")
        if failed:
            body = "\n".join([*lines, f"{endpoint} check failed\n"])
            return Response(500, body.encode(), _TEXT, _SNIFF)
        if "verbose" not in query:
            return Response(200, b"ok", _TEXT, _SNIFF)
        return Response(200, "\n".join([*lines, f"{endpoint} check passed\n"]).encode(), _TEXT, _SNIFF)
