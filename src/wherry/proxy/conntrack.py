"""Forgetting UDP flows that lead to endpoints which are gone (`pkg/proxy/conntrack`).

A UDP client that keeps sending from one port stays with the endpoint its first packet was given, gone
or not, until the kernel forgets the flow; and a flow made while a Service had no endpoint goes nowhere
for as long. Done with the `conntrack` command; without it a warning, once.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Iterable, Mapping

from wherry.proxy.rules import Change, Match, Rule

log = logging.getLogger("wherry.proxy")

_TIMEOUT = 10.0
_AT_ONCE = 8
_NOTHING_FOUND = "0 flow entries have been deleted"


def stale_flows(changes: Mapping[Match, Change]) -> list[tuple[str, ...]]:
    """Arguments for `conntrack -D -p udp`, one set a stale kind of flow."""
    found: dict[tuple[str, ...], None] = {}
    for match, (before, after) in changes.items():
        if match.protocol != "udp":
            continue
        to = _original(match)
        was, now = _backends(before), _backends(after)
        for ip, _ in sorted(was - now):
            found[(*to, "--dst-nat", ip)] = None
        if now and not was:
            found[to] = None
    return list(found)


def _original(match: Match) -> tuple[str, ...]:
    port = ("--orig-port-dst", str(match.port))
    return ("--orig-dst", match.address, *port) if match.address else port


def _backends(rule: Rule | None) -> set[tuple[str, int]]:
    return {*rule.backends, *(rule.local or ())} if rule is not None and not rule.refuse else set()


class Conntrack:
    def __init__(self) -> None:
        self._command = shutil.which("conntrack")
        self._warned = False

    async def forget(self, changes: Mapping[Match, Change]) -> None:
        """Forgets what the changes made stale. Failing is logged: flows time out by themselves."""
        flows = stale_flows(changes)
        if not flows:
            return
        if self._command is None:
            if not self._warned:
                log.warning("the conntrack command is missing: UDP clients of removed pods may hang")
                self._warned = True
            return
        limit = asyncio.Semaphore(_AT_ONCE)
        await asyncio.gather(*(self._delete(self._command, flow, limit) for flow in flows))

    async def _delete(self, command: str, flow: Iterable[str], limit: asyncio.Semaphore) -> None:
        async with limit:
            process = await asyncio.create_subprocess_exec(
                command,
                *("-D", "-p", "udp", *flow),
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
            )
            try:
                async with asyncio.timeout(_TIMEOUT):
                    _, said = await process.communicate()
            except TimeoutError:
                process.kill()
                await process.wait()
                log.warning("conntrack -D %s took too long", " ".join(flow))
                return
        text = said.decode(errors="replace")
        if process.returncode and _NOTHING_FOUND not in text:
            log.warning("conntrack -D %s: %s", " ".join(flow), text.strip()[:200])
