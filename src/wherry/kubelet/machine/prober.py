"""Makes probes on a real node: commands in containers, HTTP, TCP and gRPC to their addresses.

The answers' texts are upstream's (`kubelet/prober/prober.go`, `pkg/probe`), since people search for
them.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Any
from urllib.parse import quote

from wherry.cri.runtime import Sessions
from wherry.cri.types import ContainerStatus, RuntimeFault
from wherry.http.client import HttpClient
from wherry.http.messages import Response
from wherry.http.raw import open_raw
from wherry.kubelet.machine.env import expand
from wherry.kubelet.probes import Outcome

_MAX_BODY = 10 * 1024
_USER_AGENT = "kube-probe/1.37"
SUCCESS = Outcome("success")


class LinuxProber:
    def __init__(self, runtime: Sessions) -> None:
        self._runtime = runtime

    async def probe(self, pod: Any, container: Any, run: ContainerStatus, probe: Any, ip: str) -> Outcome:
        timeout = float(max(1, probe.timeoutSeconds or 1))
        if pod.spec.hostNetwork and not ip:
            ip = pod.status.hostIP or "127.0.0.1"
        try:
            if probe.exec is not None:
                return await self._exec(container, run, probe.exec.command, timeout)
            if probe.httpGet is not None:
                return await http_probe(container, probe.httpGet, ip, timeout)
            if probe.tcpSocket is not None:
                host = probe.tcpSocket.host or ip
                return await tcp_probe(host, port_number(container, probe.tcpSocket.port), timeout)
            if probe.grpc is not None:
                return await grpc_probe(ip, probe.grpc.port, probe.grpc.service or "", timeout)
        except ValueError as error:
            return Outcome("unknown", str(error))
        return Outcome("unknown", "missing probe handler")

    async def _exec(self, container: Any, run: ContainerStatus, command: Any, timeout: float) -> Outcome:
        known = {entry.name: entry.value or "" for entry in container.env if entry.valueFrom is None}
        words = [expand(word, known) for word in command]
        try:
            result = await self._runtime.exec(run.id, words, timeout)
        except RuntimeFault as fault:
            if fault.code == "DEADLINE_EXCEEDED":
                return Outcome(
                    "failure", f'command timed out: "{" ".join(words)}" timed out after {timeout:g}s'
                )
            if fault.code == "NOT_FOUND":
                return Outcome("unknown", fault.rpc_text)
            return Outcome("failure", fault.rpc_text)
        output = (result.stdout + result.stderr)[:_MAX_BODY].decode("utf-8", "replace")
        return Outcome("failure" if result.exit_code else "success", output)


def port_number(container: Any, port: Any) -> int:
    """A port as probes and hooks name it: a number or the name of one of the container's ports."""
    if isinstance(port, int):
        return _in_range(port)
    if str(port).isdigit():
        return _in_range(int(port))
    for entry in container.ports:
        if entry.name == port:
            return int(entry.containerPort)
    raise ValueError(f"couldn't find port: {port} in container {container.name}")


def _in_range(port: int) -> int:
    if not 0 < port < 65536:
        raise ValueError(f"invalid port number: {port}")
    return port


async def http_get(container: Any, action: Any, ip: str, timeout: float) -> tuple[str, Response]:
    """(URL, answer) of an httpGet handler; OSError when there is no answer."""
    scheme = (action.scheme or "HTTP").lower()
    host, port = action.host or ip, port_number(container, action.port)
    path = "/" + quote((action.path or "/").lstrip("/"), safe="/?&=%:@!$'()*+,;-._~")
    headers = {"user-agent": _USER_AGENT, "accept": "*/*", "connection": "close"}
    headers |= {header.name.lower(): header.value or "" for header in action.httpHeaders}
    wanted_host = headers.pop("host", "")
    context = _unverified() if scheme == "https" else None
    client = HttpClient(host, port, tls=context, server_hostname=wanted_host, connect_timeout=timeout)
    name = f"[{host}]" if ":" in host else host
    try:
        response = await client.request("GET", path, headers, timeout=timeout, max_body=64 << 20)
    finally:
        await client.close()
    return f"{scheme}://{name}:{port}{path}", response


async def http_probe(container: Any, action: Any, ip: str, timeout: float) -> Outcome:
    host, port = action.host or ip, port_number(container, action.port)
    name = f"[{host}]" if ":" in host else host
    scheme = (action.scheme or "HTTP").lower()
    url = f"{scheme}://{name}:{port}/{(action.path or '/').lstrip('/')}"
    try:
        async with asyncio.timeout(timeout):
            _, response = await http_get(container, action, ip, timeout)
    except TimeoutError:
        late = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
        return Outcome("failure", f'Get "{url}": {late}')
    except OSError as error:
        return Outcome("failure", f'Get "{url}": {dial_error(error, name, port)}')
    if 200 <= response.status < 400:
        return SUCCESS
    return Outcome("failure", f"HTTP probe failed with statuscode: {response.status}")


async def tcp_probe(host: str, port: int, timeout: float) -> Outcome:
    name = f"[{host}]" if ":" in host else host
    try:
        stream = await open_raw(host, port, timeout=timeout)
    except TimeoutError:
        return Outcome("failure", f"dial tcp {name}:{port}: i/o timeout")
    except OSError as error:
        return Outcome("failure", dial_error(error, name, port))
    stream.close()
    return SUCCESS


async def grpc_probe(host: str, port: int, service: str, timeout: float) -> Outcome:
    """grpc.health.v1.Health/Check, encoded by hand: one string out, one enum back."""
    import grpc
    import grpc.aio

    name = service.encode()
    request = b"\x0a" + bytes([len(name)]) + name if name else b""
    target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    async with grpc.aio.insecure_channel(target) as channel:
        check = channel.unary_unary("/grpc.health.v1.Health/Check")
        try:
            answer = await check(request, timeout=timeout)
        except grpc.aio.AioRpcError as error:
            if error.code() == grpc.StatusCode.UNIMPLEMENTED:
                text = "server does not implement the grpc health protocol (grpc.health.v1.Health)"
                return Outcome("failure", f"error: this {text}: {error.details()}")
            late = f'timeout: failed to connect service "{target}" within {timeout:g}s'
            unreachable = error.code() in (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNAVAILABLE)
            return Outcome(
                "failure", late if unreachable else f"error: health rpc probe failed: {error.details()}"
            )
    serving = answer == b"\x08\x01"
    return SUCCESS if serving else Outcome("failure", 'service unhealthy (responded with "NOT_SERVING")')


def dial_error(error: OSError, host: str, port: int) -> str:
    """As Go's net package words it."""
    words = {
        111: "connect: connection refused",
        113: "connect: no route to host",
        101: "connect: network is unreachable",
    }
    text = words.get(error.errno or 0, str(error.strerror or error).lower())
    return f"dial tcp {host}:{port}: {text}"


def _unverified() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
