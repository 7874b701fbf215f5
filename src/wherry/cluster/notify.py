"""systemd's readiness protocol: a supervised process sends `READY=1` to the datagram socket named by
`$NOTIFY_SOCKET`. Our supervisor listens, our components and containerd speak, and the same
components run under a systemd unit of `Type=notify` unchanged."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path


def tell_ready() -> None:
    """Says READY=1 to whoever supervises this process, if anybody does."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        try:
            sender.sendto(b"READY=1", address)
        except OSError:
            return  # the supervisor is gone: there is nobody to tell


class ReadySocket:
    """One supervised process's socket; `ready` is set when it says so."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.ready = asyncio.Event()
        path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind(str(path))
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket, self._received)

    def _received(self) -> None:
        if b"READY=1" in self._socket.recv(4096).split(b"\n"):
            self.ready.set()

    def close(self) -> None:
        self._loop.remove_reader(self._socket)
        self._socket.close()
        self.path.unlink(missing_ok=True)
