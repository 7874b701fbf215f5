"""Running one component as a process of its own: flags, logging, event loop, signals."""

from __future__ import annotations

import asyncio
import gc
import importlib
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from wherry import KUBERNETES_VERSION
from wherry.cli.components import COMPONENTS, ComponentCommand
from wherry.cli.klog import configure
from wherry.component_flags import Flag, UsageError, parse, without_effect

_TYPE_NAMES = {"strings": "a,b,…", "map": "k=v,…", "bool": ""}


def run_component(name: str, words: Sequence[str]) -> int:
    """The exit code: 0 after SIGTERM or SIGINT, 1 when it failed, 2 for wrong flags."""
    command = COMPONENTS[name]
    module = importlib.import_module(command.module)
    flags: tuple[Flag, ...] = module.FLAGS
    if any(word in ("--help", "-h") for word in words):
        sys.stdout.write(usage(name, command, flags))
        return 0
    if "--version" in words:
        sys.stdout.write(f"Kubernetes {KUBERNETES_VERSION}\n")
        return 0
    try:
        values = parse(flags, words)
        configure(int(values.get("v") or 0))
        for flag in without_effect(flags, values):
            logging.getLogger("wherry").info("%s has no effect here", flag)
        return _serve(module.serve, values)
    except UsageError as error:
        sys.stderr.write(f"Error: {error}\nSee 'wherry {name} --help' for usage.\n")
        return 2


def _serve(serve: Callable[..., Awaitable[None]], values: dict[str, Any]) -> int:
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_until_signal(serve, values))


async def _until_signal(serve: Callable[..., Awaitable[None]], values: dict[str, Any]) -> int:
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(serve(values, _ready))

    def stop() -> None:
        """The first signal ends it in good order, a second one at once, as upstream's components do."""
        if task.cancelling():
            os._exit(1)
        task.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    try:
        await task
    except asyncio.CancelledError:
        return 0
    except OSError as error:
        logging.getLogger("wherry").critical("%s", error)
        return 1
    return 0


def _ready() -> None:
    from wherry.cluster.notify import tell_ready

    # What start-up made stays for good: no collection need look at it again.
    gc.collect()
    gc.freeze()
    tell_ready()


def usage(name: str, command: ComponentCommand, flags: Sequence[Flag]) -> str:
    lines = [f"wherry {name}: {command.summary}", "", f"Example:\n  {command.example}", "", "Flags:"]
    for flag in sorted(flags, key=lambda f: f.name):
        kind = _TYPE_NAMES.get(flag.kind, flag.kind)
        head = f"{flag.name} {kind}".rstrip()
        default = "" if flag.default in (None, "", (), False) else f" (default {_shown(flag.default)})"
        note = "" if flag.effect else " [accepted, no effect here]"
        lines.append(f"  {head:<44} {flag.help}{default}{note}")
    return "\n".join(lines) + "\n"


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value)
