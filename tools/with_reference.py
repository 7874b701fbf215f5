#!/usr/bin/env python3
"""Run a command with upstream's API server, scheduler and controllers beside it.

    tools/with_reference.py COMMAND ARG...

If upstream's binaries are there ($WHERRY_PEERS, or `shared/peers` beside the checkout), they are started
on loopback and WHERRY_REFERENCE names their directory (`url`, `token`, `pki/ca.crt`) while the command
runs. If they are not, or WHERRY_REFERENCE is set already, the command runs as it is.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def start_script() -> Path | None:
    folder = Path(os.environ.get("WHERRY_PEERS", ROOT.parent / "shared" / "peers"))
    script = folder / "start-reference"
    return script if script.exists() else None


def free_port() -> int:
    """The first of several free ports in a row; upstream's parts take neighbours."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def reference() -> Iterator[str | None]:
    """The reference's directory, None when there is none."""
    script = start_script()
    if script is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="wherry-reference-") as folder:
        command = [str(script), folder, "--port", str(free_port()), "--etcd-port", str(free_port())]
        command += ["--with-scheduler", "--with-controllers"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=sys.stderr, text=True)
        try:
            assert process.stdout is not None
            lines = iter(process.stdout.readline, "")
            ready = next((line for line in lines if line.strip() == f"{folder}/kubeconfig"), "")
            yield folder if ready else None
        finally:
            process.terminate()
            process.wait(60)


def main() -> int:
    command = sys.argv[1:]
    if not command:
        sys.exit(__doc__)
    if os.environ.get("WHERRY_REFERENCE"):
        return subprocess.call(command)
    with reference() as folder:
        environment = dict(os.environ)
        if folder is not None:
            environment["WHERRY_REFERENCE"] = folder
        return subprocess.call(command, env=environment)


if __name__ == "__main__":
    sys.exit(main())
