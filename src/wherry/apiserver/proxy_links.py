"""Connections to kubelets, pods and services, and the two ways a request travels over them: as one
request whose answer is streamed back, or as raw bytes both ways after an upgrade."""

from __future__ import annotations

import ssl

from wherry.api import errors
from wherry.apiserver.proxy_target import Target
from wherry.apiserver.settings import KubeletSettings
from wherry.http.client import HttpClient
from wherry.http.messages import HIJACKED, Request, Response
from wherry.http.raw import open_raw
from wherry.http.relay import relay, rewritten
from wherry.http.tls import client_context

_HOP = ("connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade")
_OWN = ("authorization", "host", "content-length", "expect")
"""Headers that are for this server and not for the one behind it (and impersonate-*)."""
_REMADE = frozenset((*_HOP, "content-length", "content-type", "date"))
"""Headers of an answer that this server makes itself."""


class Links:
    """Contexts are made at first use: the certificate files may come after the server."""

    def __init__(self, settings: KubeletSettings) -> None:
        self._settings = settings
        self._kubelet: ssl.SSLContext | None = None
        self._workload: ssl.SSLContext | None = None

    def kubelet_context(self) -> ssl.SSLContext:
        """With our client certificate; the kubelet's own is checked when a CA for it is set."""
        if self._kubelet is None:
            known = self._settings
            self._kubelet = client_context(
                known.certificate_authority,
                known.client_certificate,
                known.client_key,
                verify=known.certificate_authority is not None,
            )
        return self._kubelet

    def workload_context(self) -> ssl.SSLContext:
        """Pods and services behind `https:` names; unverified, as upstream."""
        if self._workload is None:
            self._workload = client_context(verify=False)
        return self._workload

    def _context(self, target: Target, kubelet: bool) -> ssl.SSLContext | None:
        if not target.tls:
            return None
        return self.kubelet_context() if kubelet else self.workload_context()

    async def send(self, request: Request, target: Target, uri: str, *, kubelet: bool) -> Response:
        """One request to `uri` at the target; a success is streamed. Raises ApiError when nobody
        answers."""
        headers = {name: value for name, value in request.headers.items() if _passes(name)}
        headers["connection"] = "close"
        if request.peer.address:
            headers["x-forwarded-for"] = request.peer.address
        method = "GET" if request.method == "HEAD" else request.method
        try:
            client = HttpClient(target.host, target.port, tls=self._context(target, kubelet))
            return await client.request(method, uri, headers, request.body, stream=True)
        except OSError as error:
            url = f"{'https' if target.tls else 'http'}://{_authority(target)}{uri}"
            text = f'{method.capitalize()} "{url}": {_said(error, target)}'
            raise errors.ApiError("", text, code=500) from error
        except ValueError as error:
            raise errors.bad_request(str(error)) from error

    async def upgrade(self, request: Request, target: Target, uri: str, *, kubelet: bool) -> Response:
        """The client's connection and one to the target become one. Raises ApiError before that."""
        if request.hijack is None:
            raise errors.bad_request("Upgrade request required")
        try:
            backend = await open_raw(target.host, target.port, self._context(target, kubelet))
        except OSError as error:
            raise errors.internal(f"error dialing backend: {_said(error, target)}") from error
        dropped = {"authorization": "", "host": ""}
        dropped |= {name: "" for name in request.headers if name.startswith("impersonate-")}
        head = rewritten(request.raw_head, request.method, uri, dropped | {"host": _authority(target)})
        try:
            client = await request.hijack()
            await backend.write(head + request.body)
        except ConnectionError:
            backend.close()
            return HIJACKED
        await relay(client, backend)
        return HIJACKED


def passed_on(answer: Response) -> Response:
    """An answer from behind, as ours."""
    answer.headers = tuple(pair for pair in answer.headers if pair[0].lower() not in _REMADE)
    return answer


def _passes(name: str) -> bool:
    return name not in _HOP and name not in _OWN and not name.startswith("impersonate-")


def _authority(target: Target) -> str:
    host = f"[{target.host}]" if ":" in target.host else target.host
    return f"{host}:{target.port}"


def _said(error: OSError, target: Target) -> str:
    """Go's wording of a failed dial."""
    what = {
        "ConnectionRefusedError": "connect: connection refused",
        "TimeoutError": "i/o timeout",
        "gaierror": "no such host",
    }.get(type(error).__name__, str(error))
    return f"dial tcp {_authority(target)}: {what}"
