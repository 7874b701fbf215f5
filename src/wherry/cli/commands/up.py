"""`wherry up`: a cluster, running, in one command."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path

import click

from wherry.cli.commands.selection import cluster_options, output_option, paths_for
from wherry.cli.console import Console
from wherry.clock import RealClock
from wherry.cluster import runtime
from wherry.cluster.settings import DEFAULT_NAME, MAX_NODES, ClusterSettings, Paths, load, make
from wherry.cluster.up import UpOptions
from wherry.component_flags import UsageError, duration


@click.command(epilog="Example: wherry up --name test --nodes 50 --simulated")
@cluster_options
@click.option(
    "--simulated", is_flag=True, help="Nodes without machines: pods become Running without containers."
)
@click.option("--nodes", type=click.IntRange(1, MAX_NODES), help="How many simulated nodes (default 1).")
@click.option("--foreground", is_flag=True, help="Stay in the terminal and show the components' logs.")
@click.option("--keep-context", is_flag=True, help="Leave kubectl's current context as it is.")
@click.option("--wait", default="60s", help="How long to wait for Ready nodes and DNS, or none.")
@output_option
def up(
    name: str,
    data_dir: Path | None,
    simulated: bool,
    nodes: int | None,
    foreground: bool,
    keep_context: bool,
    wait: str,
    output: str,
) -> None:
    """Start a cluster, or go on with the one that is there.

    Returns when the node is Ready and DNS answers; the cluster goes on in the background. The
    kubeconfig gets a context for it, which becomes the current one.
    """
    console = Console(output)
    paths = paths_for(name, data_dir)
    settings = _settings(paths, name, simulated, nodes, console)
    options = UpOptions(keep_context=keep_context, wait=_wait_seconds(wait))
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_up(paths, settings, options, console, foreground))
        return
    sys.exit(130)


def _wait_seconds(text: str) -> float:
    if text == "none":
        return 0.0
    try:
        return duration(text)
    except ValueError as error:
        raise UsageError(f'--wait takes a duration like 90s, or none: "{text}"') from error


def _settings(
    paths: Paths, name: str, simulated: bool, nodes: int | None, console: Console
) -> ClusterSettings:
    found = load(paths)
    if found is not None:
        if simulated and not found.simulated:
            raise UsageError(f'cluster "{name}" has a real node; make another with --name OTHER --simulated')
        if nodes is not None and nodes != found.nodes:
            raise UsageError(f'cluster "{name}" has {found.nodes} node(s); make another with --name OTHER')
        return found
    verdict = runtime.probe()
    if not simulated and not verdict.real:
        missing = ", ".join(verdict.missing)
        console.say(f"No {missing} here: starting with simulated nodes, whose pods run no containers.")
        console.say(f"  ({verdict.advice()})")
        simulated = True
    if not simulated and nodes is not None and nodes > 1:
        raise UsageError("a real cluster has the one node that this machine is; for more add --simulated")
    return make(name, simulated=simulated, nodes=nodes or 1)


async def _up(
    paths: Paths, settings: ClusterSettings, options: UpOptions, console: Console, foreground: bool
) -> None:
    from wherry.cluster.up import up as bring_up

    loop = asyncio.get_running_loop()
    started = loop.time()
    console.say(f'Starting cluster "{settings.name}" ...')
    kubeconfig = await bring_up(paths, settings, RealClock(), options, console.step)
    took = loop.time() - started
    _show_end(console, paths, settings, options, kubeconfig, took)
    if foreground:
        await _foreground(paths, settings, console)


def _show_end(
    console: Console,
    paths: Paths,
    settings: ClusterSettings,
    options: UpOptions,
    kubeconfig: Path,
    took: float,
) -> None:
    console.emit(
        {
            "cluster": settings.name,
            "context": settings.context,
            "server": settings.url,
            "kubeconfig": str(kubeconfig),
            "dataDir": str(paths.root),
            "simulated": settings.simulated,
            "seconds": round(took, 3),
        }
    )
    nodes = f"{settings.nodes} simulated" if settings.simulated else f"{settings.node_name} (real)"
    which = "" if settings.name == DEFAULT_NAME else f" --name {settings.name}"
    console.say(f" {console.paint('Ready after ' + f'{took:.1f} s', '1')}")
    console.say()
    console.say(f"  API server   {settings.url}")
    console.say(f"  nodes        {nodes}")
    console.say(f"  data         {paths.root}")
    if options.keep_context:
        console.say(f"  kubectl      --context {settings.context} ({kubeconfig})")
    else:
        console.say(f'  kubectl      context "{settings.context}" is now the current one ({kubeconfig})')
    console.say()
    console.say("Next:  kubectl get nodes -o wide")
    console.say(f"End:   wherry down{which}")


async def _foreground(paths: Paths, settings: ClusterSettings, console: Console) -> None:
    """Shows the logs until Ctrl-C or until the cluster is stopped elsewhere, then takes it down."""
    from wherry.cli.commands.logs import follow_all
    from wherry.cluster.supervisor import is_running
    from wherry.cluster.up import down

    async def until_down() -> None:
        while is_running(paths):
            await asyncio.sleep(0.5)

    console.say("\nCtrl-C stops the cluster.\n")
    logs = asyncio.create_task(follow_all(paths))
    try:
        await until_down()
    finally:
        logs.cancel()
        await asyncio.gather(logs, return_exceptions=True)
        console.say()
        await down(paths, settings, console.step)
