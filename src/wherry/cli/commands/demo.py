"""`wherry demo`: a short tour of a running cluster, each command shown before it runs."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import tempfile
from pathlib import Path

import click

from wherry.cli.commands.selection import cluster_options, existing
from wherry.cli.console import Console
from wherry.cluster.settings import Paths
from wherry.cluster.supervisor import is_running
from wherry.component_flags import UsageError

_SERVE = "mkdir -p /w; hostname > /w/index.html; exec httpd -f -p 80 -h /w"
TOUR: tuple[tuple[str, ...], ...] = (
    ("kubectl", "get", "nodes", "-o", "wide"),
    (
        "kubectl",
        "create",
        "deployment",
        "web",
        "--image=docker.io/library/busybox:latest",
        "--replicas=3",
        "--port=80",
        "--",
        "sh",
        "-c",
        _SERVE,
    ),
    ("kubectl", "patch", "deployment", "web", "--type=json", "-p", "{never_pull}"),
    ("kubectl", "rollout", "status", "deployment/web", "--timeout=60s"),
    ("kubectl", "get", "pods", "-o", "wide"),
    ("kubectl", "expose", "deployment", "web", "--port=80"),
    ("kubectl", "get", "service", "web"),
    ("kubectl", "scale", "deployment", "web", "--replicas=5"),
    ("kubectl", "rollout", "status", "deployment/web", "--timeout=60s"),
    ("kubectl", "exec", "deployment/web", "--", "hostname"),
    ("kubectl", "logs", "deployment/web"),
    ("kubectl", "get", "events", "--sort-by=.lastTimestamp"),
    ("kubectl", "delete", "deployment,service", "web"),
)
_NEVER_PULL = (
    '[{"op":"add","path":"/spec/template/spec/containers/0/imagePullPolicy","value":"IfNotPresent"},'
    '{"op":"add","path":"/spec/template/spec/terminationGracePeriodSeconds","value":1}]'
)


@click.command(epilog="Example: wherry up && wherry demo")
@cluster_options
def demo(name: str, data_dir: Path | None) -> None:
    """Play a short tour: a Deployment, its Service, scaling, exec, logs, events."""
    console = Console()
    paths, settings = existing(name, data_dir)
    if not is_running(paths):
        raise UsageError(f'cluster "{name}" is down; start it with: wherry up')
    kubectl = shutil.which("kubectl") or str(Path.home() / ".cache/wherry/bin/kubectl")
    if not Path(kubectl).exists():
        raise UsageError("the tour needs kubectl on the PATH")
    if not settings.simulated:
        _import_busybox(console, paths)
    for command in TOUR:
        words = [_NEVER_PULL if word == "{never_pull}" else word for word in command]
        if settings.simulated and words[1] in ("exec", "logs"):
            continue
        _show_and_run(console, kubectl, settings.context, words)


def _show_and_run(console: Console, kubectl: str, context: str, words: list[str]) -> None:
    shown = " ".join(f"'{word}'" if set(word) & set(" {};") else word for word in words)
    console.say(console.paint(f"\n$ {shown}", "1"))
    done = subprocess.run([kubectl, "--context", context, *words[1:]], check=False)
    if done.returncode:
        raise click.exceptions.Exit(done.returncode)


def _import_busybox(console: Console, paths: Paths) -> None:
    from wherry.cri.images import busybox_archive, import_archive

    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "busybox.tar"
        archive.write_bytes(busybox_archive())
        console.say(console.paint("\n$ wherry image import busybox.tar", "1"))
        loaded = asyncio.run(import_archive(paths.containerd_socket, archive))
        console.say("imported " + ", ".join(loaded.names))
