"""`Runtime` over CRI v1: containerd 1.6 and later, CRI-O.

What a runtime can't do is found out by asking: container events come from CRI's GetContainerEvents
where there is one, else from containerd's own event stream on the same socket, else there are none
and the kubelet's relist has to do. A call never outlives its deadline, and every failure is a
`RuntimeFault` with gRPC's code.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc
import grpc.aio
from cri_api.v1 import api_pb2 as pb
from cri_api.v1 import api_pb2_grpc as rpc

from wherry.cri import convert
from wherry.cri.events import NAMESPACE, SUBSCRIBE, decode, subscribe_request
from wherry.cri.types import (
    POD_UID,
    Auth,
    ContainerConfig,
    ContainerStatus,
    ContainerUsage,
    Event,
    ExecResult,
    Image,
    Resources,
    RuntimeFault,
    RuntimeInfo,
    Sandbox,
    SandboxConfig,
    Snapshot,
)

_MAX_MESSAGE = 64 << 20
_REQUEST = 120.0
_SANDBOX = 240.0  # network plugins take their time
_RECONNECT = 0.5
_EVENTS: dict[int, Any] = {pb.CONTAINER_STOPPED_EVENT: "exited", pb.CONTAINER_DELETED_EVENT: "deleted"}


class _Connection:
    def __init__(self, endpoint: str) -> None:
        target = endpoint if "://" in endpoint else f"unix://{endpoint}"
        options = [
            ("grpc.max_receive_message_length", _MAX_MESSAGE),
            ("grpc.initial_reconnect_backoff_ms", 50),
            ("grpc.max_reconnect_backoff_ms", 1000),
        ]
        self._channel = grpc.aio.insecure_channel(target, options=options)
        self._runtime: Any = rpc.RuntimeServiceStub(self._channel)  # type: ignore[no-untyped-call]
        self._images: Any = rpc.ImageServiceStub(self._channel)  # type: ignore[no-untyped-call]

    async def close(self) -> None:
        await self._channel.close()


class _Sessions(_Connection):
    async def exec(self, container_id: str, command: Sequence[str], timeout: float) -> ExecResult:
        request = pb.ExecSyncRequest(container_id=container_id, cmd=command, timeout=int(timeout))
        reply = await _call(self._runtime.ExecSync, request, timeout + _REQUEST if timeout else None)
        return ExecResult(reply.exit_code, reply.stdout, reply.stderr)

    async def exec_url(
        self, container_id: str, command: Sequence[str], *, stdin: bool, stdout: bool, stderr: bool, tty: bool
    ) -> str:
        request = pb.ExecRequest(
            container_id=container_id, cmd=command, tty=tty, stdin=stdin, stdout=stdout, stderr=stderr
        )
        return str((await _call(self._runtime.Exec, request)).url)

    async def attach_url(
        self, container_id: str, *, stdin: bool, stdout: bool, stderr: bool, tty: bool
    ) -> str:
        request = pb.AttachRequest(
            container_id=container_id, tty=tty, stdin=stdin, stdout=stdout, stderr=stderr
        )
        return str((await _call(self._runtime.Attach, request)).url)

    async def port_forward_url(self, sandbox_id: str, ports: Sequence[int]) -> str:
        request = pb.PortForwardRequest(pod_sandbox_id=sandbox_id, port=ports)
        return str((await _call(self._runtime.PortForward, request)).url)


class _Images(_Connection):
    async def pull_image(self, image: str, auth: Auth | None, sandbox: SandboxConfig | None) -> str:
        request = pb.PullImageRequest(
            image=pb.ImageSpec(image=image),
            auth=convert.auth(auth) if auth else None,
            sandbox_config=convert.sandbox_config(sandbox) if sandbox else None,
        )
        return str((await _call(self._images.PullImage, request, None)).image_ref)

    async def image_status(self, image: str) -> Image | None:
        reply = await _call(self._images.ImageStatus, pb.ImageStatusRequest(image=pb.ImageSpec(image=image)))
        return convert.image(reply.image) if reply.HasField("image") else None

    async def list_images(self) -> list[Image]:
        reply = await _call(self._images.ListImages, pb.ListImagesRequest())
        return [convert.image(message) for message in reply.images]

    async def remove_image(self, image: str) -> None:
        await _idempotent(self._images.RemoveImage, pb.RemoveImageRequest(image=pb.ImageSpec(image=image)))


class GrpcRuntime(_Sessions, _Images):
    """One connection to a runtime. Make it inside the running loop; `close` it there too."""

    async def info(self) -> RuntimeInfo:
        version = await _call(self._runtime.Version, pb.VersionRequest(version="0.1.0"), 10)
        status = await _call(self._runtime.Status, pb.StatusRequest(), 10)
        conditions = {c.type: c for c in status.status.conditions}
        ready, network = conditions.get("RuntimeReady"), conditions.get("NetworkReady")
        return RuntimeInfo(
            name=version.runtime_name,
            version=version.runtime_version.removeprefix("v").partition("~")[0],
            ready=ready is not None and ready.status,
            network_ready=network is not None and network.status,
            ready_message=_condition_text(ready, "RuntimeReady"),
            network_message=_condition_text(network, "NetworkReady"),
            cgroup_driver=await self._cgroup_driver(),
        )

    async def _cgroup_driver(self) -> str:
        try:
            config = await _call(self._runtime.RuntimeConfig, pb.RuntimeConfigRequest(), 10)
        except RuntimeFault as fault:
            if fault.code == "UNIMPLEMENTED":
                return ""
            raise
        return "systemd" if config.linux.cgroup_driver == pb.SYSTEMD else "cgroupfs"

    async def snapshot(self, pod_uid: str = "") -> Snapshot:
        labels = {POD_UID: pod_uid} if pod_uid else {}
        sandboxes, containers = await asyncio.gather(
            _call(
                self._runtime.ListPodSandbox,
                pb.ListPodSandboxRequest(filter=pb.PodSandboxFilter(label_selector=labels)),
            ),
            _call(
                self._runtime.ListContainers,
                pb.ListContainersRequest(filter=pb.ContainerFilter(label_selector=labels)),
            ),
        )
        return Snapshot(
            _newest_first([convert.sandbox(m) for m in sandboxes.items]),
            _newest_first([convert.container(m) for m in containers.containers]),
        )

    async def usage(self) -> list[ContainerUsage]:
        reply = await _call(self._runtime.ListContainerStats, pb.ListContainerStatsRequest())
        return [convert.usage(message) for message in reply.stats]

    async def events(self) -> AsyncIterator[Event]:
        own = True
        while True:
            yield Event("lost")
            try:
                async for event in self._cri_events() if own else self._containerd_events():
                    yield event
            except grpc.aio.AioRpcError as error:
                if own and error.code() == grpc.StatusCode.UNIMPLEMENTED:
                    own = False
                    continue
            await asyncio.sleep(_RECONNECT)

    async def _cri_events(self) -> AsyncIterator[Event]:
        async for message in self._runtime.GetContainerEvents(pb.GetEventsRequest()):
            kind = _EVENTS.get(message.container_event_type)
            if kind:
                yield Event(kind, message.container_id)

    async def _containerd_events(self) -> AsyncIterator[Event]:
        stream = self._channel.unary_stream(SUBSCRIBE, request_serializer=None, response_deserializer=None)
        async for message in stream(subscribe_request(), metadata=NAMESPACE):
            try:
                event = decode(message)
            except ValueError:
                event = Event("lost")
            if event is not None:
                yield event

    # --- sandboxes

    async def run_sandbox(self, config: SandboxConfig, handler: str = "") -> str:
        request = pb.RunPodSandboxRequest(config=convert.sandbox_config(config), runtime_handler=handler)
        reply = await _call(self._runtime.RunPodSandbox, request, _SANDBOX)
        return str(reply.pod_sandbox_id)

    async def stop_sandbox(self, sandbox_id: str) -> None:
        request = pb.StopPodSandboxRequest(pod_sandbox_id=sandbox_id)
        await _idempotent(self._runtime.StopPodSandbox, request)

    async def remove_sandbox(self, sandbox_id: str) -> None:
        request = pb.RemovePodSandboxRequest(pod_sandbox_id=sandbox_id)
        await _idempotent(self._runtime.RemovePodSandbox, request)

    async def sandbox_status(self, sandbox_id: str) -> Sandbox:
        request = pb.PodSandboxStatusRequest(pod_sandbox_id=sandbox_id)
        reply = await _call(self._runtime.PodSandboxStatus, request)
        return convert.sandbox(reply.status)

    # --- containers

    async def create_container(self, sandbox_id: str, config: ContainerConfig, sandbox: SandboxConfig) -> str:
        request = pb.CreateContainerRequest(
            pod_sandbox_id=sandbox_id,
            config=convert.container_config(config),
            sandbox_config=convert.sandbox_config(sandbox),
        )
        reply = await _call(self._runtime.CreateContainer, request)
        return str(reply.container_id)

    async def start_container(self, container_id: str) -> None:
        await _call(self._runtime.StartContainer, pb.StartContainerRequest(container_id=container_id))

    async def stop_container(self, container_id: str, grace: float) -> None:
        request = pb.StopContainerRequest(container_id=container_id, timeout=max(0, int(grace)))
        await _idempotent(self._runtime.StopContainer, request, grace + _REQUEST)

    async def remove_container(self, container_id: str) -> None:
        await _idempotent(self._runtime.RemoveContainer, pb.RemoveContainerRequest(container_id=container_id))

    async def container_status(self, container_id: str) -> ContainerStatus:
        request = pb.ContainerStatusRequest(container_id=container_id)
        reply = await _call(self._runtime.ContainerStatus, request)
        return convert.container_status(reply.status)

    async def update_container(self, container_id: str, resources: Resources) -> None:
        request = pb.UpdateContainerResourcesRequest(
            container_id=container_id, linux=convert.resources(resources)
        )
        await _call(self._runtime.UpdateContainerResources, request)

    async def reopen_log(self, container_id: str) -> None:
        await _call(self._runtime.ReopenContainerLog, pb.ReopenContainerLogRequest(container_id=container_id))


async def _call(method: Any, request: Any, timeout: float | None = _REQUEST) -> Any:
    try:
        return await method(request, timeout=timeout)
    except grpc.aio.AioRpcError as error:
        raise RuntimeFault(error.code().name, error.details() or error.code().name) from error


async def _idempotent(method: Any, request: Any, timeout: float = _REQUEST) -> None:
    try:
        await _call(method, request, timeout)
    except RuntimeFault as fault:
        if fault.code != "NOT_FOUND":
            raise


def _condition_text(condition: Any, name: str) -> str:
    if condition is None:
        return f"{name} is not reported"
    return "" if condition.status else f"{condition.reason}: {condition.message}"


def _newest_first(items: list[Any]) -> tuple[Any, ...]:
    return tuple(sorted(items, key=lambda item: (item.created_at, item.id), reverse=True))
