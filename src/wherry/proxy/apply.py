"""Talking to the kernel's tools: nftables through libnftables, or the `nft` command; any command.

Calls block, so each applier owns one thread and callers await it. A refused transaction changes
nothing and raises `ApplyError` with the tool's first line.
"""

from __future__ import annotations

import asyncio
import ctypes
import ctypes.util
import shutil
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

_TIMEOUT = 300.0
_MOST = 300


class ApplyError(Exception):
    """The kernel, or the tool in front of it, refused."""


class Applier(Protocol):
    async def apply(self, text: str) -> None:
        """All of it or, with an ApplyError, nothing."""

    async def present(self) -> bool:
        """Is our table still there?"""

    def close(self) -> None: ...


class LibNftables:
    """libnftables.so through ctypes: a change costs a tenth of a millisecond, the command thirteen."""

    def __init__(self, table: str) -> None:
        """OSError when the library is not there."""
        name = ctypes.util.find_library("nftables") or "libnftables.so.1"
        library = ctypes.CDLL(name, use_errno=True)
        library.nft_ctx_new.restype = ctypes.c_void_p
        library.nft_ctx_new.argtypes = [ctypes.c_uint32]
        library.nft_ctx_free.argtypes = [ctypes.c_void_p]
        for function in ("nft_ctx_buffer_output", "nft_ctx_buffer_error"):
            getattr(library, function).argtypes = [ctypes.c_void_p]
        for function in ("nft_ctx_get_output_buffer", "nft_ctx_get_error_buffer"):
            getattr(library, function).restype = ctypes.c_char_p
            getattr(library, function).argtypes = [ctypes.c_void_p]
        library.nft_run_cmd_from_buffer.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
        self._library = library
        self._table = table
        self._context = library.nft_ctx_new(0)
        if not self._context:
            raise OSError("nft_ctx_new failed")
        library.nft_ctx_buffer_output(self._context)
        library.nft_ctx_buffer_error(self._context)
        self._thread = ThreadPoolExecutor(1, "nftables")

    async def apply(self, text: str) -> None:
        loop = asyncio.get_running_loop()
        error = await loop.run_in_executor(self._thread, self._run, text)
        if error is not None:
            raise ApplyError(error)

    async def present(self) -> bool:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._listed)

    def close(self) -> None:
        self._thread.shutdown()
        self._library.nft_ctx_free(self._context)

    def _listed(self) -> bool:
        if self._run("list tables ip") is not None:
            return False
        tables: bytes = self._library.nft_ctx_get_output_buffer(self._context) or b""
        return f"table ip {self._table}" in tables.decode().splitlines()

    def _run(self, text: str) -> str | None:
        if self._library.nft_run_cmd_from_buffer(self._context, text.encode()) == 0:
            return None
        said: bytes = self._library.nft_ctx_get_error_buffer(self._context) or b""
        return _first_line(said.decode(errors="replace")) or "nftables refused the transaction"


class NftCommand:
    """The `nft` command, where the library is not to be had."""

    def __init__(self, table: str) -> None:
        self._table = table
        self._thread = ThreadPoolExecutor(1, "nft")

    async def apply(self, text: str) -> None:
        loop = asyncio.get_running_loop()
        error = await loop.run_in_executor(self._thread, run, ("nft", "-f", "-"), text)
        if error is not None:
            raise ApplyError(error)

    async def present(self) -> bool:
        loop = asyncio.get_running_loop()
        tables = await loop.run_in_executor(self._thread, output, ("nft", "list", "tables", "ip"))
        return f"table ip {self._table}" in tables.splitlines()

    def close(self) -> None:
        self._thread.shutdown()


def run(command: Sequence[str], text: str) -> str | None:
    """Runs a tool; None when it succeeded, else what it said. Blocks."""
    try:
        done = subprocess.run(
            command, input=text, text=True, capture_output=True, timeout=_TIMEOUT, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return None if done.returncode == 0 else _first_line(done.stderr) or f"exit status {done.returncode}"


def output(command: Sequence[str]) -> str:
    """What a tool prints; ApplyError when it fails. Blocks."""
    try:
        done = subprocess.run(command, text=True, capture_output=True, timeout=_TIMEOUT, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ApplyError(str(error)) from error
    if done.returncode:
        raise ApplyError(_first_line(done.stderr) or f"exit status {done.returncode}")
    return done.stdout


def nftables(table: str) -> Applier:
    """The fastest way there is on this machine; ApplyError when there is none."""
    try:
        return LibNftables(table)
    except (OSError, AttributeError):
        if shutil.which("nft") is None:
            raise ApplyError("nftables mode needs libnftables or the nft command; neither is here") from None
        return NftCommand(table)


def _first_line(text: str) -> str:
    return next((line.strip()[:_MOST] for line in text.splitlines() if line.strip()), "")
