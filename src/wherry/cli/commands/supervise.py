"""`wherry supervise`: the process that `wherry up` leaves in the background."""

from __future__ import annotations

from pathlib import Path

import click

from wherry.cli.commands.selection import cluster_options, existing
from wherry.cli.klog import configure
from wherry.cluster.state import AlreadyRunning, Lock
from wherry.component_flags import UsageError


@click.command(epilog="Example: wherry supervise --data-dir /var/lib/wherry/wherry")
@cluster_options
@click.option("--lock-fd", type=int, hidden=True, help="The cluster's lock, as an open file.")
def supervise(name: str | None, data_dir: Path | None, lock_fd: int | None) -> None:
    """Run an existing cluster's components here until SIGTERM (for service managers)."""
    from wherry.cluster.supervise import supervise as run

    configure(0)
    paths, settings = existing(name, data_dir)
    try:
        lock = Lock(paths) if lock_fd is None else Lock.handed_over(lock_fd)
    except AlreadyRunning as error:
        raise UsageError(f"the cluster in {paths.root} is running already") from error
    run(paths, settings, lock)
