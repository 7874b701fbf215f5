"""exec, attach and port-forward: the request's bytes go to the runtime's own streaming server.

Only the request line is rewritten; what is spoken after it (SPDY, WebSocket) the kubelet doesn't
know. The answer of the runtime, its refusals included, goes back the same way.
"""

from __future__ import annotations

from typing import Literal
from urllib.parse import parse_qs, urlsplit

from wherry.cri.runtime import Sessions
from wherry.cri.types import ContainerStatus, Sandbox
from wherry.http.messages import HIJACKED, Request, Response
from wherry.http.raw import open_raw
from wherry.http.relay import relay, rewritten

Action = Literal["exec", "attach", "portForward"]
_TRUE = ("1", "true", "True")


class BadStreamRequest(Exception):
    """The parameters make no sense; the text is for the client."""


async def container_url(runtime: Sessions, action: Action, request: Request, run: ContainerStatus) -> str:
    query = parse_qs(request.query, keep_blank_values=True)
    stdin, stdout, stderr = (_flag(query, *names) for names in _STREAMS)
    tty = _flag(query, "tty")
    if not (stdin or stdout or stderr):
        raise BadStreamRequest("you must specify at least 1 of stdin, stdout, stderr")
    stderr = stderr and not tty
    if action == "attach":
        return await runtime.attach_url(run.id, stdin=stdin, stdout=stdout, stderr=stderr, tty=tty)
    command = query.get("command", [])
    if not command:
        raise BadStreamRequest("you must specify at least one command for the container")
    return await runtime.exec_url(run.id, command, stdin=stdin, stdout=stdout, stderr=stderr, tty=tty)


_STREAMS = (("input", "stdin"), ("output", "stdout"), ("error", "stderr"))


async def forward_url(runtime: Sessions, request: Request, sandbox: Sandbox) -> str:
    """Ports come either here (WebSocket) or in each stream's head (SPDY)."""
    ports: list[int] = []
    for value in parse_qs(request.query).get("port", []) + parse_qs(request.query).get("ports", []):
        for text in value.split(","):
            if not text.isdigit() or not 0 < int(text) < 65536:
                raise BadStreamRequest(f'unable to parse "{text}" as a port')
            ports.append(int(text))
    return await runtime.port_forward_url(sandbox.id, ports)


async def proxy(request: Request, url: str) -> Response:
    """Hands the connection over to the server behind `url`, until either side is done."""
    if request.hijack is None:
        return Response(400, b"Upgrade request required\n", "text/plain")
    target = urlsplit(url)
    port = target.port or 80
    upstream = await open_raw(target.hostname or "127.0.0.1", port)
    path = f"{target.path}?{target.query}" if target.query else target.path
    head = rewritten(request.raw_head, request.method, path, {"host": target.netloc, "authorization": ""})
    try:
        downstream = await request.hijack()
    except BaseException:
        upstream.close()
        raise
    await upstream.write(head)
    await relay(downstream, upstream)
    return HIJACKED


def _flag(query: dict[str, list[str]], *names: str) -> bool:
    return any(query.get(name, [""])[0] in _TRUE for name in names)
