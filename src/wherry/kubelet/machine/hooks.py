"""Lifecycle handlers (postStart, preStop) on a real node (`kubelet/lifecycle/handlers.go`)."""

from __future__ import annotations

import asyncio
from typing import Any

from wherry.cri.runtime import Sessions
from wherry.cri.types import RuntimeFault
from wherry.kubelet.machine.prober import http_get

_EXEC_TIMEOUT = 0.0  # a hook may take as long as the pod's grace period lets it
_HTTP_TIMEOUT = 120.0


class LinuxHooks:
    def __init__(self, runtime: Sessions) -> None:
        self._runtime = runtime

    async def run(self, pod: Any, container: Any, container_id: str, handler: Any, ip: str) -> str:
        command = handler.exec
        if command is not None:
            return await self._exec(container_id, list(command.command))
        if handler.httpGet is not None:
            try:
                _, response = await http_get(container, handler.httpGet, ip, _HTTP_TIMEOUT)
            except (OSError, ValueError) as error:
                return str(error)
            return "" if response.status < 400 else f"HTTP status {response.status}"
        if handler.sleep is not None:
            await asyncio.sleep(max(0, handler.sleep.seconds or 0))
            return ""
        return "invalid handler: no action is given"

    async def _exec(self, container_id: str, command: list[str]) -> str:
        try:
            result = await self._runtime.exec(container_id, command, _EXEC_TIMEOUT)
        except RuntimeFault as fault:
            return fault.rpc_text
        if result.exit_code == 0:
            return ""
        output = (result.stdout + result.stderr)[:1024].decode("utf-8", "replace")
        return f"command '{' '.join(command)}' exited with {result.exit_code}: {output}"
