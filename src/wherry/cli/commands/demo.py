"""`wherry demo`: a short tour of a running cluster, each command shown before it runs.

Everything happens in a namespace of its own, which goes at the end.
"""

from __future__ import annotations

import asyncio
import shlex
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import click

from wherry.cli.commands.selection import cluster_options, existing, name_flag
from wherry.cli.console import BOLD, DIM, Console
from wherry.cli.kubectl import command_name, find_kubectl
from wherry.cluster.settings import ClusterSettings, Paths
from wherry.cluster.state import is_running
from wherry.component_flags import UsageError

NAMESPACE = "tour"
IMAGE = "docker.io/library/busybox:tour"
_SERVE = "mkdir w; hostname > w/index.html; httpd -h w; echo serving; trap exit TERM; sleep infinity & wait"
_TRIES = 40
_PAUSE = 0.25


@dataclass(frozen=True, slots=True)
class Stop:
    """One command of the tour. `real`: only where containers run. `patient`: what it shows may take a
    moment (a Service's rules), so it is tried again."""

    command: str
    about: str = ""
    real: bool = False
    simulated: bool = False
    patient: bool = False
    lines: int = 0
    """Show this many lines of its output at most; 0 for all."""


TOUR = (
    Stop("kubectl get nodes -o wide", "The nodes", lines=6),
    Stop(f"kubectl create namespace {NAMESPACE}", "A Deployment of three pods"),
    Stop(
        f"kubectl -n {NAMESPACE} create deployment web --image=busybox:tour --replicas=3 --port=80"
        f" -- sh -c {shlex.quote(_SERVE)}",
        real=True,
    ),
    Stop(
        f"kubectl -n {NAMESPACE} create deployment web --image=nginx --replicas=3 --port=80", simulated=True
    ),
    Stop(f"kubectl -n {NAMESPACE} rollout status deployment/web --timeout=60s"),
    Stop(f"kubectl -n {NAMESPACE} get pods -o wide"),
    Stop(f"kubectl -n {NAMESPACE} expose deployment web", "A Service in front of them"),
    Stop(f"kubectl -n {NAMESPACE} get services,endpointslices"),
    Stop(
        f"kubectl -n {NAMESPACE} exec deployment/web -- wget -qO- http://web",
        "Asked by name from inside a pod, one of the three answers",
        real=True,
        patient=True,
    ),
    Stop(f"kubectl -n {NAMESPACE} logs deployment/web", real=True),
    Stop(f"kubectl -n {NAMESPACE} scale deployment web --replicas=5", "Two more pods"),
    Stop(f"kubectl -n {NAMESPACE} rollout status deployment/web --timeout=60s"),
    Stop(f"kubectl -n {NAMESPACE} events --for deployment/web"),
    Stop(f"kubectl delete namespace {NAMESPACE} --timeout=60s", "And everything is gone again"),
)


@click.command(epilog="Example: wherry up && wherry demo")
@cluster_options
def demo(name: str | None, data_dir: Path | None) -> None:
    """Play a short tour: a Deployment, its Service, scaling, events; with real nodes exec and logs too."""
    console = Console()
    paths, settings = existing(name, data_dir)
    if not is_running(paths):
        raise UsageError(
            f'the cluster "{settings.name}" is down; start it with: wherry up{name_flag(settings.name)}'
        )
    kubectl = [find_kubectl(), "--context", settings.context, "--kubeconfig", str(paths.kubeconfig("admin"))]
    if _succeeds([*kubectl, "get", "namespace", NAMESPACE]):
        raise UsageError(f"the namespace {NAMESPACE} exists; remove it: kubectl delete namespace {NAMESPACE}")
    if not settings.simulated:
        _import_image(console, paths)
    for stop in TOUR:
        if (stop.real and settings.simulated) or (stop.simulated and not settings.simulated):
            continue
        if stop.about:
            console.say(console.paint(f"\n# {stop.about}", DIM))
        _show_and_run(console, stop, kubectl)
    _farewell(console, settings)


def _show_and_run(console: Console, stop: Stop, kubectl: list[str]) -> None:
    words = shlex.split(stop.command)
    shown = stop.command.replace("kubectl", command_name(), 1)
    console.say(console.paint(f"$ {shown}", BOLD))
    command = [*kubectl, *words[1:]]
    if stop.patient:
        for _ in range(_TRIES):
            if _succeeds(command):
                break
            time.sleep(_PAUSE)
    if _run(console, command, stop.lines):
        click.echo(
            f"\nThe tour ends here. Clean up with: kubectl delete namespace {NAMESPACE}\n"
            "See what is wrong with: wherry status, wherry logs",
            err=True,
        )
        raise click.exceptions.Exit(1)


def _run(console: Console, command: list[str], most: int) -> int:
    """The exit code."""
    if not most:
        return subprocess.run(command, check=False).returncode
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    lines = done.stdout.splitlines()
    shown = lines if len(lines) <= most else [*lines[:most], f"... and {len(lines) - most} more"]
    for line in shown:
        console.say(line)
    return done.returncode


def _succeeds(command: list[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _import_image(console: Console, paths: Paths) -> None:
    """A small image made of this machine's busybox: no registry is asked."""
    from wherry.cri.images import busybox_archive, import_archive

    try:
        content = busybox_archive(names=(IMAGE,))
    except OSError as error:
        raise UsageError("the tour needs a static busybox: apt-get install busybox-static") from error
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "busybox.tar"
        archive.write_bytes(content)
        console.say(console.paint("# An image, without a registry", DIM))
        console.say(console.paint("$ wherry image import busybox.tar", BOLD))
        loaded = asyncio.run(import_archive(paths.containerd_socket, archive))
    console.say("imported " + ", ".join(loaded.names))


def _farewell(console: Console, settings: ClusterSettings) -> None:
    flag = name_flag(settings.name)
    console.say("\nThat was the tour. Go on with:")
    for command in (
        f"{command_name()} get pods --all-namespaces --watch",
        f"wherry status{flag}",
        f"wherry logs kube-apiserver --follow{flag}",
        f"wherry down{flag}",
    ):
        console.say(f"  {command}")
