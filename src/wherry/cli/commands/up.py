"""`wherry up`: a cluster, running, in one command."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click

from wherry.cli.commands.selection import cluster_options, found, name_flag, name_or_default, output_option
from wherry.cli.console import BOLD, Console
from wherry.cli.kubectl import command_name
from wherry.clock import RealClock
from wherry.cluster.settings import MAX_NODES, ClusterSettings, Paths, make
from wherry.cluster.state import is_running
from wherry.component_flags import UsageError, duration


@click.command(
    epilog="Examples: wherry up; wherry up --simulated --nodes 50 --name test; wherry up --foreground"
)
@cluster_options
@click.option(
    "--simulated", is_flag=True, help="Nodes without machines: pods become Running without containers."
)
@click.option("--nodes", type=click.IntRange(1, MAX_NODES), help="How many simulated nodes (default 1).")
@click.option("--foreground", is_flag=True, help="Stay, show the components' logs, stop with Ctrl-C.")
@click.option("--keep-context", is_flag=True, help="Leave kubectl's current context as it is.")
@click.option(
    "--wait",
    default="60s",
    show_default=True,
    help="How long to wait for Ready nodes and DNS; none to return as soon as the API server is ready.",
)
@output_option
def up(
    name: str | None,
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
    kubeconfig gets a context for it, which becomes the current one. Without root or a container
    runtime the nodes are simulated.
    """
    from wherry.cli.foreground import hold

    console = Console(output)
    seconds = _wait_seconds(wait)
    paths, settings = found(name, data_dir)
    if settings is None:
        settings = _new(name_or_default(name), simulated, nodes, console)
    else:
        _check_unchanged(settings, simulated, nodes)
    start = _up(paths, settings, keep_context, seconds, console)
    if foreground:
        sys.exit(asyncio.run(hold(paths, settings, console, start)))
    try:
        asyncio.run(start)
    except KeyboardInterrupt:
        click.echo(f"\nInterrupted. Stop what has started with: {_down(settings)}", err=True)
        sys.exit(130)


def _wait_seconds(text: str) -> float:
    if text == "none":
        return 0.0
    try:
        seconds = duration(text)
    except ValueError:
        seconds = -1.0
    if seconds <= 0:
        raise UsageError(f'--wait takes a duration like 90s, or none: "{text}"')
    return seconds


def _check_unchanged(settings: ClusterSettings, simulated: bool, nodes: int | None) -> None:
    another = f'make another with --name, or remove it with: wherry delete cluster "{settings.name}"'
    if simulated and not settings.simulated:
        raise UsageError(f'the cluster "{settings.name}" exists already, with a real node; {another}')
    if nodes is not None and nodes != settings.nodes:
        count = f"{settings.nodes} node{'s' * (settings.nodes > 1)}"
        raise UsageError(f'the cluster "{settings.name}" exists already, with {count}; {another}')


def _new(name: str, simulated: bool, nodes: int | None, console: Console) -> ClusterSettings:
    """Settings for a cluster that is made now: real where that is possible."""
    if not simulated:
        from wherry.cluster import runtime

        verdict = runtime.probe()
        if not verdict.real:
            missing = ", ".join(verdict.missing)
            text = f"Real pods need {missing}: starting with simulated nodes, which run no containers."
            console.say(text)
            console.say(f"For real ones: {verdict.advice()}.")
            console.emit({"warning": text, "advice": verdict.advice()})
            simulated = True
    if not simulated and nodes is not None and nodes > 1:
        raise UsageError("a real cluster has one node, this machine; for more nodes add --simulated")
    return make(name, simulated=simulated, nodes=nodes or 1)


async def _up(
    paths: Paths, settings: ClusterSettings, keep_context: bool, wait: float, console: Console
) -> None:
    from wherry.cluster.up import UpOptions
    from wherry.cluster.up import up as bring_up

    loop = asyncio.get_running_loop()
    started = loop.time()
    already = is_running(paths)
    console.say(f'Cluster "{settings.name}" is running already.' if already else _heading(settings))
    options = UpOptions(keep_context=keep_context, wait=wait)
    report = (lambda _: None) if already else console.step
    done = await bring_up(paths, settings, RealClock(), options, report)
    settings = done.settings
    took = loop.time() - started
    console.emit(
        {
            "cluster": settings.name,
            "context": settings.context,
            "server": settings.url,
            "kubeconfig": str(done.kubeconfig),
            "dataDir": str(paths.root),
            "simulated": settings.simulated,
            "alreadyRunning": already,
            "seconds": round(took, 3),
        }
    )
    if not already:
        ready = f"Ready after {took:.1f} s" if wait else f"API server ready after {took:.1f} s"
        console.say(console.paint(f" {ready}", BOLD))
    _show_end(console, paths, settings, keep_context, done.kubeconfig)


def _heading(settings: ClusterSettings) -> str:
    nodes = f" with {settings.nodes} simulated node{'s' * (settings.nodes > 1)}" * settings.simulated
    return f'Starting cluster "{settings.name}"{nodes} ...'


def _show_end(
    console: Console, paths: Paths, settings: ClusterSettings, keep_context: bool, kubeconfig: Path
) -> None:
    kubectl = command_name()
    nodes = f"{settings.nodes} simulated" if settings.simulated else f"{settings.node_name} (this machine)"
    context = f"--context {settings.context}" if keep_context else f'context "{settings.context}" is current'
    console.say()
    for head, text in (
        ("API server", settings.url),
        ("nodes", nodes),
        ("data", str(paths.root)),
        ("kubectl", f"{context}, in {kubeconfig}"),
    ):
        console.say(f"  {head:<12} {text}")
    console.say()
    flag = f" --context {settings.context}" if keep_context else ""
    console.say(f"Next:  {kubectl}{flag} get nodes -o wide")
    console.say(f"Tour:  wherry demo{name_flag(settings.name)}")
    console.say(f"End:   {_down(settings)}")


def _down(settings: ClusterSettings) -> str:
    return f"wherry down{name_flag(settings.name)}"
