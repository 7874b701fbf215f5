"""The kubelet's own API: logs, exec, and who may use it; static pods."""

from __future__ import annotations

import asyncio
import json
import ssl
from typing import Any

import pytest

from wherry.client.rest import Client
from wherry.cluster.pki import Leaf
from wherry.http.client import HttpClient
from wherry.http.tls import client_context

from .machine import NODE, Machine, pod
from .steps import PODS, create, delete, is_ready, run, until

pytestmark = pytest.mark.root


def https(machine: Machine, *, certificate: bool = True) -> HttpClient:
    ca = machine.folder / "pki" / "ca.crt"
    cert, key = machine.pki.ensure(Leaf("api", "kube-apiserver", "system:masters"))
    context = client_context(ca, cert if certificate else None, key if certificate else None)
    return HttpClient("127.0.0.1", 10250, tls=context)


def test_only_known_clients_get_in(machine: Machine) -> None:
    async def body(client: Client) -> None:
        anonymous, known = https(machine, certificate=False), https(machine)
        try:
            for path in ("/pods", "/healthz", "/stats/summary"):
                assert (await anonymous.request("GET", path)).status == 401
                assert (await known.request("GET", path)).status == 200
            assert (await known.request("GET", "/nope")).status == 404
        finally:
            await anonymous.close()
            await known.close()

    machine.run(body)


def test_logs(machine: Machine) -> None:
    script = "for i in 1 2 3 4 5; do echo line $i; done; echo err >&2; sleep 1; echo last; sleep 1000"

    async def body(client: Client) -> None:
        await run(client, pod("speaker", "sh", "-c", script))
        kubelet = https(machine)

        async def logs(query: str = "") -> str:
            response = await kubelet.request("GET", f"/containerLogs/default/speaker/c{query}")
            assert response.status == 200, response.body
            return response.body.decode()

        try:
            response = await kubelet.request(
                "GET", "/containerLogs/default/speaker/c?follow=true", stream=True
            )
            assert response.stream is not None
            text = b""
            async for chunk in response.stream:
                text += chunk
                if b"last" in text:
                    break
            await response.stream.aclose()  # type: ignore[attr-defined]
            lines = text.decode().splitlines()
            assert sorted(lines[:6]) == ["err", *(f"line {i}" for i in range(1, 6))] and lines[6] == "last"
            assert (await logs("?tailLines=1")) == "last\n"
            assert (await logs("?limitBytes=4&stream=Stdout")) == "line"
            stamped = await logs("?timestamps=true&tailLines=1")
            assert stamped.endswith("Z last\n") and stamped.startswith("20")
            assert (await logs("?stream=Stderr")) == "err\n"
            refused = await kubelet.request("GET", "/containerLogs/default/speaker/c?previous=true")
            assert refused.status == 400
            assert refused.body == b'previous terminated container "c" in pod "speaker" not found\n'
        finally:
            await kubelet.close()
        await delete(client, "speaker")

    machine.run(body)


def test_exec_over_a_websocket(machine: Machine) -> None:
    async def body(client: Client) -> None:
        await run(client, pod("shell", "sleep", "1000"))
        path = "/exec/default/shell/c?command=echo&command=hello&output=1&error=1"
        frames = await websocket(machine, path)
        out = b"".join(data for channel, data in frames if channel == 1)
        status = json.loads(b"".join(data for channel, data in frames if channel == 3))
        assert out == b"hello\n" and status["status"] == "Success"
        frames = await websocket(machine, "/exec/default/shell/c?command=false&output=1&error=1")
        status = json.loads(b"".join(data for channel, data in frames if channel == 3))
        assert status["details"]["causes"][0] == {"reason": "ExitCode", "message": "1"}
        await delete(client, "shell")

    machine.run(body)


async def websocket(machine: Machine, path: str) -> list[tuple[int, bytes]]:
    """All frames (channel, data) until the server closes."""
    ca = machine.folder / "pki" / "ca.crt"
    context: ssl.SSLContext = client_context(
        ca, *machine.pki.ensure(Leaf("api", "kube-apiserver", "system:masters"))
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", 10250, ssl=context)
    head = (
        f"GET {path} HTTP/1.1\r\nHost: kubelet\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Protocol: v4.channel.k8s.io\r\n\r\n"
    )
    writer.write(head.encode())
    status = await reader.readuntil(b"\r\n\r\n")
    assert status.startswith(b"HTTP/1.1 101"), status
    frames: list[tuple[int, bytes]] = []
    while True:
        try:
            first, length = await reader.readexactly(2)
        except asyncio.IncompleteReadError:
            break
        if length == 126:
            length = int.from_bytes(await reader.readexactly(2), "big")
        data = await reader.readexactly(length)
        if first & 15 == 8:
            break
        if data:
            frames.append((data[0], data[1:]))
    writer.close()
    return frames


def test_static_pods_and_their_mirrors(machine: Machine) -> None:
    manifests = machine.folder / "manifests"
    manifest: dict[str, Any] = pod("fixed", "sleep", "1000")
    del manifest["spec"]["nodeName"]

    async def body(client: Client) -> None:
        name = f"fixed-{NODE}"
        (manifests / "fixed.json").write_text(json.dumps(manifest))
        found = await until(client, name, is_ready)
        assert found.metadata.annotations["kubernetes.io/config.source"] == "file"
        first = found.status.containerStatuses[0].containerID
        await client.delete(PODS, name, "default", grace_period_seconds=0)
        again = await until(client, name, lambda p: p.metadata.uid != found.metadata.uid and is_ready(p))
        assert again.status.containerStatuses[0].containerID == first  # only the mirror was deleted
        (manifests / "broken.yaml").write_text("{")
        (manifests / "fixed.json").unlink()
        while (await client.list(PODS, "default", field_selector=f"metadata.name={name}")).items:
            await asyncio.sleep(0.02)
        (manifests / "broken.yaml").unlink()

    machine.run(body)


def test_containers_of_pods_deleted_meanwhile_are_removed(machine: Machine) -> None:
    async def before(client: Client) -> str:
        found = await run(client, pod("orphan", "sleep", "1000"))
        return str(found.metadata.uid)

    uid = machine.run(before)
    machine.kill("kubelet")

    async def after(client: Client) -> None:
        await client.delete(PODS, "orphan", "default", grace_period_seconds=0)
        machine.start_kubelet()
        while uid in machine.ctr("containers", "ls", f'labels."io.kubernetes.pod.uid"=={uid}'):
            await asyncio.sleep(0.05)
        await create(client, pod("after", "sleep", "1000"))
        await until(client, "after", is_ready)
        await delete(client, "after")

    machine.run(after)
